package oncall

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
)

func TestOneLivingMessage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(time.Second)
		o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 1, Action: leadline.ActionAck})
		o.wait(2 * time.Second)
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(2 * time.Second)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page resolved r3")
		i := o.incident(1)
		if i.NotifiedAt.Sub(i.OpenedAt) > time.Second || i.NotifiedAt.IsZero() {
			t.Errorf("notified at %s", i.NotifiedAt)
		}
		if !strings.Contains(o.timeline(1), "delivered: chat -100, 0.0 s after it opened") {
			t.Error(o.timeline(1))
		}
		if len(o.phone.heard()) != 3 {
			t.Errorf("%d calls", len(o.phone.heard()))
		}
	})
}

func TestChangesMeanwhileBecomeOneEdit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.took = 2 * time.Second
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(time.Second)
		for n := range 20 {
			o.apply(change(leadline.ChangeFiring, "page", fmt.Sprint("b", n)))
		}
		o.wait(10 * time.Second)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page open r21")
		if len(o.phone.heard()) != 2 {
			t.Errorf("%d calls", len(o.phone.heard()))
		}
	})
}

// failing lets the first calls end with these errors, and every later one succeed.
func (p *phone) failing(arrives bool, errs ...error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = func(leadline.Notice) (bool, error) {
		if len(errs) == 0 {
			return true, nil
		}
		err := errs[0]
		errs = errs[1:]
		return arrives, err
	}
}

func TestBusyChatWaitsAsAsked(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.failing(false, &leadline.DeliveryError{Problem: leadline.DeliverLater, After: 37 * time.Second})
		o.incidents(2, "page")
		defer o.run()()
		o.wait(36 * time.Second)
		if len(o.phone.heard()) != 1 {
			t.Errorf("%d calls: the other incident of the chat must wait as well", len(o.phone.heard()))
		}
		o.wait(10 * time.Second)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page open r1\n-100/2 INC-2 page open r1")
	})
}

func TestNetworkErrorsBackOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		refused := errors.New("connection refused")
		o.phone.failing(false, refused, refused, refused, refused, refused, refused, refused, refused, refused)
		start := time.Now()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		defer o.run()()
		o.wait(10 * time.Minute)
		var got []int
		for _, c := range o.phone.heard() {
			got = append(got, int(c.at.Sub(start).Seconds()))
		}
		same(t, "calls", fmt.Sprint(got), "[0 1 3 7 15 31 63 123 183 243]")
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page open r1")
		if row := o.rows(1)[0]; row.Attempts != 0 || row.LastError != "" {
			t.Errorf("%+v", row)
		}
	})
}

func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.run()()
		o.phone.failing(true, problem(leadline.DeliverUnknown))
		o.incidents(1, "page")
		o.wait(5 * time.Second)
		same(t, "a page is repeated and says so", o.phone.screen(), "-100/1 INC-1 page open r1\n-100/2 INC-1 page open r1 repeat")

		o.phone.failing(false, problem(leadline.DeliverUnknown))
		o.incidents(1, "ticket")
		o.wait(2 * time.Minute)
		if n := strings.Count(o.phone.screen(), "INC-2"); n != 0 {
			t.Errorf("a ticket was repeated:\n%s", o.phone.screen())
		}
		o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 2, Action: leadline.ActionAck})
		o.wait(2 * time.Second)
		same(t, "a ticket comes with its next change", o.phone.screen(), "-100/1 INC-1 page open r1\n-100/2 INC-1 page open r1 repeat\n-100/3 INC-2 ticket acked r2 repeat")

		o.phone.failing(false, problem(leadline.DeliverUnknown))
		o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 2, Action: leadline.ActionResolve})
		o.wait(5 * time.Second)
		if !strings.Contains(o.phone.screen(), "-100/3 INC-2 ticket resolved r3 repeat") {
			t.Errorf("an edit was not repeated:\n%s", o.phone.screen())
		}
	})
}

func TestMovedChat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.fail = func(n leadline.Notice) (bool, error) {
			if n.Chat == ops {
				return false, &leadline.DeliveryError{Problem: leadline.DeliverMoved, Chat: -1001}
			}
			return true, nil
		}
		stop := o.run()
		o.incidents(2, "page")
		o.wait(5 * time.Second)
		same(t, "phone", o.phone.screen(), "-1001/1 INC-1 page open r1\n-1001/2 INC-2 page open r1")
		stop()
		o.Desk = New(o.options) // the configuration still has the old id
		defer o.run()()
		o.incidents(3, "ticket")
		o.wait(5 * time.Second)
		if n := strings.Count(o.phone.screen(), "-1001/"); n != 5 || len(o.phone.heard()) != 6 {
			t.Errorf("%d calls\n%s", len(o.phone.heard()), o.phone.screen())
		}
		if answer, alert := o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: -1001, Incident: 1, Action: leadline.ActionAck}); alert {
			t.Error(answer)
		}
		if !strings.Contains(o.timeline(1), "moved: chat -100 is now -1001: write it into the configuration") {
			t.Error(o.timeline(1))
		}
	})
}

func TestChatThatMovesInACircleIsGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.fail = func(n leadline.Notice) (bool, error) {
			return false, &leadline.DeliveryError{Problem: leadline.DeliverMoved, Chat: map[int64]int64{ops: -7, -7: ops}[n.Chat]}
		}
		defer o.run()()
		o.incidents(1, "page")
		o.wait(time.Minute)
		if rows := o.rows(1); len(o.phone.heard()) != 2 || len(rows) != 1 || !rows[0].Dead {
			t.Errorf("%d calls, %+v", len(o.phone.heard()), rows)
		}
	})
}

