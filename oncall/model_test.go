package oncall

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"leadline"
	"leadline/state"
)

// crash kills the process at this moment: what is on the disk and on the phone stays, all else is gone.
func (o *office) crash(stop func(), arrives func() bool) {
	o.t.Helper()
	synctest.Wait() // nobody writes
	before, path := o.options.State.Path(), filepath.Join(o.t.TempDir(), "state.db")
	for _, suffix := range []string{"", "-wal"} {
		data, err := os.ReadFile(before + suffix)
		if err != nil {
			o.t.Fatal(err)
		}
		if err := os.WriteFile(path+suffix, data, 0o600); err != nil {
			o.t.Fatal(err)
		}
	}
	after := o.phone.after(arrives)
	stop()
	_ = o.db.Close()
	o.phone, o.db = after, openState(o.t, path)
	o.options.State, o.options.Notifier = o.db, o.phone
	o.Desk = New(o.options)
}

// world is what the model knows of the series that the rule engine watches.
type world struct {
	*office
	t      *rapid.T                  // nil in a fixed script
	series map[string]leadline.State // by rule and campaign
	stop   func()
}

func (w *world) transition() {
	rule := rapid.SampledFrom([]string{"latency", "errors"}).Draw(w.t, "rule")
	campaign := rapid.SampledFrom([]string{"a", "b"}).Draw(w.t, "campaign")
	key := rule + campaign
	changes := map[leadline.State][]leadline.Change{
		"":                   {leadline.ChangeFiring},
		leadline.StateFiring: {leadline.ChangeResolved, leadline.ChangeResolved, leadline.ChangeLevel, leadline.ChangeNoData, leadline.ChangeError},
		leadline.StateNoData: {leadline.ChangeDataBack},
	}[w.series[key]]
	c := change(rapid.SampledFrom(changes).Draw(w.t, "change"), rapid.SampledFrom([]string{"page", "page", "ticket"}).Draw(w.t, "severity"), campaign)
	c.Rule, c.Detail = rule, "timeout"
	switch c.Change {
	case leadline.ChangeFiring, leadline.ChangeDataBack:
		w.series[key] = leadline.StateFiring
	case leadline.ChangeNoData:
		w.series[key] = leadline.StateNoData
	case leadline.ChangeResolved:
		w.series[key] = ""
	default:
	}
	w.apply(c)
}

func (w *world) press() {
	w.Press(w.office.t.Context(), leadline.Press{
		From: anna.TelegramID, Chat: ops, Incident: int64(rapid.IntRange(1, 3).Draw(w.t, "incident")),
		Action: rapid.SampledFrom([]leadline.Action{leadline.ActionAck, leadline.ActionResolve}).Draw(w.t, "action"),
	})
}

func (w *world) trouble() {
	later := &leadline.DeliveryError{Problem: leadline.DeliverLater, After: 7 * time.Second}
	err := rapid.SampledFrom([]error{nil, later, problem(leadline.DeliverUnknown), errors.New("reset")}).Draw(w.t, "problem")
	arrived := rapid.Bool().Draw(w.t, "arrives")
	n := rapid.IntRange(1, 4).Draw(w.t, "times")
	w.phone.mu.Lock()
	defer w.phone.mu.Unlock()
	w.phone.fail = func(leadline.Notice) (bool, error) {
		if n--; n < 0 || err == nil {
			return true, nil
		}
		return arrived && isUnknown(err), err
	}
}

func isUnknown(err error) bool {
	e, ok := errors.AsType[*leadline.DeliveryError](err)
	return ok && e.Problem == leadline.DeliverUnknown
}

// Whatever happens, in the end every chat shows what is true, nothing was lost, and nothing came twice without need.
func TestOutboxModel(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rapid.Check(struct{ rapid.TB }{t}, func(rt *rapid.T) {
			w := &world{office: newOffice(t), t: rt, series: map[string]leadline.State{}}
			w.phone.took = 300 * time.Millisecond
			w.stop = w.run()
			defer func() { w.stop() }()
			for range rapid.IntRange(3, 25).Draw(rt, "steps") {
				switch rapid.IntRange(0, 9).Draw(rt, "step") {
				case 0, 1, 2, 3:
					w.transition()
				case 4:
					w.press()
				case 5, 6:
					w.trouble()
				case 7:
					w.wait(time.Duration(rapid.IntRange(1, 600_000).Draw(rt, "ms")) * time.Millisecond)
				case 8: // long enough for something to be under way
					w.wait(time.Duration(rapid.IntRange(1, 700).Draw(rt, "ms")) * time.Millisecond)
				case 9:
					if rapid.Bool().Draw(rt, "kill") {
						w.crash(w.stop, func() bool { return rapid.Bool().Draw(rt, "arrives") })
					} else {
						w.stop()
						w.Desk = New(w.options)
					}
					w.stop = w.run()
				}
			}
			w.phone.mu.Lock()
			w.phone.fail = nil
			w.phone.mu.Unlock()
			w.wait(reopenWithin + 2*time.Minute) // timers and backoff have run out
			w.check(rt)
		})
	})
}

// check holds what must be true once all is quiet.
func (w *world) check(t fatal) {
	var all []leadline.Incident
	err := w.db.View(w.office.t.Context(), func(tx *state.Tx) (err error) {
		all, err = tx.Incidents(state.IncidentFilter{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		timeline := w.timeline(i.ID)
		fail := func(format string, args ...any) {
			t.Fatalf("INC-%d: %s\n%s\n%s\n%+v", i.ID, fmt.Sprintf(format, args...), timeline, w.phone.screen(), w.rows(i.ID))
		}
		rows := w.rows(i.ID)
		if len(rows) != 1 {
			fail("%d rows", len(rows))
		}
		row := rows[0]
		if row.WantedRevision != i.Revision || row.SentRevision != i.Revision || !row.SendingSince.IsZero() {
			fail("the outbox stands still")
		}
		count, unflagged, shown := 0, 0, false
		for _, m := range w.phone.messages {
			if m.shows.ID == i.ID {
				count++
				if !m.repeat {
					unflagged++
				}
				shown = shown || m.ref == row.Ref && m.shows.Revision == i.Revision && m.shows.State == i.State
			}
		}
		perhaps := row.Maybe && row.Ref == "" && i.Severity != "page"
		untold := strings.Contains(timeline, "not_told") && count == 0
		if !shown && !perhaps && !untold {
			fail("no message shows revision %d", i.Revision)
		}
		rings := 1 + strings.Count(timeline, "reopened:") + strings.Count(timeline, ": page, was ticket") + strings.Count(timeline, "fires, too")
		if most := rings + w.phone.unknown[i.ID]; count > most || unflagged > rings {
			fail("%d messages, %d not marked as repeats: at most %d and %d had a reason", count, unflagged, most, rings)
		}
		if a, b := w.series[i.Rule+"a"], w.series[i.Rule+"b"]; i.ID == last(all, i.Rule) {
			firing, calm, resolved := a == leadline.StateFiring || b == leadline.StateFiring, a == "" && b == "", i.State == leadline.IncidentResolved
			if firing && resolved || calm && !resolved { // no data is neither: whoever resolved by hand knew of it or not
				fail("series are %q and %q, the incident is %s", a, b, i.State)
			}
		}
	}
}

type fatal interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// last is the newest incident of a rule.
func last(all []leadline.Incident, rule string) (id int64) {
	for _, i := range all {
		if i.Rule == rule {
			id = max(id, i.ID)
		}
	}
	return id
}
