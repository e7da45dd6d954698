package spool

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

func (p *pool) sizes() (sizes []int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range p.spare {
		sizes = append(sizes, s.size)
	}
	return sizes
}

// With a file prepared, an append neither creates nor grows one.
func TestAppendFindsAPreparedFile(t *testing.T) {
	t.Parallel()
	disk := newSimDisk(t)
	s := disk.open(Options{SegmentBytes: 10 << 20, MaxRecords: 3})
	fill := func() { // a segment, which Append does not wait to see frozen
		t.Helper()
		for range 3 {
			if err := s.Append(t.Context(), Fair, []Record{{Data: make([]byte, 3<<20)}}); err != nil {
				t.Fatal(err)
			}
		}
		mustNext(t, s)
	}
	fill() // the spool learns how large segments are
	if err := s.pool.prepare(); err != nil {
		t.Fatal(err)
	}
	if sizes := s.pool.sizes(); len(sizes) != 2 || sizes[1] != 12<<20 {
		t.Fatalf("spare files of %d bytes", sizes)
	}
	opens, writes := 0, 0
	disk.mu.Lock()
	disk.fault = func(op string) error {
		switch op {
		case "open":
			opens++
		case "write":
			writes++
		}
		return nil
	}
	disk.mu.Unlock()
	fill()
	disk.failing("", nil)
	if opens != 0 || writes != 3+1+1 {
		t.Errorf("%d opens and %d writes for three appends, a header and a border", opens, writes)
	}
	if err := s.pool.prepare(); err != nil {
		t.Fatal(err)
	}
	if sizes := s.pool.sizes(); len(sizes) != 2 || sizes[1] != 12<<20 {
		t.Fatalf("then spare files of %d bytes", sizes)
	}
}

// A disk that is too full for a prepared file gets its space back, and no file is taken from Done's reserve.
func TestPrepareFails(t *testing.T) {
	t.Parallel()
	f := func(op string, fault error) {
		t.Helper()
		disk := newSimDisk(t)
		s := disk.open(Options{})
		left := 3
		disk.mu.Lock()
		disk.fault = func(o string) error {
			if o != op {
				return nil
			}
			if left--; left < 0 || op == "open" {
				return fault
			}
			return nil
		}
		disk.mu.Unlock()
		wantErr(t, s.pool.prepare(), fault)
		disk.failing("", nil)
		names, err := filepath.Glob(filepath.Join(disk.dir, "*"+slotSuffix))
		if err != nil || len(names) != 1 || len(s.pool.sizes()) != 1 {
			t.Errorf("after a failed %s %q are left, %d of them spare, %v", op, names, len(s.pool.sizes()), err)
		}
		mustAppend(t, s, "a")
		wantIDs(t, drain(t, s), []string{"a"})
	}
	f("open", syscall.EMFILE)
	f("write", errENOSPC)
	f("sync", errENOSPC)
	f("sync", errEIO)
}

// The goroutine that prepares works beside appends, and a process that ends in the middle leaves a spare file.
func TestPreparesByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir, MaxRecords: 1})
	for _, id := range numbered("r", 20) {
		mustAppend(t, s, id)
	}
	mustClose(t, s)
	if err := os.WriteFile(filepath.Join(dir, "99.segment"), zeros[:piece+1], 0o600); err != nil {
		t.Fatal(err)
	}
	s = mustOpen(t, Options{Dir: dir, MaxRecords: 1})
	mustAppend(t, s, "after")
	wantIDs(t, drain(t, s), append(numbered("r", 20), "after"))
}
