package spool

import (
	"context"
	"errors"
	"runtime"
	"syscall"
	"testing"
	"time"
)

func TestLanesShareKeys(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	wantIDs(t, mustAppendTo(t, s, Fair, "a", "b"), []string{"a", "b"})
	wantIDs(t, mustAppendTo(t, s, Overflow, "b", "c"), []string{"c"})
	wantIDs(t, mustAppendTo(t, s, Fair, "c", "d"), []string{"d"})
	if s.Waiting() != 4 || s.Used() != 4*(recordHead+1)+3*frameHead {
		t.Errorf("%d records, %d bytes", s.Waiting(), s.Used())
	}
	mustClose(t, s)

	s = mustOpen(t, Options{Dir: dir})
	wantIDs(t, mustAppendTo(t, s, Overflow, "a", "b", "c", "d"), nil)
	got := map[Lane][]string{}
	for range 2 {
		g := mustNext(t, s)
		got[g.Lane()] = content(g)
		mustDone(t, g)
	}
	wantIDs(t, got[Fair], []string{"a", "b", "d"})
	wantIDs(t, got[Overflow], []string{"c"})
	if s.Waiting() != 0 || s.Used() != 0 {
		t.Errorf("%d records, %d bytes", s.Waiting(), s.Used())
	}
	wantIDs(t, mustAppendTo(t, s, Fair, "a", "b", "c", "d"), nil)
	wantText(t, s.Append(t.Context(), lanes, recs("e")), "append to lane 2")
}

func TestTokenTellsLanes(t *testing.T) {
	t.Parallel()
	a := newHeader(Fair, 1, time.Now())
	b := a
	b.lane = Overflow
	if token(&a, extent{}) == token(&b, extent{}) {
		t.Error("a segment of the other lane has the same token")
	}
}

func TestOverflowSegmentsAreSmall(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir(), OverflowRecords: 2})
	for _, id := range numbered("r", 5) {
		mustAppendTo(t, s, Overflow, id)
		mustAppendTo(t, s, Fair, "fair"+id)
	}
	sizes := map[Lane][]int{}
	for !empty(s) {
		g := mustNext(t, s)
		sizes[g.Lane()] = append(sizes[g.Lane()], g.Len())
	}
	if len(sizes[Fair]) != 1 || len(sizes[Overflow]) != 3 {
		t.Errorf("segments of %v", sizes)
	}
}

// together has calls wait for one round of the committer and gives their errors.
func together(t *testing.T, disk *simDisk, s *Spool, calls ...func() error) []error {
	t.Helper()
	release := disk.hold()
	blocked := make(chan error)
	go func() {
		blocked <- s.Append(context.WithoutCancel(t.Context()), Fair, []Record{{Data: []byte("holds")}})
	}()
	disk.waitHeld()
	answers := make([]chan error, len(calls))
	for i, call := range calls {
		answers[i] = make(chan error, 1)
		go func() { answers[i] <- call() }()
		waitQueued(s, i+1)
	}
	release()
	if err := <-blocked; err != nil {
		t.Fatal(err)
	}
	var errs []error
	for _, a := range answers {
		errs = append(errs, <-a)
	}
	return errs
}

// A round syncs each file that it wrote, and only those.
func TestSyncsOfARound(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	mustAppendTo(t, s, Fair, "fair")
	mustAppendTo(t, s, Overflow, "overflow")
	f := func(want int, send ...Lane) {
		t.Helper()
		syncs := -1 // that of the call that holds the round up
		disk.mu.Lock()
		disk.fault = func(op string) error {
			if op == "sync" {
				syncs++
			}
			return nil
		}
		disk.mu.Unlock()
		var calls []func() error
		for _, lane := range send {
			calls = append(calls, func() error {
				return s.Append(context.WithoutCancel(t.Context()), lane, []Record{{Data: []byte("x")}})
			})
		}
		for _, err := range together(t, disk, s, calls...) {
			wantErr(t, err, nil)
		}
		disk.failing("", nil)
		if syncs != want {
			t.Errorf("%d syncs for calls to lanes %v, want %d", syncs, send, want)
		}
	}
	f(1, Fair)
	f(1, Fair, Fair, Fair)
	f(1, Overflow, Overflow)
	f(2, Fair, Overflow, Fair, Overflow)
}

