package spool

import (
	"fmt"
	"time"

	"leadline"
)

const (
	flushBytes = 8 << 20  // so much is gathered for one write at most
	keepBytes  = 16 << 20 // a larger buffer, made by a huge append, is let go

	// While several senders share them, commits begin a millisecond apart, or as soon as so many calls wait: at 14,000
	// single events a second commits as fast as the disk takes them were 4,400 of three calls, and a third of the server's CPU.
	commitEvery = time.Millisecond
	commitCalls = 32
)

// committer is the one goroutine that writes: it takes whatever calls have come while the last fsync ran.
type committer struct {
	spool  *Spool
	seen   *seen
	seq    uint64 // of the next segment
	now    time.Time
	logs   [lanes]laneLog
	batch  []*call // what they wait for is in logs, and a flush makes it durable
	shared bool    // the last commit was for several calls
	pause  *time.Timer
	broken error
	warned bool // that keys are forgotten early
}

func newCommitter(s *Spool) *committer {
	now := time.Now()
	c := &committer{spool: s, seen: newSeen(s.files.bucketOf(now)-buckets, s.opts.MaxKeyBytes), pause: time.NewTimer(0)}
	c.seen.span, c.seen.now = int64(s.files.span), now.UnixNano()
	c.logs[Fair] = laneLog{lane: Fair, limit: s.opts.MaxRecords}
	c.logs[Overflow] = laneLog{lane: Overflow, limit: s.opts.OverflowRecords}
	return c
}

func (c *committer) run() {
	s := c.spool
	defer close(s.finished)
	var calls []*call
	for range s.wake {
		c.gather()
		s.mu.Lock()
		calls, s.calls = s.calls, calls[:0]
		select {
		case <-s.enough:
		default:
		}
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
		c.seen.tidy() // here, where no call waits for it but those that come meanwhile
		c.account()
	}
}

// gather lets more calls come while the last commit has just begun and was shared. Who is alone never waits for others.
func (c *committer) gather() {
	rest := commitEvery - time.Since(c.now)
	if !c.shared || rest <= 0 {
		return
	}
	c.pause.Reset(rest)
	select {
	case <-c.spool.enough:
	case <-c.pause.C:
	}
}

// account publishes what the set of keys takes.
func (c *committer) account() {
	c.spool.keyCount.Store(int64(c.seen.count))
	c.spool.keyMemory.Store(c.seen.bytes())
	if !c.seen.forced {
		return
	}
	oldest := c.seen.gens[0]
	c.spool.keysFrom.Store(oldest.bucket)
	c.spool.keysSince.Store(oldest.since)
	if !c.warned {
		c.warned = true
		c.spool.opts.Log.Warn("keys fill their memory, the oldest are forgotten early: what is sent again later than the window is stored twice; give the spool more MaxKeyBytes",
			"max_key_bytes", c.spool.opts.MaxKeyBytes, "window", c.spool.Window(), "wanted", c.spool.opts.Window)
	}
}

// commit answers the calls: when it returns, all that have no err are durable.
func (c *committer) commit(calls []*call) {
	c.now, c.shared = time.Now(), len(calls) > 1
	c.seen.now = c.now.UnixNano()
	c.seen.turn(c.spool.files.bucketOf(c.now))
	for _, call := range calls {
		if call.state.CompareAndSwap(waiting, taken) {
			for i := range call.recs {
				c.seen.warm(&call.recs[i].Key)
			}
		}
	}
	for _, call := range calls {
		switch {
		case call.state.Load() != taken:
		case call.ask:
			call.recs[0].Duplicate = c.seen.has(&call.recs[0].Key)
		default:
			call.err = c.admit(call)
		}
	}
	c.flush()
	c.account()
}

// admit puts a call's new records behind the frames of the batch. A call of duplicates only waits with the batch too:
// what it repeats may be in it, in whichever lane.
func (c *committer) admit(call *call) error {
	var size int64 = frameHead
	for i := range call.recs {
		size += recordHead + int64(len(call.recs[i].Data))
	}
	if size > maxFrame {
		return fmt.Errorf("append of %d bytes: at most %d in one call", size, maxFrame)
	}
	l := &c.logs[call.lane]
	if err := c.makeRoom(l, size, len(call.recs)); err != nil {
		return err
	}
	size = c.take(call, l.active.bucket)
	if call.fresh > 0 {
		if c.spool.used.Load()+c.gathered()+size > c.spool.opts.MaxBytes {
			c.giveBack(call.recs)
			return ErrFull
		}
		l.encode(call.recs)
	}
	c.batch = append(c.batch, call)
	if c.gathered() >= flushBytes {
		c.flush()
		return call.err
	}
	return nil
}

// gathered is the bytes that the next flush writes.
func (c *committer) gathered() (n int64) {
	for i := range c.logs {
		n += int64(len(c.logs[i].frames))
	}
	return n
}

