package spool

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestAppendNextDone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	wantIDs(t, mustAppend(t, s, "a", "b", "a"), []string{"a", "b"})
	wantIDs(t, mustAppend(t, s, "b", "c"), []string{"c"})
	g := mustNext(t, s)
	wantIDs(t, content(g), []string{"a", "b", "c"})
	if g.Len() != 3 || len(g.Token) != 32 {
		t.Fatalf("len %d, token %q", g.Len(), g.Token)
	}
	wantIDs(t, mustAppend(t, s, "d", "a"), []string{"d"})
	mustDone(t, g)
	mustDone(t, g)
	wantIDs(t, mustAppend(t, s, "a", "b", "c", "d"), nil)
	mustClose(t, s)

	s = mustOpen(t, Options{Dir: dir})
	wantIDs(t, mustAppend(t, s, "a", "b", "c", "d", "e"), []string{"e"})
	wantIDs(t, content(mustNext(t, s)), []string{"d"})
	wantIDs(t, content(mustNext(t, s)), []string{"e"})
	if s.KeyCount() != 5 || s.Memory() < 5*entryBytes {
		t.Errorf("%d keys, %d bytes", s.KeyCount(), s.Memory())
	}
}

func TestKnows(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir()})
	knows := func(id string, want bool) {
		t.Helper()
		if got, err := s.Knows(t.Context(), keyOf(id)); err != nil || got != want {
			t.Errorf("knows %s: %t, %v", id, got, err)
		}
	}
	knows("a", false)
	mustAppend(t, s, "a")
	knows("a", true)
	knows("b", false)
	wantIDs(t, mustAppend(t, s, "b"), []string{"b"}) // to ask for a key is not to take it
	mustDone(t, mustNext(t, s))
	knows("a", true)
	mustClose(t, s)
	if _, err := s.Knows(t.Context(), keyOf("a")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}

func TestZeroKeyIsNeverADuplicate(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir()})
	rs := []Record{{Data: []byte("x")}, {Data: []byte("x")}, {Data: nil}}
	for range 2 {
		if err := s.Append(t.Context(), Fair, rs); err != nil {
			t.Fatal(err)
		}
	}
	g := mustNext(t, s)
	wantIDs(t, content(g), []string{"x", "x", "", "x", "x", ""})
	mustDone(t, g)
	if s.KeyCount() != 0 {
		t.Errorf("%d keys", s.KeyCount())
	}
}

func TestTokenAndBorderSurvive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	mustAppend(t, s, "a")
	first := mustNext(t, s)
	mustAppend(t, s, "b", "c")
	second := mustNext(t, s)
	mustAppend(t, s, "d")
	tokens := []string{first.Token, second.Token}
	if tokens[0] == tokens[1] {
		t.Fatal("two segments have one token")
	}
	check := func(dir string) {
		t.Helper()
		s := mustOpen(t, Options{Dir: dir})
		for i, want := range [][]string{{"a"}, {"b", "c"}} {
			g := mustNext(t, s)
			wantIDs(t, content(g), want)
			if g.Token != tokens[i] {
				t.Fatalf("token %s, want %s", g.Token, tokens[i])
			}
		}
		wantIDs(t, content(mustNext(t, s)), []string{"d"})
		mustClose(t, s)
	}
	crashed := copyDir(t, dir)
	check(crashed)
	check(crashed)
	mustDone(t, second) // out of order
	mustDone(t, first)
	check(copyDir(t, crashed))
	mustClose(t, s)
	s = mustOpen(t, Options{Dir: dir})
	wantIDs(t, drain(t, s), []string{"d"})
}

// A crash can make a sequence number come again, and two spools have the same ones.
func TestSameRecordsOtherToken(t *testing.T) {
	t.Parallel()
	now := time.Now()
	a, b := newHeader(Fair, 1, now), newHeader(Fair, 1, now)
	if e := (extent{}); token(&a, e) == token(&b, e) || a.chain() == b.chain() {
		t.Fatal("the second would be taken for a retry of the first")
	}
}

