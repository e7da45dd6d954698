package oncall

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
)

func TestPressIsAuthorised(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		f := func(p leadline.Press, want string) {
			t.Helper()
			if answer, alert := o.Press(t.Context(), p); answer != want || !alert {
				t.Errorf("%+v: %q %v", p, answer, alert)
			}
		}
		const stranger = "Your Telegram account is not linked to anybody who may do this. Ask for it to be added under people."
		f(leadline.Press{From: 99, Chat: ops, Incident: 1, Action: leadline.ActionAck}, stranger)
		f(leadline.Press{From: 0, Chat: ops, Incident: 1, Action: leadline.ActionAck}, stranger)
		f(leadline.Press{From: anna.TelegramID, Chat: -5, Incident: 1, Action: leadline.ActionAck}, "This chat is not told of that incident, so it can't be handled here.")
		f(leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 7, Action: leadline.ActionAck}, "This chat is not told of that incident, so it can't be handled here.")
		f(leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 1, Action: "dance"}, `Leadline does not know the action "dance".`)
		if i := o.incident(1); i.Revision != 1 || i.State != leadline.IncidentOpen {
			t.Errorf("%+v", i)
		}
		if _, _, err := o.Act(t.Context(), Actor{"Anna", "api"}, 7, leadline.ActionAck); !errors.Is(err, ErrNoIncident) {
			t.Errorf("%v", err)
		}
	})
}

func TestPressFollowsTheIncident(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(130 * time.Second)
		f := func(who leadline.Person, action leadline.Action, want string, wantAlert bool) {
			t.Helper()
			answer, alert := o.Press(t.Context(), leadline.Press{From: who.TelegramID, Chat: ops, Incident: 1, Revision: 1, Action: action})
			if answer != want || alert != wantAlert {
				t.Errorf("%q %v, want %q", answer, alert, want)
			}
		}
		f(anna, leadline.ActionAck, "Acked by you after 2 min 10 s.", false)
		f(boris, leadline.ActionAck, "Already acked by Anna.", true)
		f(anna, leadline.ActionAck, "Already acked by you.", true)
		f(boris, leadline.ActionResolve, "Resolved. It still fires: if it does so in 10 min, it opens again.", false)
		f(anna, leadline.ActionResolve, "Already resolved by Boris.", true)
		f(anna, leadline.ActionAck, "Already resolved by Boris.", true)
		o.apply(change(leadline.ChangeResolved, "", "a"))
		if i := o.incident(1); i.ResolvedBy != "Boris" || i.Alerts[0].State != leadline.StateOK || i.Revision != 3 {
			t.Errorf("%+v", i)
		}
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(5 * time.Second)
		f(anna, leadline.ActionResolve, "It is over already: resolved by itself 5.0 s ago.", true)
		same(t, "timeline", o.timeline(1), `
opened: campaign="a" fires: page, 20 s after it began
acked: Anna telegram 2 min 10 s after it opened
resolved: Boris telegram by hand, 2 min 30 s after it began
recovered: campaign="a" is fine again after 2 min 30 s
reopened: it fired again 0.0 s after its end
recovered: campaign="a" is fine again after 20 s
resolved: 2 min 30 s after it began`)
	})
}

// A resolve by hand is taken back where the rule still fires later, and the timer for that outlives the process.
func TestResolvedByHandAndStillFiring(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		stop := o.run()
		o.wait(time.Second)
		if _, alert := o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 1, Action: leadline.ActionResolve}); alert {
			t.Fatal("refused")
		}
		o.wait(5 * time.Minute)
		same(t, "resolved", o.phone.screen(), "-100/1 INC-1 page resolved r2")
		stop()
		o.Desk = New(o.options)
		o.wait(3 * time.Minute)
		stop = o.run()
		defer stop()
		o.wait(2*time.Minute + choreEvery + time.Second)
		same(t, "reopened", o.phone.screen(), "-100/1 INC-1 page resolved r2\n-100/2 INC-1 page open r3")
		if r := o.incident(1).Texts[TextRemark]; r != "Reopened: it still fires 10 min after Anna resolved it" {
			t.Errorf("%q", r)
		}
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(time.Minute)
		same(t, "at the end", o.phone.screen(), "-100/1 INC-1 page resolved r2\n-100/2 INC-1 page resolved r4")
	})
}

func TestResolvedByHandAndOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "page", "a"))
		o.wait(time.Second)
		o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 1, Action: leadline.ActionResolve})
		o.apply(change(leadline.ChangeLevel, "ticket", "a")) // it fell: no reason to open again
		o.apply(change(leadline.ChangeResolved, "", "a"))
		o.wait(2 * reopenWithin)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 page resolved r2")
	})
}

func TestRisenAfterResolvedByHandOpensAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		defer o.run()()
		o.apply(change(leadline.ChangeFiring, "ticket", "a"))
		o.wait(time.Second)
		o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 1, Action: leadline.ActionResolve})
		o.wait(2 * time.Second)
		o.apply(change(leadline.ChangeLevel, "page", "a"))
		o.wait(time.Second)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 ticket resolved r2\n-100/2 INC-1 page open r3")
	})
}
