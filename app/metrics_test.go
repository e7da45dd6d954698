package app

import (
	"context"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"leadline"
	"leadline/state"
)

// tables answers every query with one table.
type tables leadline.Table

func (t *tables) Select(context.Context, leadline.Query) (*leadline.Table, error) {
	return (*leadline.Table)(t), nil
}

func TestTotalAddsUpAColumn(t *testing.T) {
	t.Parallel()
	f := func(value any, want float64, fails bool) {
		t.Helper()
		answer := &tables{Columns: []string{"table", "missing"}, Rows: [][]any{{"events", int64(2)}, {"latency_1m", value}}}
		got, err := total(answer, "duplicates", "missing")(t.Context()) // any file will do
		if got != want || (err != nil) != fails {
			t.Errorf("%v: got %v, %v", value, got, err)
		}
	}
	f(int64(3), 5, false)
	f(1.5, 3.5, false)
	f("x", 0, true)
	if _, err := total(&tables{}, "duplicates", "missing")(t.Context()); err == nil {
		t.Error("no column, no error")
	}
}

func TestLivingPartners(t *testing.T) {
	t.Parallel()
	db, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	now := time.Now()
	err = db.Update(t.Context(), func(tx *state.Tx) error {
		for _, partner := range []string{"acme", "zen"} {
			key, _ := leadline.NewAPIKey(partner, "", []string{leadline.ScopeEventsWrite}, now)
			if partner == "zen" {
				key.RevokedAt = now.Add(-time.Minute)
			}
			if err := tx.AddKey(key); err != nil {
				return err
			}
			if partner == "zen" {
				if _, err := tx.RevokeKey(key.ID, now.Add(-time.Minute)); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := livingPartners(t.Context(), db, now)
	if err != nil || !slices.Equal(got, []string{"acme"}) {
		t.Errorf("%q, %v", got, err)
	}
	if n, err := waitingNotices(t.Context(), db); n != 0 || err != nil {
		t.Errorf("%v, %v", n, err)
	}
}