func TestRotation(t *testing.T) {
	t.Parallel()
	f := func(opts Options, appends [][]string, want ...[]string) {
		t.Helper()
		opts.Dir = t.TempDir()
		s := mustOpen(t, opts)
		for _, ids := range appends {
			mustAppend(t, s, ids...)
		}
		for _, ids := range want {
			wantIDs(t, content(mustNext(t, s)), ids)
		}
		if !empty(s) {
			t.Fatalf("more: %q", drain(t, s))
		}
	}
	one := int64(frameHead + recordHead + 1) // a frame of one record with a name of one letter
	f(Options{MaxRecords: 2}, [][]string{{"a"}, {"b"}, {"c"}}, []string{"a", "b"}, []string{"c"})
	f(Options{MaxRecords: 2}, [][]string{{"a"}, {"b", "c"}}, []string{"a"}, []string{"b", "c"})
	f(Options{MaxRecords: 2}, [][]string{{"a", "b", "c"}, {"d"}}, []string{"a", "b", "c"}, []string{"d"})
	f(Options{SegmentBytes: 2 * one}, [][]string{{"a"}, {"b"}, {"c"}}, []string{"a", "b"}, []string{"c"})
	f(Options{SegmentBytes: 2*one + 1}, [][]string{{"a"}, {"b"}, {"c"}}, []string{"a", "b"}, []string{"c"})
	f(Options{SegmentBytes: 1}, [][]string{{"a"}, {"b", "c"}}, []string{"a"}, []string{"b", "c"})
	f(Options{}, [][]string{{"a"}, {"b"}, {"a", "c"}}, []string{"a", "b", "c"})
}

func TestNextWaits(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Options{Dir: dir})
		start := time.Now()
		go func() {
			<-time.After(time.Second)
			mustAppend(t, s, "a")
			<-time.After(100 * time.Millisecond)
			mustAppend(t, s, "b")
		}()
		g, err := s.Next(t.Context(), 200*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		wantIDs(t, content(g), []string{"a", "b"})
		if took := time.Since(start); took != 1200*time.Millisecond {
			t.Errorf("took %v: the age counts from the first record", took)
		}
		if age := s.OldestAge(); age != 200*time.Millisecond {
			t.Errorf("oldest age %v: a segment that is out counts", age)
		}

		mustAppend(t, s, "c")
		<-time.After(time.Second)
		if g, err = s.Next(t.Context(), time.Second); err != nil {
			t.Fatal(err)
		}
		wantIDs(t, content(g), []string{"c"})
		mustDone(t, g)

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err = s.Next(ctx, 0)
		wantErr(t, err, context.DeadlineExceeded)
		mustClose(t, s)
	})
}

func TestQuota(t *testing.T) {
	t.Parallel()
	one := int64(frameHead + recordHead + 1)
	s := mustOpen(t, Options{Dir: t.TempDir(), MaxBytes: 2 * one})
	mustAppend(t, s, "a")
	if s.Fill() != 0.5 {
		t.Errorf("fill %v", s.Fill())
	}
	mustAppend(t, s, "b")
	wantErr(t, s.Append(t.Context(), Fair, recs("c")), ErrFull)
	wantErr(t, s.Append(t.Context(), Fair, recs("a", "c")), ErrFull)
	wantIDs(t, mustAppend(t, s, "a", "b"), nil)
	g := mustNext(t, s)
	wantErr(t, s.Append(t.Context(), Fair, recs("c")), ErrFull)
	wantIDs(t, content(g), []string{"a", "b"})
	mustDone(t, g)
	if s.Fill() != 0 || s.OldestAge() != 0 {
		t.Errorf("fill %v, oldest %v", s.Fill(), s.OldestAge())
	}
	wantIDs(t, mustAppend(t, s, "c", "a"), []string{"c"})
	if s.Err() != nil {
		t.Error(s.Err())
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		opts := Options{Dir: dir, Window: 12 * time.Hour}
		s := mustOpen(t, opts)
		mustAppend(t, s, "old")
		mustDone(t, mustNext(t, s))
		<-time.After(6 * time.Hour)
		mustAppend(t, s, "mid")
		mustDone(t, mustNext(t, s))
		mustAppend(t, s, "waits") // stays active over the hour, so its segment ends with it
		<-time.After(6 * time.Hour)
		wantIDs(t, mustAppend(t, s, "old", "mid", "waits"), nil)
		mustClose(t, s)
		s = mustOpen(t, opts)
		wantIDs(t, mustAppend(t, s, "old", "mid", "waits"), nil)
		<-time.After(time.Hour)
		wantIDs(t, mustAppend(t, s, "old", "mid", "waits"), []string{"old"})
		for !empty(s) {
			mustDone(t, mustNext(t, s))
		}
		mustClose(t, s)
		files, err := filepath.Glob(filepath.Join(dir, "seen-*"))
		if err != nil || len(files) != 2 {
			t.Fatalf("%q, %v: want the hours of mid and of the second old", files, err)
		}
		s = mustOpen(t, opts)
		if s.KeyCount() != 3 {
			t.Errorf("%d keys after reopening", s.KeyCount())
		}
		<-time.After(24 * time.Hour)
		for range sweeps {
			mustAppend(t, s, "")
		}
		if s.KeyCount() != 1 {
			t.Errorf("%d keys left after the window", s.KeyCount())
		}
		mustClose(t, s)
	})
}

