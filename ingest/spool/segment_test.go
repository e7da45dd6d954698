package spool

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"leadline"
)

// segmentFile gives the spool's one live segment file.
func segmentFile(t *testing.T, dir string) (path string, b []byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*"+slotSuffix))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		found, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, live, err := parseHeader(found); live || err != nil {
			if path != "" {
				t.Fatalf("%s and %s are live", path, name)
			}
			path, b = name, found
		}
	}
	return path, b
}

// reopened is what a spool hands out whose only file holds b.
func reopened(t *testing.T, dir string, b []byte) []string {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "1.segment"), b, 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := Open(Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	ids := drain(t, s)
	mustClose(t, s)
	return ids
}

// cut makes a small file of a preallocated one, so that thousands of them can be opened.
func cut(b []byte) []byte { return slices.Clone(b[:framesAt+sector]) }

func TestTornTail(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	mustAppend(t, s, "a", "b")
	mustAppend(t, s, "c")
	_, before := segmentFile(t, dir)
	mustAppend(t, s, "d", "e")
	_, after := segmentFile(t, dir)
	mustClose(t, s)
	before, after = cut(before), cut(after)
	start, end := firstDifference(before, after), lastDifference(before, after)
	again := t.TempDir()
	for at := start; at <= end; at++ {
		torn := slices.Concat(after[:at], before[at:])
		wantIDs(t, reopened(t, again, torn), []string{"a", "b", "c"})
		wantIDs(t, reopened(t, again, slices.Concat(before[:at], after[at:])), map[bool][]string{
			true: {"a", "b", "c", "d", "e"}, false: {"a", "b", "c"},
		}[at == start])
		wantIDs(t, reopened(t, again, after[:at]), []string{"a", "b", "c"})
		garbled := slices.Clone(after)
		garbled[at] ^= 0x40
		wantIDs(t, reopened(t, again, garbled), []string{"a", "b", "c"})
	}
}

func firstDifference(a, b []byte) int {
	for i := range a {
		if a[i] != b[i] {
			return i
		}
	}
	return -1
}

func lastDifference(a, b []byte) (last int) {
	for i := range a {
		if a[i] != b[i] {
			last = i
		}
	}
	return last
}

func TestFrozenSegmentIsWholeOrSetAside(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	mustAppend(t, s, "a", "b")
	mustAppend(t, s, "c")
	bytes := mustNext(t, s).bytes
	_, whole := segmentFile(t, dir)
	mustClose(t, s)
	whole = cut(whole)
	again := t.TempDir()
	f := func(at int, want ...string) {
		t.Helper()
		garbled := slices.Clone(whole)
		garbled[at] ^= 1
		wantIDs(t, reopened(t, again, garbled), want)
		aside := filepath.Join(again, "1.segment.corrupt")
		if kept, err := os.ReadFile(aside); len(want) == 0 && !slices.Equal(kept, garbled) {
			t.Fatalf("byte %d: the file is not kept: %v", at, err)
		}
		os.Remove(aside)
	}
	for at := range headerBytes {
		if at < 8 || at >= 12 { // the version's refusal is an error of Open
			f(at)
		}
	}
	f(headerBytes, "a", "b", "c")
	for at := sealAt; at < sealAt+sealBytes; at++ {
		f(at, "a", "b", "c") // no seal: frozen again at the same border
	}
	for at := framesAt; at < framesAt+int(bytes); at++ {
		f(at)
	}
	f(framesAt+int(bytes), "a", "b", "c")
}

func TestCorruptSegmentLetsTheNextPass(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir, MaxRecords: 1})
	mustAppend(t, s, "a")
	path, b := segmentFile(t, dir)
	mustAppend(t, s, "b") // needs a segment of its own, so the first is frozen now
	f, err := openFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	at := framesAt + frameHead + recordHead
	if _, err := f.WriteAt([]byte{b[at] ^ 1}, int64(at)); err != nil {
		t.Fatal(err)
	}
	wantErr(t, mustNext(t, s).Done(), ErrCorrupt)
	g := mustNext(t, s)
	wantIDs(t, content(g), []string{"b"})
	mustDone(t, g)
	if s.Fill() != 0 {
		t.Errorf("fill %v", s.Fill())
	}
}

