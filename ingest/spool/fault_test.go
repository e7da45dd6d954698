package spool

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

var errEIO, errENOSPC = error(syscall.EIO), error(syscall.ENOSPC)

// failing makes every operation of a kind on files with a name part fail until it is set again.
func (d *simDisk) failing(op string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = nil
	if err != nil {
		d.fault = func(o string) error {
			if o == op {
				return err
			}
			return nil
		}
	}
}

// once makes the next operation of a kind fail.
func (d *simDisk) once(op string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = func(o string) error {
		if o == op && err != nil {
			e := err
			err = nil
			return e
		}
		return nil
	}
}

func wantText(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Fatalf("got error %v, want %q", err, want)
	}
}

func TestFailedSyncIsNeverAcknowledged(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	mustAppend(t, s, "a")
	disk.once("sync", errEIO)
	rs := recs("a", "b")
	wantErr(t, s.Append(t.Context(), Fair, rs), syscall.EIO)
	// The segment ended where it was durable, and the key is free again.
	wantIDs(t, mustAppend(t, s, "b"), []string{"b"})
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	a, b := mustNext(t, s), mustNext(t, s)
	if a.slot == b.slot {
		t.Error("the segment went on after a failed sync")
	}
	wantIDs(t, append(content(a), content(b)...), []string{"a", "b"})
	mustClose(t, s)
	again := mustOpen(t, Options{Dir: disk.dir})
	wantIDs(t, drain(t, again), []string{"a", "b"})
}

func TestBrokenDiskEndsTheSpool(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	mustAppend(t, s, "a")
	mustDone(t, mustNext(t, s))
	mustAppend(t, s, "b")
	frozen := mustNext(t, s)
	mustAppend(t, s, "c")
	waits := make(chan error)
	go func() {
		_, err := s.Next(context.WithoutCancel(t.Context()), time.Hour)
		waits <- err
	}()
	disk.failing("sync", errEIO)
	wantErr(t, s.Append(t.Context(), Fair, recs("d")), syscall.EIO)
	wantErr(t, <-waits, syscall.EIO)
	disk.failing("", nil)
	wantText(t, s.Append(t.Context(), Fair, recs("e")), "spool is broken")
	wantText(t, s.Err(), "see to the disk, then restart")
	mustDone(t, frozen) // what is frozen can still be finished
	mustClose(t, s)
	again := mustOpen(t, Options{Dir: disk.dir})
	got := drain(t, again)
	if len(got) < 1 || got[0] != "c" || len(got) > 2 { // d was never acknowledged and may be there
		t.Fatalf("got %q", got)
	}
}

func TestNoFreshSegmentIsTriedAgain(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{MaxRecords: 1})
	disk.failing("open", syscall.EMFILE)
	wantErr(t, s.Append(t.Context(), Fair, recs("a")), syscall.EMFILE)
	disk.failing("", nil)
	wantIDs(t, mustAppend(t, s, "a"), []string{"a"})
	wantIDs(t, drain(t, s), []string{"a"})
}

func TestFullDiskIsAFullSpool(t *testing.T) {
	t.Parallel()
	f := func(op string) {
		t.Helper()
		disk := newSimDisk(t)
		s := disk.open(Options{})
		mustAppend(t, s, "a")
		disk.failing(op, errENOSPC)
		for range 3 {
			err := s.Append(t.Context(), Fair, recs("a", "b"))
			wantErr(t, err, ErrFull)
			wantErr(t, err, syscall.ENOSPC)
		}
		_, err := s.Next(t.Context(), 0)
		wantErr(t, err, ErrFull)
		disk.failing("", nil)
		if s.Err() != nil {
			t.Fatal(s.Err())
		}
		wantIDs(t, mustAppend(t, s, "a", "b"), []string{"b"})
		wantIDs(t, drain(t, s), []string{"a", "b"})
	}
	f("write")
	f("sync")
}

// With MaxBytes larger than the disk, Done must still find room to remember keys, or nothing would ever drain.
func TestDoneOnAFullDiskGivesSpareFilesUp(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	mustAppend(t, s, "a")
	g := mustNext(t, s)
	files := func() int {
		names, err := filepath.Glob(filepath.Join(disk.dir, "*"+slotSuffix))
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	before := files()
	disk.mu.Lock()
	disk.fault = func(op string) error {
		if op == "write" && files() == before {
			return errENOSPC
		}
		return nil
	}
	disk.mu.Unlock()
	mustDone(t, g)
	if n := files(); n != before-1 {
		t.Fatalf("%d files, were %d", n, before)
	}
	disk.failing("", nil)
	wantIDs(t, mustAppend(t, s, "a", "b"), []string{"b"})
}

func TestDoneCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	f := func(op string, id string) {
		t.Helper()
		mustAppend(t, s, id)
		g := mustNext(t, s)
		disk.once(op, errEIO)
		wantErr(t, g.Done(), syscall.EIO)
		wantIDs(t, content(g), []string{id})
		mustDone(t, g)
		wantIDs(t, mustAppend(t, s, id), nil)
	}
	f("write", "a")
	f("sync", "b")
	if !empty(s) || s.Fill() != 0 {
		t.Errorf("fill %v", s.Fill())
	}
	mustClose(t, s)
	again := mustOpen(t, Options{Dir: disk.dir})
	wantIDs(t, mustAppend(t, again, "a", "b"), nil)
}

func TestReadErrorKeepsTheSegment(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir(), MaxRecords: 1})
	mustAppend(t, s, "a")
	g := mustNext(t, s)
	whole := g.slot.file
	short, err := os.Create(filepath.Join(t.TempDir(), "short"))
	if err != nil {
		t.Fatal(err)
	}
	defer short.Close()
	g.slot.file = osFile{short}
	wantText(t, g.Done(), "read segment")
	g.slot.file = whole
	wantIDs(t, content(mustNext(t, s)), []string{"a"})
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{})
	mustAppend(t, s, "a")
	mustClose(t, s)
	f := func(op string) {
		t.Helper()
		disk.failing(op, errEIO)
		defer disk.failing("", nil)
		s, err := disk.tryOpen(Options{})
		if err == nil {
			mustClose(t, s)
		}
		wantErr(t, err, syscall.EIO)
	}
	f("open")
	f("write")
	f("sync")
	again := disk.open(Options{})
	wantIDs(t, drain(t, again), []string{"a"})
}

// A border whose write failed may be on disk all the same: what came behind it would be lost.
func TestNothingFollowsABorderThatFailed(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{MaxRecords: 3})
	mustAppend(t, s, "a", "b")
	disk.once("sync", errENOSPC)
	wantErr(t, s.Append(t.Context(), Fair, recs("c", "d")), ErrFull) // two more are too much, and freezing fails
	mustAppend(t, s, "e")                                            // would still fit
	again := mustOpen(t, Options{Dir: copyDir(t, disk.dir)})
	wantIDs(t, drain(t, again), []string{"a", "b", "e"})
	wantIDs(t, drain(t, s), []string{"a", "b", "e"})
}