// makeRoom freezes the lane's active segment when the call would be too much for it, or when a new bucket of keys has
// begun (all keys of a segment are in one bucket), and opens one where there is none.
func (c *committer) makeRoom(l *laneLog, size int64, n int) error {
	if c.broken != nil {
		return c.broken
	}
	if err := c.mend(l); err != nil {
		return err
	}
	if g := l.active; g != nil && g.records+l.pending.records > 0 {
		if l.fits(size, n, c.spool.opts.SegmentBytes) && c.seen.bucket == g.bucket {
			return nil
		}
		c.flush()
		if err := c.seal(l); err != nil {
			return err
		}
	}
	if c.broken != nil { // by that flush
		return c.broken
	}
	if err := c.mend(l); err != nil {
		return err
	}
	if l.active == nil {
		slot, err := c.spool.pool.take()
		if err != nil {
			return asFull("new segment", err)
		}
		l.active = &Segment{spool: c.spool, slot: slot, head: header{sequence: c.seq}}
		c.seq++
		if c.spool.Fill() < 0.9 { // beyond that the disk may be as full as the spool
			c.spool.pool.soon()
		}
	}
	c.begin(l)
	return nil
}

// begin gives the active segment, which holds nothing, its header.
func (c *committer) begin(l *laneLog) {
	g := l.active
	g.head = newHeader(l.lane, g.head.sequence, c.now)
	g.bucket = c.seen.bucket
	g.extent = extent{chain: g.head.chain()}
	l.pending = extent{chain: g.chain}
}

// take adds the records' keys to the set, marks those that were there and counts the others. size is that of the
// frame for these.
func (c *committer) take(call *call, bucket int64) (size int64) {
	size, call.fresh = frameHead, 0
	for i := range call.recs {
		r := &call.recs[i]
		r.Duplicate = r.Key != (leadline.Key{}) && !c.seen.add(&r.Key, bucket)
		if !r.Duplicate {
			call.fresh++
			size += recordHead + int64(len(r.Data))
		}
	}
	return size
}

// giveBack forgets the keys that take has added, so that the sender can send the records again.
func (c *committer) giveBack(recs []Record) {
	for i := range recs {
		if r := &recs[i]; !r.Duplicate && r.Key != (leadline.Key{}) {
			c.seen.remove(&r.Key)
		}
	}
}

// flush makes the batch durable: one write and one fsync for each lane that it adds to.
func (c *committer) flush() {
	var failed error
	for i := range c.logs {
		l := &c.logs[i]
		if len(l.frames) == 0 {
			continue
		}
		if l.failed = c.write(l); l.failed == nil {
			c.grown(l)
			continue
		}
		failed = l.failed
		if c.broken == nil {
			l.pending = extent{chain: l.active.chain}
			c.abandon(l, failed)
		}
	}
	if failed != nil {
		c.fault(failed)
	}
	clear(c.batch)
	c.batch = c.batch[:0]
	for i := range c.logs {
		c.logs[i].emptied()
	}
}

// fault gives the error to the calls whose records were not written, and their keys back, and then to those that
// repeat such a record: neither lane acknowledges what the other has lost.
func (c *committer) fault(err error) {
	for _, call := range c.batch {
		if failed := c.logs[call.lane].failed; failed != nil && call.fresh > 0 {
			c.giveBack(call.recs)
			call.err = asFull("append", failed)
		}
	}
	for _, call := range c.batch {
		for i := range call.recs {
			if r := &call.recs[i]; call.err == nil && r.Duplicate && !c.seen.has(&r.Key) {
				call.err = asFull("append", err)
			}
		}
	}
}

func (c *committer) write(l *laneLog) error {
	if c.broken != nil { // by the other lane
		return c.broken
	}
	g, at := l.active, framesAt+l.active.bytes
	if err := g.slot.grow(at + int64(len(l.frames))); err != nil {
		return err
	}
	if g.records == 0 {
		if _, err := g.slot.WriteAt(g.head.encode(), 0); err != nil {
			return err
		}
	}
	l.torn = true
	if err := writeSync(g.slot, l.frames, at); err != nil {
		return err
	}
	l.torn = false
	return nil
}

// grown counts what the last write made durable.
func (c *committer) grown(l *laneLog) {
	s, g := c.spool, l.active
	first := g.records == 0
	s.used.Add(int64(len(l.frames)))
	s.waiting.Add(int64(l.pending.records))
	g.bytes += int64(len(l.frames))
	g.records += l.pending.records
	g.chain = l.pending.chain
	l.pending.records = 0
	s.lines[l.lane].records.Store(int64(g.records))
	if first {
		s.mu.Lock()
		s.lines[l.lane].first = g.head.created
		s.notify()
		s.mu.Unlock()
	}
}