func TestGoneChat(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.chats = Chats{"ops": {Chat: ops}, "growth": {Chat: -200, Thread: 4}, "night": {Chat: 300}}
		o.phone.fail = func(n leadline.Notice) (bool, error) {
			if n.Chat == -200 {
				return false, &leadline.DeliveryError{Problem: leadline.DeliverGone, Detail: "bot was kicked"}
			}
			return true, nil
		}
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(5 * time.Second)
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(5 * time.Second)
		same(t, "all others are told instead", o.phone.screen(), "-100/1 INC-1 page resolved r2\n300/2 INC-1 page resolved r2")
		if !strings.Contains(o.timeline(1), "undelivered: chat -200 cannot be reached: bot was kicked") || len(o.phone.heard()) != 5 {
			t.Errorf("%d calls\n%s", len(o.phone.heard()), o.timeline(1))
		}
	})
}

func TestRefusedMessageGivesTheNextOneAChance(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.failing(false, problem(leadline.DeliverBad))
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(2 * time.Minute)
		if len(o.phone.heard()) != 1 || !strings.Contains(o.timeline(1), "undelivered: chat -100 refused the message: planned") {
			t.Errorf("%d calls\n%s", len(o.phone.heard()), o.timeline(1))
		}
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(5 * time.Second)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page resolved r2")
	})
}

// After an outage every incident is told once, as it is now, and not at all if it was over within a minute.
func TestNoStaleFlood(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		var up atomic.Bool
		o.phone.fail = func(leadline.Notice) (bool, error) {
			if !up.Load() {
				return false, errors.New("no route to host")
			}
			return true, nil
		}
		defer o.run()()
		fire := func(rule string, c leadline.Change) {
			tr := change(c, "page", "a")
			tr.Rule = rule
			o.apply(tr)
		}
		fire("short", leadline.ChangeFiring)
		fire("long", leadline.ChangeFiring)
		fire("lasting", leadline.ChangeFiring)
		o.wait(50 * time.Second)
		fire("short", leadline.ChangeResolved)
		o.wait(5 * time.Minute)
		fire("long", leadline.ChangeResolved)
		o.wait(5 * time.Minute)
		up.Store(true)
		o.wait(2 * time.Minute)
		same(t, "phone", o.phone.screen(), "-100/1 INC-2 page resolved r2\n-100/2 INC-3 page open r1")
		if !strings.Contains(o.timeline(1), "not_told: chat -100: over after 50 s, before it could be told") {
			t.Error(o.timeline(1))
		}
	})
}

// The page may lie in the chat although nobody knows: it must not stay there as open when its second life was short.
func TestReopenedAfterAnUnknownOutcomeIsToldItsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.run()()
		later := &leadline.DeliveryError{Problem: leadline.DeliverLater, After: 20 * time.Second}
		o.phone.failing(true, problem(leadline.DeliverUnknown), later)
		for _, c := range []leadline.Change{leadline.ChangeFiring, leadline.ChangeResolved, leadline.ChangeFiring, leadline.ChangeResolved} {
			o.apply(change(c, "page", "a"))
			o.wait(3 * time.Second)
		}
		o.wait(2 * time.Minute)
		if !strings.Contains(o.phone.screen(), "INC-1 page resolved r4") {
			t.Errorf("phone:\n%s\n%s", o.phone.screen(), o.timeline(1))
		}
	})
}

func TestRisenToAPageRings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "ticket", "a"))
		o.wait(2 * time.Second)
		for _, severity := range []string{"page", "ticket", "page"} {
			o.apply(change(leadline.ChangeLevel, severity, "a"))
			o.wait(2 * time.Second)
		}
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 ticket open r1\n-100/2 INC-1 page open r4")
	})
}

func TestRisenWhileAnEditIsUnderWayRingsAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.took = 2 * time.Second
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "ticket", "a"))
		o.wait(4 * time.Second)
		o.apply(change(leadline.ChangeFiring, "ticket", "b"))
		o.wait(time.Second)
		o.apply(change(leadline.ChangeLevel, "page", "a"))
		o.wait(10 * time.Second)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 ticket open r2\n-100/2 INC-1 page open r3")
	})
}

func TestEndOfRunWaitsForSends(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.took = 2 * time.Second
		stop := o.run()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(time.Second)
		stop()
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page open r1")
		if rows := o.rows(1); rows[0].Ref != "1" || !rows[0].SendingSince.IsZero() {
			t.Errorf("%+v", rows)
		}
		o.phone.took = time.Hour // hangs: the end does not wait for ever, and the outcome is unknown
		stop = o.run()
		o.incidents(1, "page")
		o.wait(time.Second)
		start := time.Now()
		stop()
		if took := time.Since(start); took > 2*lastWords {
			t.Errorf("took %s", took)
		}
		if rows := o.rows(2); !rows[0].Maybe {
			t.Errorf("%+v", rows)
		}
	})
}

func TestWithoutChatsTheNotifierStillHearsOfIt(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		var log strings.Builder
		o.chats, o.notifier = nil, NewLogNotifier(plain(&log))
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(time.Second)
		same(t, "log", log.String(), `
level=WARN msg="telegram: no token configured, messages are only logged"
level=INFO msg="message that would be sent" incident=1 rule=g/latency state=open severity=page summary="P95 of a" on_call="" revision=1 edit=false bottleneck=enrich.geoip share=0.9`)
		if o.incident(1).NotifiedAt.IsZero() {
			t.Error("not marked as notified")
		}
	})
}
