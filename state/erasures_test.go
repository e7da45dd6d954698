package state_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline/state"
)

func TestErasures(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	first := state.Erasure{ID: "e1", Partner: "acme", LeadKey: "K1", RequestedAt: noon}
	second := state.Erasure{ID: "e2", Partner: "acme", LeadKey: "K2", RequestedAt: noon.Add(-time.Hour)}
	update(t, db, func(tx *state.Tx) error {
		if err := tx.AddErasure(first); err != nil {
			return err
		}
		return tx.AddErasure(second)
	})
	if err := db.Update(t.Context(), func(tx *state.Tx) error { return tx.AddErasure(first) }); err == nil {
		t.Error("an order of the same id replaced the first")
	}
	pending := func(want ...state.Erasure) {
		t.Helper()
		view(t, db, func(tx *state.Tx) error {
			got, err := tx.PendingErasures()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			return err
		})
	}
	pending(second, first)
	update(t, db, func(tx *state.Tx) error {
		if err := tx.FinishErasure("e2", noon, 7, 2); err != nil {
			return err
		}
		return tx.FinishErasure("e2", noon.Add(time.Hour), 0, 0)
	})
	pending(first)
	second.FinishedAt, second.Events, second.Rejected = noon, 7, 2
	view(t, db, func(tx *state.Tx) error {
		got, ok, err := tx.Erasure("e2")
		if diff := cmp.Diff(second, got); diff != "" || !ok {
			t.Errorf("%v (-want +got):\n%s", ok, diff)
		}
		if _, ok, err := tx.Erasure("none"); ok || err != nil {
			t.Errorf("%v %v", ok, err)
		}
		return err
	})
}

func TestSuppressed(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	a := state.Suppressed{Partner: "acme", LeadKey: "K", Since: noon}
	b := state.Suppressed{Partner: "globex", LeadKey: "K", Since: noon.Add(time.Hour)}
	update(t, db, func(tx *state.Tx) error {
		for _, s := range []state.Suppressed{b, a, {Partner: "acme", LeadKey: "K", Since: noon.Add(time.Minute)}} {
			if err := tx.Suppress(s); err != nil {
				return err
			}
		}
		return nil
	})
	view(t, db, func(tx *state.Tx) error {
		got, err := tx.AllSuppressed()
		if diff := cmp.Diff([]state.Suppressed{a, b}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		return err
	})
}
