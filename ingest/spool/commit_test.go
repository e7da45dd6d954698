package spool

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// syncs opens a spool and gives the times of its fsyncs since then. They take no time of the test's clock.
func syncs(t *testing.T) (*Spool, func() []time.Duration) {
	t.Helper()
	began := time.Now()
	var mu sync.Mutex
	var at []time.Duration
	s, c, err := open(Options{Dir: t.TempDir()}, func(path string) (file, error) {
		f, err := openFile(path)
		return watchedFile{f, func() {
			mu.Lock()
			defer mu.Unlock()
			at = append(at, time.Since(began))
		}}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	go c.run()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	mustAppend(t, s, "first") // opens the segment
	at = nil
	return s, func() []time.Duration {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(at)
	}
}

type watchedFile struct {
	file
	synced func()
}

func (f watchedFile) Sync() error {
	f.synced()
	return f.file.Sync()
}

// atOnce appends so many single records at the same time and waits for all of them.
func atOnce(t *testing.T, s *Spool, round, n int) {
	t.Helper()
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			if err := s.Append(t.Context(), Fair, recs(fmt.Sprintf("%d-%d", round, i))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestWhoIsAloneWaitsForNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, at := syncs(t)
		for i := range 10 {
			mustAppend(t, s, fmt.Sprint(i))
		}
		if got := at(); !slices.Equal(got, make([]time.Duration, 10)) {
			t.Errorf("commits at %v, want ten at once", got)
		}
	})
}

func TestSharedCommitsAreAMillisecondApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s, began := openShared(t, dir)
		f := func(calls int, want time.Duration) {
			t.Helper()
			atOnce(t, s, int(want), calls)
			if took := time.Since(began); took != want {
				t.Errorf("%d calls were answered after %v, want %v", calls, took, want)
			}
		}
		f(4, commitEvery)
		f(1, 2*commitEvery) // the commit before was shared
		atOnce(t, s, -1, 1)
		f(1, 2*commitEvery) // that before was not
		mustClose(t, s)
	})
}

// openShared opens a spool in which a commit for several calls has just begun.
func openShared(t *testing.T, dir string) (*Spool, time.Time) {
	t.Helper()
	s, c, err := open(Options{Dir: dir}, openFile)
	if err != nil {
		t.Fatal(err)
	}
	c.now, c.shared = time.Now(), true
	began := c.now
	go c.run()
	return s, began
}

func TestEnoughCallsBeginACommit(t *testing.T) {
	t.Parallel()
	f := func(calls int, want time.Duration) {
		t.Helper()
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s, began := openShared(t, dir)
			atOnce(t, s, 0, calls)
			if took := time.Since(began); took != want {
				t.Errorf("%d calls took %v, want %v", calls, took, want)
			}
			mustClose(t, s)
		})
	}
	f(commitCalls, 0)
	f(commitCalls-1, commitEvery)
}