// A file's earlier life must never come back: frames of the same shape stand behind a shorter new life, at the very
// places where frames are looked for.
func TestStaleFramesOfARecycledFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := mustOpen(t, Options{Dir: dir})
	files := map[string]bool{}
	for round := range 6 {
		for _, id := range numbered("same-size-", 8) {
			mustAppend(t, s, string(rune('A'+round))+id)
		}
		g := mustNext(t, s)
		files[g.slot.path] = true
		mustDone(t, g)
	}
	mustAppend(t, s, "Xsame-size-0")
	path, b := segmentFile(t, dir)
	if !files[path] || !bytes.Contains(b, []byte("same-size-7")) {
		t.Fatalf("%s has no earlier life", path)
	}
	crashed := mustOpen(t, Options{Dir: copyDir(t, dir)})
	wantIDs(t, drain(t, crashed), []string{"Xsame-size-0"})
}

func FuzzVerify(f *testing.F) {
	var two []byte
	chain := uint32(7)
	for _, id := range []string{"a", "bc"} {
		key := keyOf(id)
		frame := appendRecord(appendRecord(beginFrame(nil), &key, []byte(id)), &leadline.Key{}, nil)
		chain = endFrame(frame, chain)
		two = append(two, frame...)
	}
	f.Add(two, uint32(7))
	f.Add(two[:len(two)-1], uint32(7))
	f.Add(two, uint32(8))
	f.Add(make([]byte, 100), uint32(0))
	f.Add(bytes.Repeat([]byte{0xff}, 100), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, chain uint32) {
		e := verify(b, chain)
		n := 0
		var again []byte
		for key, data := range records(b[:e.bytes]) {
			n++
			again = appendRecord(again, &key, data)
		}
		if n != e.records {
			t.Fatalf("%d records, %d were counted", n, e.records)
		}
		if more := verify(append(b[:e.bytes:e.bytes], make([]byte, 64)...), chain); more != e {
			t.Fatalf("%+v with zeros behind, %+v with something else", more, e)
		}
		// One frame with the same records is read back as they are.
		if n > 0 {
			frame := append(beginFrame(nil), again...)
			end := endFrame(frame, chain)
			if got := verify(frame, chain); got != (extent{int64(len(frame)), n, end}) {
				t.Fatalf("encoded again: %+v", got)
			}
		}
	})
}

// memory is a file that is none.
type memory struct{ b []byte }

func (m *memory) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(m.b).ReadAt(b, at) }

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	m.b = append(m.b, make([]byte, max(0, int(at)+len(b)-len(m.b)))...)
	return copy(m.b[at:], b), nil
}

func (m *memory) Sync() error  { return nil }
func (m *memory) Close() error { return nil }

// Whatever a segment file holds, it is read without harm, and what was found in it once is found again.
func FuzzSegmentFile(f *testing.F) {
	for lane := range Lane(lanes) {
		h := newHeader(lane, 3, time.UnixMicro(1_000_000))
		key := keyOf("a")
		frame := appendRecord(beginFrame(nil), &key, []byte("a"))
		e := extent{int64(len(frame)), 1, endFrame(frame, h.chain())}
		b := make([]byte, framesAt, framesAt+len(frame))
		copy(b, h.encode())
		f.Add(append(b, frame...))
		copy(b[sealAt:], e.border(&h))
		f.Add(append(b, frame...))
	}
	f.Add(make([]byte, framesAt))
	f.Add([]byte{})
	opts, err := Options{Dir: "none"}.withDefaults()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m := &memory{bytes.Clone(b)}
		found := func() (all []string, err error) {
			c := newCommitter(&Spool{opts: opts, files: seenFiles{span: time.Hour}})
			g, err := c.recoverSegment(&slot{file: m, size: int64(len(m.b))}, new([]byte))
			if g == nil {
				return nil, err
			}
			if g.records == 0 && g.bytes > 0 {
				t.Fatalf("%d bytes of no records", g.bytes)
			}
			all = []string{g.Token, fmt.Sprint(g.Lane())}
			for key, data := range records(m.b[min(framesAt, len(m.b)):][:g.bytes]) {
				all = append(all, string(key[:]), string(data))
			}
			if len(all) != 2+2*g.Len() {
				t.Fatalf("%d records, of %d", len(all)/2-1, g.Len())
			}
			return all, err
		}
		first, err := found()
		if err != nil {
			return
		}
		again, err := found()
		wantErr(t, err, nil)
		wantIDs(t, again, first)
	})
}