// What one lane could not write, the other neither acknowledges as a duplicate nor loses for good; what the other
// wrote itself is acknowledged.
func TestLanesShareNoFate(t *testing.T) {
	t.Parallel()
	f := func(fault, want error, original, other Lane) {
		t.Helper()
		disk := newSimDisk(t)
		s := disk.open(Options{})
		mustAppendTo(t, s, Fair, "x")
		mustAppendTo(t, s, Overflow, "y")
		syncs := 0
		disk.mu.Lock()
		disk.fault = func(op string) error {
			if op != "sync" {
				return nil
			}
			if syncs++; syncs == 2+int(original) { // the first is that of the call that holds the round up
				return fault
			}
			return nil
		}
		disk.mu.Unlock()
		call := func(lane Lane, ids ...string) func() error {
			return func() error { return s.Append(context.WithoutCancel(t.Context()), lane, recs(ids...)) }
		}
		errs := together(t, disk, s,
			call(original, "a"), call(other, "a"), call(other, "b", "a"), call(other, "c"), call(original, "c"), call(other, "x", "y"))
		for i, want := range []error{want, want, want, nil, nil, nil} {
			if !errors.Is(errs[i], want) {
				t.Errorf("call %d to lane %d after %v: %v, want %v", i, original, fault, errs[i], want)
			}
		}
		disk.failing("", nil)
		wantIDs(t, mustAppendTo(t, s, other, "a", "b", "c"), []string{"a"})
		count := map[string]int{}
		mustClose(t, s)
		for _, id := range drain(t, mustOpen(t, Options{Dir: disk.dir})) {
			count[id]++
		}
		for _, id := range []string{"a", "b", "c", "x", "y"} {
			if count[id] != 1 {
				t.Errorf("lane %d after %v: %s is there %d times", original, fault, id, count[id])
			}
		}
	}
	for _, original := range []Lane{Fair, Overflow} {
		f(syscall.EIO, syscall.EIO, original, 1-original)
		f(syscall.ENOSPC, ErrFull, original, 1-original)
	}
}

// A write that failed on a full disk can have reached it. Before its records are taken by the other lane it must be
// undone there, or both would hold them after a crash.
func TestFailedWriteMovesToTheOtherLane(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	mustAppendTo(t, s, Overflow, "x")
	disk.once("sync", errENOSPC)
	wantErr(t, s.Append(t.Context(), Overflow, recs("a")), ErrFull)
	disk.once("sync", errENOSPC)
	wantErr(t, s.Append(t.Context(), Fair, recs("a")), ErrFull)
	disk.failing("", nil)
	wantIDs(t, mustAppendTo(t, s, Fair, "a"), []string{"a"})
	wantIDs(t, drain(t, mustOpen(t, Options{Dir: copyDir(t, disk.dir)})), []string{"x", "a"})
}

// With no room for a border, what is frozen already still comes: only that can make room.
func TestBacklogDrainsOnAFullDisk(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{MaxRecords: 1, LateAfter: time.Nanosecond})
	mustAppendTo(t, s, Overflow, "active")
	mustAppend(t, s, numbered("r", 1)...)
	mustAppend(t, s, "s")
	for frozen := 0; frozen < 2; runtime.Gosched() { // a full segment is frozen after its records were acknowledged
		s.mu.Lock()
		frozen = len(s.lines[Fair].live)
		s.mu.Unlock()
	}
	disk.failing("sync", errENOSPC)
	wantIDs(t, append(content(mustNext(t, s)), content(mustNext(t, s))...), []string{"r0", "s"})
	_, err := s.Next(t.Context(), 0)
	wantErr(t, err, ErrFull)
	disk.failing("", nil)
	wantIDs(t, content(mustNext(t, s)), []string{"active"})
}
