package spool

import (
	"fmt"
	"iter"
	"slices"
)

// Pieces reads the segment's records in the order of the appends, about size bytes at a time. Each piece is checked before
// it is handed out and valid until the next one: a batch need not be in memory to be read.
//
// An error is the last thing it yields, and nothing of the segment may be used then: call Next again, after a pause. A
// segment whose bytes don't match their checksums any more (ErrCorrupt) is moved aside, so that those behind it move on;
// any other comes again.
func (g *Segment) Pieces(size int) iter.Seq2[[][]byte, error] {
	return func(yield func([][]byte, error) bool) {
		keys := make([]byte, 0, g.records*keyBytes)
		var piece [][]byte
		whole, err := g.read(size, func(frames []byte) bool {
			piece = piece[:0]
			for key, data := range records(frames) {
				keys = append(keys, key[:]...)
				piece = append(piece, data)
			}
			return yield(piece, nil)
		})
		switch {
		case err != nil:
			yield(nil, err)
		case whole:
			g.keys = keys
		}
	}
}

// read hands the segment's frames out, whole and checked, until take has enough.
func (g *Segment) read(size int, take func(frames []byte) bool) (whole bool, err error) {
	s := g.spool
	data := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(data)
	done, have := extent{chain: g.head.chain()}, 0 // behind done, have bytes are in data already
	for done.bytes < g.bytes {
		rest := int(g.bytes - done.bytes)
		n := max(have, min(size, rest))
		*data = slices.Grow((*data)[:have], n-have)[:n]
		if _, err := g.slot.ReadAt((*data)[have:], framesAt+done.bytes+int64(have)); err != nil {
			s.mu.Lock()
			g.out = false
			s.mu.Unlock()
			return false, fmt.Errorf("read segment %s: %w", g.slot.path, err)
		}
		e := verify(*data, done.chain)
		if e.bytes == 0 { // the frame is larger, or it is no frame
			if n == rest {
				return false, s.setAside(g)
			}
			have, size = n, 2*size
			continue
		}
		if !take((*data)[:e.bytes]) {
			return false, nil
		}
		have = copy(*data, (*data)[e.bytes:])
		done = extent{done.bytes + e.bytes, done.records + e.records, e.chain}
	}
	if done != g.extent {
		return false, s.setAside(g)
	}
	return true, nil
}

// readKeys is for a segment that nobody has read to its end.
func (g *Segment) readKeys() error {
	for _, err := range g.Pieces(chunk) {
		if err != nil {
			return err
		}
	}
	return nil
}

// setAside takes a segment that can't be read any more out of the way and keeps its file.
func (s *Spool) setAside(g *Segment) error {
	s.forget(g)
	aside, err := g.slot.setAside()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, g.slot.path, err)
	}
	return fmt.Errorf("%w: %d records: kept as %s", ErrCorrupt, g.records, aside)
}
