package spool

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Segment is a frozen batch: its records and its token never change.
type Segment struct {
	// Token names the segment and what is in it, 32 hexadecimal digits. It is the same after every restart.
	Token string

	spool  *Spool
	slot   *slot
	head   header
	bucket int64 // of its keys
	extent
	sealing bool // the seal may be on disk: no frame may follow any more
	out     bool // handed out; guarded by spool.mu
	done    bool // guarded by spool.doneMu
	data    *[]byte
}

// Next waits for a segment and hands it out. It takes turns between what came to the fair lane within
// Options.LateAfter, what has waited there for longer, and the overflow lane, see Weigh; in each the oldest comes
// first. It freezes the one that is being filled when that is minAge old, counted from its first record, and nothing
// older of its kind waits, in the overflow lane four times as old: a busy caller gets large batches and an idle one small ones. Many may be out at once and be
// done in any order.
//
// An error other than the context's, ErrClosed or Err's concerns one segment or a full disk: call again, after a
// pause. A segment whose bytes don't match their checksum any more is moved aside, so that those behind it move on.
func (s *Spool) Next(ctx context.Context, minAge time.Duration) (*Segment, error) {
	for {
		s.mu.Lock()
		g, wait, err := s.choose(time.Now(), minAge)
		changed := s.changed
		s.mu.Unlock()
		switch {
		case err != nil:
			return nil, err
		case g != nil:
			return s.load(g)
		}
		var due <-chan time.Time
		if wait > 0 {
			due = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-changed:
		case <-due:
		}
	}
}

// choose takes the segment whose turn it is. Where that is an active one it has it frozen, and where there is none
// it tells how long to wait for one, 0 for a change. After a freeze that was not possible whatever is frozen already
// goes first, because only that can make room. s.mu is held.
func (s *Spool) choose(now time.Time, minAge time.Duration) (g *Segment, wait time.Duration, err error) {
	if s.closed {
		return nil, 0, ErrClosed
	}
	err = cmp.Or(s.broken, s.refused)
	s.refused = nil
	heads, costs, wait := s.heads(now, minAge, err == nil)
	q := s.turns.next(&costs)
	if q < 0 {
		return nil, wait, err
	}
	g = heads[q].segment
	if g == nil {
		s.lines[heads[q].lane].freeze.Store(true)
		signal(s.wake)
		return nil, 0, nil
	}
	g.out = true
	s.turns.take(q, costs[q])
	return g, 0, nil
}

// load reads a segment that is about to be handed out.
func (s *Spool) load(g *Segment) (*Segment, error) {
	data := s.buffers.Get().(*[]byte)
	*data = slices.Grow((*data)[:0], int(g.bytes))[:g.bytes]
	if _, err := g.slot.ReadAt(*data, framesAt); err != nil {
		s.buffers.Put(data)
		s.mu.Lock()
		g.out = false
		s.mu.Unlock()
		return nil, fmt.Errorf("read segment %s: %w", g.slot.path, err)
	}
	if verify(*data, g.head.chain()) != g.extent {
		s.buffers.Put(data)
		return nil, s.setAside(g)
	}
	g.data = data
	return g, nil
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

func (s *Spool) forget(g *Segment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := &s.lines[g.head.lane]
	line.live = slices.DeleteFunc(line.live, func(l *Segment) bool { return l == g })
	s.used.Add(-g.bytes)
	s.waiting.Add(-int64(g.records))
}

// Lane is the one its records came in.
func (g *Segment) Lane() Lane { return g.head.lane }

// Len is the number of records.
func (g *Segment) Len() int { return g.records }

// Records yields the data of each record, in the order of the appends. The bytes are valid until Done.
func (g *Segment) Records() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, data := range records(*g.data) {
			if !yield(data) {
				return
			}
		}
	}
}

// Done says that the records have a home. It remembers their keys, durably, and then gives the file back. After an
// error it may be called again; a segment that is never done comes again after the next Open.
func (g *Segment) Done() error {
	s := g.spool
	s.doneMu.Lock()
	defer s.doneMu.Unlock()
	if g.done {
		return nil
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return ErrClosed
	}
	oldest := max(s.files.bucketOf(time.Now())-buckets, s.keysFrom.Load())
	if err := s.pool.needSpace(func() error { return s.files.remember(g.bucket, oldest, *g.data) }); err != nil {
		return fmt.Errorf("remember the keys of a segment: %w", err)
	}
	if err := s.pool.needSpace(g.slot.clear); err != nil {
		return fmt.Errorf("give a segment's file back: %w", err)
	}
	g.done = true
	s.forget(g)
	s.buffers.Put(g.data)
	g.data = nil
	return s.pool.put(g.slot)
}
