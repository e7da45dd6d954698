package spool

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Many goroutines post the same records at once: each is stored once, and no answer, duplicate or not, comes before
// the record is durable.
func TestConcurrentDuplicates(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{MaxRecords: 50})
	const rounds, senders = 40, 8
	var fresh atomic.Int64
	var wg sync.WaitGroup
	for range senders {
		wg.Go(func() {
			for n := range rounds {
				rs := recs(fmt.Sprintf("one-%03d", n), fmt.Sprintf("two-%03d", n))
				if err := s.Append(t.Context(), Fair, rs); err != nil {
					t.Error(err)
				}
				for _, r := range rs {
					if !r.Duplicate {
						fresh.Add(1)
					}
					if !disk.holds(string(r.Data)) {
						t.Errorf("%s is acknowledged and not durable, duplicate: %v", r.Data, r.Duplicate)
					}
				}
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 2*rounds {
		t.Errorf("%d were new, want %d", fresh.Load(), 2*rounds)
	}
	count := map[string]int{}
	for _, id := range drain(t, s) {
		count[id]++
	}
	if len(count) != 2*rounds {
		t.Errorf("%d ids", len(count))
	}
	for id, n := range count {
		if n != 1 {
			t.Errorf("%s is stored %d times", id, n)
		}
	}
}

// A duplicate that is posted while its original waits for the disk shares its fate.
func TestDuplicateWaitsForItsOriginal(t *testing.T) {
	t.Parallel()
	f := func(fault, want error) {
		t.Helper()
		disk := newSimDisk(t)
		s := disk.open(Options{})
		mustAppend(t, s, "a")
		release := disk.hold()
		blocked := make(chan error)
		go func() { blocked <- s.Append(context.WithoutCancel(t.Context()), Fair, recs("b")) }()
		disk.waitHeld()
		answers := make(chan error)
		for range 3 { // all three wait in the next group
			go func() { answers <- s.Append(context.WithoutCancel(t.Context()), Fair, recs("c")) }()
		}
		waitQueued(s, 3)
		select {
		case err := <-answers:
			t.Fatalf("answered before the sync: %v", err)
		default:
		}
		syncs := 0
		disk.mu.Lock()
		disk.fault = func(op string) error {
			if op == "sync" {
				if syncs++; syncs == 2 {
					return fault
				}
			}
			return nil
		}
		disk.mu.Unlock()
		release()
		if err := <-blocked; err != nil {
			t.Fatal(err)
		}
		for range 3 {
			wantErr(t, <-answers, want)
		}
		mustAppend(t, s, "c")
		wantIDs(t, drain(t, s), []string{"a", "b", "c"})
	}
	f(nil, nil)
	f(errEIO, errEIO)
	f(errENOSPC, ErrFull)
}

// What a group is about to write counts before it is written.
func TestQuotaWithinAGroup(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{MaxBytes: 3 * (frameHead + recordHead + 1)})
	release := disk.hold()
	answers := make(chan error)
	send := func(id string) { answers <- s.Append(context.WithoutCancel(t.Context()), Fair, recs(id)) }
	go send("a")
	disk.waitHeld()
	for _, id := range []string{"b", "c", "d", "e"} {
		go send(id)
	}
	waitQueued(s, 4)
	release()
	full := 0
	for range 5 {
		if err := <-answers; errors.Is(err, ErrFull) {
			full++
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if full != 2 || s.Fill() != 1 {
		t.Errorf("%d were refused, fill %v", full, s.Fill())
	}
}

// waitQueued returns when so many calls wait for the committer.
func waitQueued(s *Spool, n int) {
	for {
		s.mu.Lock()
		queued := len(s.calls)
		s.mu.Unlock()
		if queued == n {
			return
		}
		runtime.Gosched()
	}
}

// Everything at once, with appends that are given up, ends with each id once or, where nobody was told, not at all.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir(), MaxRecords: 100, MaxBytes: 20_000})
	var mu sync.Mutex
	acked, got := map[string]bool{}, map[string]int{}
	ctx, stop := context.WithCancel(t.Context())
	var consumers, senders sync.WaitGroup
	for range 3 {
		consumers.Go(func() {
			for {
				g, err := s.Next(ctx, time.Millisecond)
				if errors.Is(err, context.Canceled) {
					return
				}
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for _, id := range content(g) {
					got[id]++
				}
				mu.Unlock()
				if err := g.Done(); err != nil {
					t.Error(err)
				}
				s.Fill()
				s.OldestAge()
				s.KeyCount()
				s.Memory()
			}
		})
	}
	for w := range 16 {
		senders.Go(func() {
			for n := 0; n < 60; n++ {
				ids := numbered(fmt.Sprintf("%d-%d-", w/2, n), 3)
				ctx, cancel := context.WithCancel(t.Context())
				if n%5 == 0 {
					go cancel()
				}
				err := s.Append(ctx, Fair, recs(ids...))
				cancel()
				switch {
				case err == nil:
					mu.Lock()
					for _, id := range ids {
						acked[id] = true
					}
					mu.Unlock()
				case errors.Is(err, ErrFull):
					n-- // again
				case !errors.Is(err, context.Canceled):
					t.Error(err)
				}
			}
		})
	}
	senders.Wait()
	for s.Fill() > 0 && !t.Failed() {
		mustAppend(t, s, "0-0-0") // lets the goroutines run; it may be new if both senders gave up
	}
	stop()
	consumers.Wait()
	for id := range acked {
		if got[id] != 1 {
			t.Errorf("%s was handed out %d times", id, got[id])
		}
	}
	for id, n := range got {
		if n > 1 {
			t.Errorf("%s was handed out %d times", id, n)
		}
	}
}

// holds reports whether the bytes are in a file and synced.
func (d *simDisk) holds(text string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		if f.durableHas(text) {
			return true
		}
	}
	return false
}
