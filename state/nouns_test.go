package state_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/state"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestInstances(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	a := leadline.Instance{Group: "g", Rule: "r", Labels: leadline.Labels{"campaign": "a"}, State: leadline.StateFiring, Slot: noon, FiringSince: noon, Values: map[string]float64{"p95": 812.5}}
	b := leadline.Instance{Group: "g", Rule: "r", State: leadline.StateOK, Slot: noon}
	other := leadline.Instance{Group: "h", Rule: "r", State: leadline.StateOK, Slot: noon}
	update(t, db, func(tx *state.Tx) error {
		for _, i := range []leadline.Instance{a, b, other} {
			if err := tx.PutInstance(i); err != nil {
				return err
			}
		}
		a.State = leadline.StateNoData
		return tx.PutInstance(a)
	})
	want := func(group string, want ...leadline.Instance) {
		t.Helper()
		view(t, db, func(tx *state.Tx) error {
			got, err := tx.Instances(group)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("group %s (-want +got):\n%s", group, diff)
			}
			return err
		})
	}
	want("g", b, a)
	want("h", other)
	update(t, db, func(tx *state.Tx) error { return tx.DeleteInstance(a) })
	want("g", b)
	want("none")
}

func TestSlots(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	want := func(want ...leadline.GroupSlot) {
		t.Helper()
		view(t, db, func(tx *state.Tx) error {
			got, err := tx.Slots()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			return err
		})
	}
	want()
	a, b := leadline.GroupSlot{Group: "a", Slot: noon, Spec: "1"}, leadline.GroupSlot{Group: "b"}
	update(t, db, func(tx *state.Tx) error { return errors.Join(tx.PutSlot(b), tx.PutSlot(a)) })
	want(a, b)
	a.Slot, a.Spec = noon.Add(7*time.Millisecond), "2"
	update(t, db, func(tx *state.Tx) error { return errors.Join(tx.PutSlot(a), tx.DeleteSlot("b")) })
	want(a)
}

func TestIncidents(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	a := leadline.Incident{
		Key: "g/r", State: leadline.IncidentOpen, Severity: "page", OpenedAt: noon, Labels: leadline.Labels{"team": "ops"},
		Verdict: &leadline.Verdict{Stages: []leadline.StageShare{{Stage: "write", Share: 1}}},
	}
	b := leadline.Incident{Key: "g/other", State: leadline.IncidentOpen, OpenedAt: noon.Add(time.Minute)}
	update(t, db, func(tx *state.Tx) error {
		if err := tx.AddIncident(&a); err != nil {
			return err
		}
		return tx.AddIncident(&b)
	})
	if a.ID != 1 || b.ID != 2 {
		t.Errorf("ids %d, %d: want 1, 2", a.ID, b.ID)
	}
	second := leadline.Incident{Key: "g/r", State: leadline.IncidentOpen}
	if err := db.Update(t.Context(), func(tx *state.Tx) error { return tx.AddIncident(&second) }); err == nil || !strings.Contains(err.Error(), "UNIQUE") {
		t.Errorf("a second open incident of one key: %v", err)
	}
	a.State, a.ResolvedAt = leadline.IncidentResolved, noon.Add(time.Hour)
	update(t, db, func(tx *state.Tx) error {
		if err := tx.PutIncident(a); err != nil {
			return err
		}
		return tx.AddIncident(&second)
	})
	if second.ID != 3 {
		t.Errorf("id %d after a rolled back one: want 3", second.ID)
	}
	view(t, db, func(tx *state.Tx) error {
		f := func(filter state.IncidentFilter, want ...leadline.Incident) {
			t.Helper()
			got, err := tx.Incidents(filter)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%+v: %v (-want +got):\n%s", filter, err, diff)
			}
		}
		f(state.IncidentFilter{}, second, b, a)
		f(state.IncidentFilter{Unresolved: true}, second, b)
		f(state.IncidentFilter{Since: noon.Add(time.Second)}, b)
		f(state.IncidentFilter{Limit: 1}, second)
		if got, ok, err := tx.LastIncident("g/r"); !ok || err != nil || got.ID != 3 {
			t.Errorf("last incident: %d %v %v", got.ID, ok, err)
		}
		if _, ok, err := tx.Incident(99); ok || err != nil {
			t.Errorf("incident 99: %v %v", ok, err)
		}
		return nil
	})
}