// All keys of a segment are in one bucket, so a segment must not live into the next.
func TestWindowCountsFromTheAppend(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := mustOpen(t, Options{Dir: dir, Window: 12 * time.Hour})
		<-time.After(50 * time.Minute)
		mustAppend(t, s, "x")
		<-time.After(time.Hour)
		mustAppend(t, s, "y")
		<-time.After(12*time.Hour - time.Minute)
		wantIDs(t, mustAppend(t, s, "y", "x"), []string{"x"})
		mustClose(t, s)
	})
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir()})
	mustAppend(t, s, "a")
	g := mustNext(t, s)
	waits := make(chan error)
	go func() {
		_, err := s.Next(context.WithoutCancel(t.Context()), time.Hour)
		waits <- err
	}()
	mustClose(t, s)
	mustClose(t, s)
	wantErr(t, <-waits, ErrClosed)
	wantErr(t, s.Append(t.Context(), Fair, recs("b")), ErrClosed)
	_, err := s.Next(t.Context(), 0)
	wantErr(t, err, ErrClosed)
	wantErr(t, g.Done(), ErrClosed)
}

func TestCancelledAppendStoresNothing(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	wantErr(t, s.Append(cancelled(t), Fair, recs("a")), context.Canceled)

	release := disk.hold() // the committer hangs in its next sync
	first := make(chan error)
	go func() { first <- s.Append(context.WithoutCancel(t.Context()), Fair, recs("b")) }()
	disk.waitHeld()
	ctx, cancel := context.WithCancel(t.Context())
	second := make(chan error)
	go func() { second <- s.Append(ctx, Fair, recs("c", "b")) }()
	waitQueued(s, 1)
	cancel()
	wantErr(t, <-second, context.Canceled)
	release()
	if err := <-first; err != nil {
		t.Fatal(err)
	}
	wantIDs(t, mustAppend(t, s, "a", "b", "c"), []string{"a", "c"})
	wantIDs(t, drain(t, s), []string{"b", "a", "c"})
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	f := func(opts Options, want string) {
		t.Helper()
		s, err := Open(opts)
		if err == nil {
			mustClose(t, s)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Fatalf("got %v, want %q", err, want)
		}
	}
	held, strange, newer, older := t.TempDir(), t.TempDir(), t.TempDir(), t.TempDir()
	mustOpen(t, Options{Dir: held})
	h := newHeader(Fair, 1, time.Now())
	b := h.encode()
	b[8] = version + 1
	old := bytes.Clone(b)
	old[8] = 1
	for path, b := range map[string][]byte{filepath.Join(strange, "seen-x.keys"): nil, filepath.Join(newer, "1.segment"): b, filepath.Join(older, "1.segment"): old} {
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f(Options{}, "needs a folder")
	f(Options{Dir: t.TempDir(), MaxBytes: -1}, "negative")
	f(Options{Dir: t.TempDir(), Window: time.Second}, "at least a minute")
	f(Options{Dir: held}, "held by another process")
	f(Options{Dir: strange}, "not a file of this spool")
	f(Options{Dir: newer}, "segment has format 3, this program knows 2")
	f(Options{Dir: older}, "segment has format 1, this program knows 2")
	f(Options{Dir: filepath.Join(newer, "1.segment")}, "not a directory")
}

func TestRecyclesFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	files := func() int {
		names, err := filepath.Glob(filepath.Join(dir, "*"+slotSuffix))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	for i, id := range numbered("r", 20) {
		mustAppend(t, s, id)
		mustDone(t, mustNext(t, s))
		if i > 1 && files() > 3 {
			t.Fatalf("%d files in round %d", files(), i)
		}
	}
	var out []*Segment
	for _, id := range numbered("many", 20) {
		mustAppend(t, s, id)
		out = append(out, mustNext(t, s))
	}
	if files() < 20 {
		t.Fatalf("%d files for 20 segments", files())
	}
	for _, g := range out {
		mustDone(t, g)
	}
	if n := files(); n > spareSlots+1 {
		t.Fatalf("%d files are kept", n)
	}
}
