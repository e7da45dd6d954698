package oncall

import (
	"path/filepath"
	"testing"
	"time"

	"leadline"
	"leadline/state"
)

// What was missed is in the timeline, belongs to no incident and tells nobody.
func TestMissedIsWrittenDown(t *testing.T) {
	t.Parallel()
	db, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	p := newPhone()
	d := New(Options{State: db, Notifier: p, Chats: Chats{"ops": {Chat: 1}}})
	slot := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	missed := make([]leadline.Transition, maxMissed+5)
	for i := range missed {
		missed[i] = leadline.Transition{
			Change: leadline.ChangeFiring, Group: "g", Rule: "Slow", Severity: "page", Labels: leadline.Labels{"campaign": "spring"},
			Slot: slot.Add(time.Duration(i) * time.Second),
		}
	}
	if err := d.Missed(t.Context(), missed); err != nil {
		t.Fatal(err)
	}
	err = db.View(t.Context(), func(tx *state.Tx) error {
		lines, err := tx.Log(0)
		if err != nil {
			return err
		}
		if len(lines) != maxMissed+1 {
			t.Fatalf("%d lines", len(lines))
		}
		if l := lines[0]; l.Kind != LogMissed || l.Body != `2026-11-21T12:00:00Z g/Slow{campaign="spring"} firing` {
			t.Errorf("first line %+v", l)
		}
		if l := lines[maxMissed]; l.Body != "5 more" {
			t.Errorf("last line %+v", l)
		}
		if _, ok, err := tx.LastIncident("g/Slow"); ok || err != nil {
			t.Errorf("there is an incident: %v, %v", ok, err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(p.calls) > 0 {
		t.Errorf("%d calls", len(p.calls))
	}
}
