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
	synctest.Test(t, func(t *testing.T) {
		s, at := syncs(t)
		began := time.Now()
		for round := range 20 {
			atOnce(t, s, round, 4)
		}
		got := at()
		shared := 0
		for i := 1; i < len(got); i++ {
			if got[i]-got[i-1] >= commitEvery {
				shared++
			}
		}
		// The first commit of a round may take one call before the others come, and a commit of one call holds nobody back.
		if len(got) > 40 || shared < 10 {
			t.Errorf("%d commits for 20 rounds of four, %d of them a millisecond after the one before: %v", len(got), shared, got)
		}
		if took := time.Since(began); took > 20*commitEvery {
			t.Errorf("20 rounds took %v", took)
		}
	})
}

func TestEnoughCallsBeginACommit(t *testing.T) {
	t.Parallel()
	f := func(calls int, want time.Duration) {
		t.Helper()
		dir := t.TempDir()
		synctest.Test(t, func(t *testing.T) {
			s, c, err := open(Options{Dir: dir}, openFile)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			c.now, c.shared = began, true // a commit for several has just begun
			go c.run()
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
