package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leadline/server"
	"leadline/state"
)

var _ server.Eraser = (*erasures)(nil)

// fakeTables counts deletions and fails as often as it is told.
type fakeTables struct {
	mu       sync.Mutex
	failures int
	deleted  []string
}

func (f *fakeTables) delete(_ context.Context, partner, leadKey string) (events, rejected int64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failures > 0 {
		f.failures--
		return 0, 0, errors.New("no ClickHouse")
	}
	f.deleted = append(f.deleted, partner+"/"+leadKey)
	return 3, 1, nil
}

func (f *fakeTables) all() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.deleted)
}

func TestErasureWaitsForWhatWasAcknowledged(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db, err := state.Open(filepath.Join(t.TempDir(), "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		tables := &fakeTables{failures: 1}
		var lag atomic.Int64
		lag.Store(int64(10 * time.Minute))
		o := erasureOptions{
			State: db, Delete: tables.delete, Lag: func() time.Duration { return time.Duration(lag.Load()) }, Log: slog.New(slog.DiscardHandler),
			LeadKey: func(partner string, chat int64) string { return fmt.Sprint(partner, "-key-of-", chat) },
		}
		e, err := newErasures(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()

		key := "acme-key-of-858012761"
		if e.Suppressed("acme", key) {
			t.Error("suppressed before it was ordered")
		}
		id, err := e.Erase(ctx, "acme", "858012761", time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if !e.Suppressed("acme", key) || e.Suppressed("globex", key) {
			t.Error("an order suppresses its partner's lead at once, and nobody else's")
		}
		at := func(after time.Duration, deleted int, done bool) {
			t.Helper()
			<-time.After(after)
			synctest.Wait()
			order, found, err := e.Erasure(ctx, "acme", id)
			if err != nil || !found || len(tables.all()) != deleted || order.FinishedAt.IsZero() == done {
				t.Errorf("%v deleted; %+v %v %v", tables.all(), order, found, err)
			}
			if done && (order.Events != 3 || order.Rejected != 1) {
				t.Errorf("%+v", order)
			}
		}
		at(9*time.Minute, 0, false) // behind by ten minutes, the rows may not be there yet
		lag.Store(0)
		at(erasureTick, 0, false)   // the first try fails
		at(2*erasureTick, 1, true)  // the next does not
		at(10*erasureTick, 1, true) // and it is done once
		if all := tables.all(); all[0] != "acme/"+key {
			t.Errorf("%v", all)
		}
		if _, found, err := e.Erasure(ctx, "globex", id); found || err != nil {
			t.Errorf("another partner's: %v %v", found, err)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}

		// After a restart the lead stays refused, and what was not done is done.
		leadKey := strings.Repeat("A", 26)
		if _, err := e.Erase(t.Context(), "acme", leadKey, time.Now()); err != nil {
			t.Fatal(err)
		}
		again, err := newErasures(t.Context(), o)
		if err != nil || !again.Suppressed("acme", key) || !again.Suppressed("acme", leadKey) {
			t.Errorf("after a restart: %v", err)
		}
		<-time.After(time.Minute)
		if err := again.carryOut(t.Context()); err != nil || len(tables.all()) != 2 {
			t.Errorf("%v %v", err, tables.all())
		}
	})
}

func TestNoLead(t *testing.T) {
	t.Parallel()
	e := &erasures{erasureOptions: erasureOptions{LeadKey: func(string, int64) string { return "k" }}}
	for _, lead := range []string{"", "Boris", "+1", "01", "1e3", "99999999999999999999", strings.Repeat("a", 26), strings.Repeat("A", 25), " 1"} {
		if key, err := e.leadKey("acme", lead); !errors.Is(err, server.ErrLead) {
			t.Errorf("%q is %q, %v", lead, key, err)
		}
	}
	for _, lead := range []string{"1", "-1001", strings.Repeat("A7", 13)} {
		if _, err := e.leadKey("acme", lead); err != nil {
			t.Errorf("%q: %v", lead, err)
		}
	}
}
