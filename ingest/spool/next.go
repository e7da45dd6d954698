package spool

import (
	"cmp"
	"context"
	"fmt"
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
	sealing bool   // the seal may be on disk: no frame may follow any more
	out     bool   // handed out; guarded by spool.mu
	done    bool   // guarded by spool.doneMu
	keys    []byte // of its records, once they were read
}

// Next waits for a segment and hands it out. It takes turns between what came to the fair lane within
// Options.LateAfter, what has waited there for longer, and the overflow lane, see Weigh; in each the oldest comes
// first. It freezes the one that is being filled when that is minAge old, counted from its first record, and nothing
// older of its kind waits, in the overflow lane four times as old: a busy caller gets large batches and an idle one small ones. Many may be out at once and be
// done in any order.
//
// An error other than the context's, ErrClosed or Err's concerns a full disk: call again, after a pause.
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
			return g, nil
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
	if g.keys == nil {
		if err := g.readKeys(); err != nil {
			return err
		}
	}
	oldest := max(s.files.bucketOf(time.Now())-buckets, s.keysFrom.Load())
	if err := s.pool.needSpace(func() error { return s.files.remember(g.bucket, oldest, g.keys) }); err != nil {
		return fmt.Errorf("remember the keys of a segment: %w", err)
	}
	if err := s.pool.needSpace(g.slot.clear); err != nil {
		return fmt.Errorf("give a segment's file back: %w", err)
	}
	g.done = true
	s.forget(g)
	g.keys = nil
	return s.pool.put(g.slot)
}
