package app

import (
	"path/filepath"
	"testing"
	"time"

	"leadline"
	"leadline/state"
)

func openState(t *testing.T) *state.DB {
	t.Helper()
	db, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// TestLastUsedIsWrittenOnceADay: however many requests come, a key's day is one write.
func TestLastUsedIsWrittenOnceADay(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	keys := &Keys{openState(t)}
	key, _, err := keys.New(ctx, "acme", "", []string{leadline.ScopeEventsWrite})
	if err != nil {
		t.Fatal(err)
	}
	ring := &keyring{db: keys.db}
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	lastUsed := func() string {
		all, err := keys.List(ctx)
		if err != nil || len(all) != 1 {
			t.Fatal(all, err)
		}
		return all[0].LastUsed
	}
	ring.Used("unknown0", noon)
	ring.Used(key.ID, noon) // not loaded yet, so not known
	if len(ring.unsaid) != 0 {
		t.Errorf("unknown keys are kept: %v", ring.unsaid)
	}
	if _, ok, err := ring.APIKey(ctx, key.ID); !ok || err != nil {
		t.Fatal(ok, err)
	}
	for _, f := range []struct {
		after  time.Duration
		unsaid int
		want   string
	}{
		{0, 1, "2026-11-21"},
		{time.Minute, 0, "2026-11-21"},
		{11*time.Hour + 59*time.Minute, 0, "2026-11-21"},
		{12 * time.Hour, 1, "2026-11-22"},
		{time.Hour, 0, "2026-11-22"}, // a clock that steps back
	} {
		ring.Used(key.ID, noon.Add(f.after))
		if len(ring.unsaid) != f.unsaid {
			t.Errorf("after %s: %d writes wait, want %d", f.after, len(ring.unsaid), f.unsaid)
		}
		if err := ring.Flush(ctx); err != nil {
			t.Fatal(err)
		}
		if got := lastUsed(); got != f.want {
			t.Errorf("after %s: %q, want %q", f.after, got, f.want)
		}
	}
}
