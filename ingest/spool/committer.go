package spool

import (
	"fmt"
	"time"

	"leadline"
)

const (
	flushBytes = 8 << 20  // so much is gathered for one write at most
	keepBytes  = 16 << 20 // a larger buffer, made by a huge append, is let go
)

// committer is the one goroutine that writes: it takes whatever calls have come while the last fsync ran.
type committer struct {
	spool  *Spool
	seen   *seen
	seq    uint64 // of the next segment
	now    time.Time
	active *Segment // nil until a record needs one
	broken error

	// What the calls in batch add to the active segment and a flush makes durable.
	batch   []*call
	frames  []byte
	pending extent
}

func (c *committer) run() {
	s := c.spool
	defer close(s.finished)
	var calls []*call
	for range s.wake {
		s.mu.Lock()
		calls, s.calls = s.calls, calls[:0]
		done := s.done
		s.done = make(chan struct{})
		closed := s.closed
		s.mu.Unlock()

		c.commit(calls)
		close(done)
		clear(calls)
		if closed {
			c.release()
			return
		}
		c.freezeIfDue()
	}
}

// commit answers the calls: when it returns, all that have no err are durable.
func (c *committer) commit(calls []*call) {
	c.now = time.Now()
	c.seen.turn(c.spool.files.bucketOf(c.now))
	c.seen.tidy()
	for _, call := range calls {
		if call.state.CompareAndSwap(waiting, taken) {
			for i := range call.recs {
				c.seen.warm(&call.recs[i].Key)
			}
		}
	}
	for _, call := range calls {
		if call.state.Load() == taken {
			call.err = c.admit(call)
		}
	}
	c.flush()
	c.spool.keyCount.Store(int64(c.seen.count))
	c.spool.keyMemory.Store(c.seen.bytes())
}

// admit puts a call's new records behind the frames of the batch. A call of duplicates only waits with the batch too:
// what it repeats may be in it.
func (c *committer) admit(call *call) error {
	var size int64 = frameHead
	for i := range call.recs {
		size += recordHead + int64(len(call.recs[i].Data))
	}
	if size > maxFrame {
		return fmt.Errorf("append of %d bytes: at most %d in one call", size, maxFrame)
	}
	if err := c.makeRoom(size, len(call.recs)); err != nil {
		return err
	}
	fresh, size := c.take(call.recs)
	if fresh > 0 {
		if c.spool.used.Load()+int64(len(c.frames))+size > c.spool.opts.MaxBytes {
			c.giveBack(call.recs)
			return ErrFull
		}
		c.encode(call.recs)
		c.pending.records += fresh
	}
	c.batch = append(c.batch, call)
	if len(c.frames) >= flushBytes {
		c.flush()
		return call.err
	}
	return nil
}

// makeRoom freezes the active segment when the call would be too much for it, or when a new bucket of keys has begun
// (all keys of a segment are in one bucket), and opens one where there is none.
func (c *committer) makeRoom(size int64, n int) error {
	if c.broken != nil {
		return c.broken
	}
	if g := c.active; g != nil && g.records+c.pending.records > 0 {
		full := g.sealing || g.bytes+int64(len(c.frames))+size > c.spool.opts.SegmentBytes ||
			g.records+c.pending.records+n > c.spool.opts.MaxRecords
		if !full && c.seen.bucket == g.bucket {
			return nil
		}
		c.flush()
		if err := c.seal(); err != nil {
			return err
		}
	}
	if c.broken != nil { // by that flush
		return c.broken
	}
	if c.active == nil {
		slot, err := c.spool.pool.take()
		if err != nil {
			return asFull("new segment", err)
		}
		c.active = &Segment{spool: c.spool, slot: slot, head: header{sequence: c.seq}}
		c.seq++
	}
	c.begin()
	return nil
}

// begin gives the active segment, which holds nothing, its header.
func (c *committer) begin() {
	g := c.active
	g.head = newHeader(g.head.sequence, c.now)
	g.bucket = c.seen.bucket
	g.extent = extent{chain: g.head.chain()}
	c.pending = extent{chain: g.chain}
}

// take adds the records' keys to the set and marks those that were there. size is that of the frame for the others.
func (c *committer) take(recs []Record) (fresh int, size int64) {
	size = frameHead
	for i := range recs {
		r := &recs[i]
		r.Duplicate = r.Key != (leadline.Key{}) && !c.seen.add(&r.Key, c.active.bucket)
		if !r.Duplicate {
			fresh++
			size += recordHead + int64(len(r.Data))
		}
	}
	return fresh, size
}

// giveBack forgets the keys that take has added, so that the sender can send the records again.
func (c *committer) giveBack(recs []Record) {
	for i := range recs {
		if r := &recs[i]; !r.Duplicate && r.Key != (leadline.Key{}) {
			c.seen.remove(&r.Key)
		}
	}
}

func (c *committer) encode(recs []Record) {
	start := len(c.frames)
	c.frames = beginFrame(c.frames)
	for i := range recs {
		if r := &recs[i]; !r.Duplicate {
			c.frames = appendRecord(c.frames, &r.Key, r.Data)
		}
	}
	c.pending.chain = endFrame(c.frames[start:], c.pending.chain)
}

// flush makes the batch durable, or gives its calls the error and their keys back.
func (c *committer) flush() {
	if len(c.frames) > 0 {
		if err := c.write(); err != nil {
			for _, call := range c.batch {
				c.giveBack(call.recs)
				call.err = asFull("append", err)
			}
			c.pending = extent{chain: c.active.chain}
			c.abandon(err)
		} else {
			c.grown()
		}
	}
	clear(c.batch)
	c.batch, c.frames = c.batch[:0], c.frames[:0]
	if cap(c.frames) > keepBytes {
		c.frames = nil
	}
}

func (c *committer) write() error {
	g, at := c.active, framesAt+c.active.bytes
	if err := g.slot.grow(at + int64(len(c.frames))); err != nil {
		return err
	}
	if g.records == 0 {
		if _, err := g.slot.WriteAt(g.head.encode(), 0); err != nil {
			return err
		}
	}
	return writeSync(g.slot, c.frames, at)
}

// grown counts what the last write made durable.
func (c *committer) grown() {
	g := c.active
	c.spool.used.Add(int64(len(c.frames)))
	g.bytes += int64(len(c.frames))
	g.records += c.pending.records
	g.chain = c.pending.chain
	c.pending.records = 0
	c.spool.mu.Lock()
	if c.spool.first.IsZero() {
		c.spool.first = g.head.created
		c.spool.notify()
	}
	c.spool.mu.Unlock()
}
