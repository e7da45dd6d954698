package spool

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// pieces reads a segment and says how many records each piece had.
func pieces(g *Segment, size int) (ids []string, lens []int, err error) {
	for piece, err := range g.Pieces(size) {
		if err != nil {
			return ids, lens, err
		}
		lens = append(lens, len(piece))
		for _, data := range piece {
			ids = append(ids, string(data))
		}
	}
	return ids, lens, nil
}

// Whatever size a piece has, all records come, whole and in order; a frame larger than a piece is a piece of its own.
func TestPieces(t *testing.T) {
	t.Parallel()
	s := mustOpen(t, Options{Dir: t.TempDir()})
	var want []string
	for i := range 40 {
		ids := []string{fmt.Sprintf("%02d", i), fmt.Sprintf("%02d%s", i, strings.Repeat("x", 1+i*i))}
		mustAppend(t, s, ids...)
		want = append(want, ids...)
	}
	g := mustNext(t, s)
	for size := 1; size < 2*int(g.bytes); size += 1 + size/3 {
		ids, lens, err := pieces(g, size)
		if err != nil || !slices.Equal(ids, want) {
			t.Fatalf("pieces of %d bytes: %d records in %v, %v", size, len(ids), lens, err)
		}
		if all := int64(size) >= g.bytes; all != (len(lens) == 1) || slices.Contains(lens, 0) {
			t.Errorf("pieces of %d bytes: %v records", size, lens)
		}
	}
	for piece := range g.Pieces(1) { // nobody has to read to the end
		wantIDs(t, []string{string(piece[0])}, want[:1])
		break
	}
	mustDone(t, g)
	wantIDs(t, mustAppend(t, s, append(want, "new")...), []string{"new"})
}

// What stands before a damaged frame is handed out, and then the error: the whole segment is to be left.
func TestPiecesOfADamagedSegment(t *testing.T) {
	t.Parallel()
	f := func(at func(g *Segment) int64, before int) {
		t.Helper()
		s := mustOpen(t, Options{Dir: t.TempDir()})
		for _, id := range numbered("r", 10) {
			mustAppend(t, s, id)
		}
		g := mustNext(t, s)
		if _, err := g.slot.WriteAt([]byte{0xff}, framesAt+at(g)); err != nil {
			t.Fatal(err)
		}
		ids, _, err := pieces(g, 1)
		wantErr(t, err, ErrCorrupt)
		wantIDs(t, ids, numbered("r", 10)[:before])
		if s.Waiting() != 0 || !empty(s) {
			t.Errorf("%d records wait", s.Waiting())
		}
	}
	f(func(*Segment) int64 { return 0 }, 0)
	f(func(*Segment) int64 { return 7 }, 0) // a length beyond the segment
	f(func(g *Segment) int64 { return g.bytes / 2 }, 5)
	f(func(g *Segment) int64 { return g.bytes - 1 }, 9)
}
