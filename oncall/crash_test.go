package oncall

import (
	"testing"
	"testing/synctest"
	"time"

	"leadline"
)

// A script of eight steps is killed at every third tenth of a second: between any two writes, and while requests are under way,
// which then arrived or did not. Afterwards it goes on in a new process, and in the end all is as the model wants it.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	press := func(action leadline.Action) func(w *world) {
		return func(w *world) {
			w.Press(w.office.t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 1, Action: action})
		}
	}
	series := func(c leadline.Change, severity, campaign string, s leadline.State) func(w *world) {
		return func(w *world) {
			w.series["latency"+campaign] = s
			w.apply(change(c, severity, campaign))
		}
	}
	script := map[int]func(w *world){ // by tenth of a second
		1:  series(leadline.ChangeFiring, "ticket", "a", leadline.StateFiring),
		2:  press(leadline.ActionAck),
		14: series(leadline.ChangeFiring, "ticket", "b", leadline.StateFiring),
		16: series(leadline.ChangeLevel, "page", "b", leadline.StateFiring),
		28: press(leadline.ActionResolve),
		30: series(leadline.ChangeResolved, "", "a", ""),
		31: series(leadline.ChangeFiring, "page", "a", leadline.StateFiring),
		45: series(leadline.ChangeResolved, "", "b", ""),
	}
	const end = 50
	for kill := 0; kill < end; kill += 3 {
		for _, arrives := range []bool{true, false} {
			synctest.Test(t, func(t *testing.T) {
				w := &world{office: newOffice(t), series: map[string]leadline.State{}}
				w.phone.took = 250 * time.Millisecond
				w.stop = w.run()
				for tenth := range end {
					if step := script[tenth]; step != nil {
						step(w)
					}
					w.wait(10 * time.Millisecond)
					if tenth == kill {
						w.crash(w.stop, func() bool { return arrives })
						w.stop = w.run()
					}
					w.wait(90 * time.Millisecond)
				}
				w.wait(2 * time.Minute)
				w.check(t)
				w.stop()
			})
		}
	}
}

// A ticket is not sent again after an unknown outcome, but what changed since that send began is news.
func TestChangeDuringASendThatWasLostIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		o := newOffice(t)
		o.phone.took = time.Second
		stop := o.run()
		o.apply(change(leadline.ChangeFiring, "ticket", "a"))
		o.wait(100 * time.Millisecond)
		o.Press(t.Context(), leadline.Press{From: anna.TelegramID, Chat: ops, Incident: 1, Action: leadline.ActionAck})
		o.wait(100 * time.Millisecond)
		o.crash(stop, func() bool { return false })
		defer o.run()()
		o.wait(time.Minute)
		same(t, "phone", o.phone.screen(), "-100/1 INC-1 ticket acked r2 repeat")
	})
}