func TestTimelineGrowsOnly(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	update(t, db, func(tx *state.Tx) error {
		for i, kind := range []string{"opened", "acked"} {
			e := state.LogEntry{At: noon.Add(time.Duration(i) * time.Microsecond), Incident: 7, Kind: kind, Actor: "Anna", Channel: "telegram", Body: "after 2 m"}
			if err := tx.AppendLog(e); err != nil {
				return err
			}
		}
		return tx.AppendLog(state.LogEntry{Kind: "eval_error"})
	})
	view(t, db, func(tx *state.Tx) error {
		got, err := tx.Log(7)
		want := []state.LogEntry{
			{ID: 1, At: noon, Incident: 7, Kind: "opened", Actor: "Anna", Channel: "telegram", Body: "after 2 m"},
			{ID: 2, At: noon.Add(time.Microsecond), Incident: 7, Kind: "acked", Actor: "Anna", Channel: "telegram", Body: "after 2 m"},
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
}

func TestTimers(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	update(t, db, func(tx *state.Tx) error {
		for _, key := range []string{"a", "b"} {
			if err := tx.AddIncident(&leadline.Incident{Key: key, State: leadline.IncidentOpen}); err != nil {
				return err
			}
		}
		for _, m := range []state.Timer{{1, "recheck", noon}, {2, "recheck", noon.Add(-time.Second)}, {1, "recheck", noon.Add(time.Hour)}, {2, "other", noon}} {
			if err := tx.PutTimer(m); err != nil {
				return err
			}
		}
		return tx.DeleteTimer(2, "other")
	})
	view(t, db, func(tx *state.Tx) error {
		got, err := tx.Timers()
		want := []state.Timer{{2, "recheck", noon.Add(-time.Second)}, {1, "recheck", noon.Add(time.Hour)}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
	if err := db.Update(t.Context(), func(tx *state.Tx) error { return tx.PutTimer(state.Timer{Incident: 99, Kind: "x"}) }); err == nil {
		t.Error("a timer of no incident was kept")
	}
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	row := func(incident, chat int64, ref string) state.Delivery {
		return state.Delivery{Incident: incident, Chat: chat, Ref: ref, WantedRevision: 2, SentRevision: 1}
	}
	full := state.Delivery{Incident: 1, Chat: -5, Thread: 3, Ref: "9", WantedRevision: 4, SentRevision: 3, Attempts: 2, NotBefore: noon, SendingSince: noon, SendingRevision: 4, Maybe: true, LastError: "later"}
	update(t, db, func(tx *state.Tx) error {
		for _, severity := range []string{"ticket", "page", "ticket"} {
			if err := tx.AddIncident(&leadline.Incident{Key: severity + time.Now().String(), Severity: severity, State: leadline.IncidentOpen}); err != nil {
				return err
			}
		}
		dead, done := row(3, -7, ""), row(3, -8, "")
		dead.Dead, done.SentRevision = true, 2
		for _, d := range []state.Delivery{full, row(1, -6, ""), row(2, -6, ""), row(3, -6, ""), row(2, -5, "x"), dead, done} {
			if err := tx.PutDelivery(d); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, db, func(tx *state.Tx) error {
		got, err := tx.Waiting()
		want := []state.Delivery{row(2, -6, ""), row(1, -6, ""), row(3, -6, ""), full, row(2, -5, "x")}
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("waiting: %v (-want +got):\n%s", err, diff)
		}
		got, err = tx.Sending()
		if diff := cmp.Diff([]state.Delivery{full}, got); diff != "" || err != nil {
			t.Errorf("sending: %v (-want +got):\n%s", err, diff)
		}
		if d, ok, err := tx.Delivery(1, -5); !ok || err != nil || d != full {
			t.Errorf("delivery: %+v %v %v", d, ok, err)
		}
		return nil
	})
	update(t, db, func(tx *state.Tx) error {
		if err := tx.Want(1, 5); err != nil {
			return err
		}
		got, err := tx.Deliveries(1)
		if len(got) != 2 || got[0].WantedRevision != 5 || got[1].WantedRevision != 5 {
			t.Errorf("after Want: %+v", got)
		}
		return err
	})
}

func TestMoveChat(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	update(t, db, func(tx *state.Tx) error {
		for _, key := range []string{"a", "b"} {
			if err := tx.AddIncident(&leadline.Incident{Key: key, State: leadline.IncidentOpen}); err != nil {
				return err
			}
		}
		for _, d := range []state.Delivery{{Incident: 1, Chat: -5, Ref: "old"}, {Incident: 2, Chat: -5}, {Incident: 2, Chat: -9, Ref: "there already"}} {
			if err := tx.PutDelivery(d); err != nil {
				return err
			}
		}
		for _, move := range [][2]int64{{-5, -7}, {-7, -9}} {
			if ok, err := tx.MoveChat(move[0], move[1]); !ok || err != nil {
				t.Fatalf("move %v: %v %v", move, ok, err)
			}
		}
		return nil
	})
	update(t, db, func(tx *state.Tx) error {
		if ok, err := tx.MoveChat(-9, -5); ok || err != nil {
			t.Errorf("a circle: %v %v", ok, err)
		}
		if ok, err := tx.MoveChat(-3, -3); ok || err != nil {
			t.Errorf("a move to itself: %v %v", ok, err)
		}
		for chat, want := range map[int64]int64{-5: -9, -7: -9, -9: -9, 4: 4} {
			if got, err := tx.ChatNow(chat); got != want || err != nil {
				t.Errorf("chat %d is now %d, %v: want %d", chat, got, err, want)
			}
		}
		a, _, _ := tx.Delivery(1, -9)
		b, _, _ := tx.Delivery(2, -9)
		if a.Ref != "old" || b.Ref != "there already" {
			t.Errorf("refs %q and %q", a.Ref, b.Ref)
		}
		return nil
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	key, text := leadline.NewAPIKey("acme", "their bot", []string{leadline.ScopeEventsWrite}, noon)
	update(t, db, func(tx *state.Tx) error {
		if err := tx.AddKey(key); err != nil {
			return err
		}
		return tx.UsedKey(key.ID, noon)
	})
	if err := db.Update(t.Context(), func(tx *state.Tx) error { return tx.AddKey(key) }); err == nil {
		t.Error("a key of the same id replaced the first")
	}
	id, hash, err := leadline.ParseAPIKey(text)
	if err != nil {
		t.Fatal(err)
	}
	want := state.Key{APIKey: key, LastUsed: "2026-11-21"}
	view(t, db, func(tx *state.Tx) error {
		got, ok, err := tx.Key(id)
		if diff := cmp.Diff(want, got); diff != "" || !ok || got.Hash != hash {
			t.Errorf("%v (-want +got):\n%s", ok, diff)
		}
		return err
	})
	update(t, db, func(tx *state.Tx) error {
		if ok, err := tx.RevokeKey(id, noon.Add(time.Hour)); !ok || err != nil {
			t.Errorf("revoke: %v %v", ok, err)
		}
		if ok, err := tx.RevokeKey(id, noon.Add(2*time.Hour)); ok || err != nil {
			t.Errorf("revoke again: %v %v", ok, err)
		}
		if ok, err := tx.RevokeKey(id, noon.Add(time.Minute)); !ok || err != nil {
			t.Errorf("revoke earlier: %v %v", ok, err)
		}
		return nil
	})
	want.RevokedAt = noon.Add(time.Minute)
	view(t, db, func(tx *state.Tx) error {
		got, err := tx.Keys()
		if diff := cmp.Diff([]state.Key{want}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
}

func TestSettings(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	update(t, db, func(tx *state.Tx) error {
		for _, v := range [][]byte{{1, 2}, nil, {0, 3}} {
			if err := tx.PutSetting("secret", v); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, db, func(tx *state.Tx) error {
		if v, ok, err := tx.Setting("secret"); !ok || err != nil || string(v) != "\x00\x03" {
			t.Errorf("%v %v %v", v, ok, err)
		}
		if _, ok, err := tx.Setting("none"); ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
		return nil
	})
}
