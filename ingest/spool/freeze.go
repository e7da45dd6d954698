package spool

import (
	"fmt"
	"time"
)

// freezeIfDue freezes the active segments that are full, or that Next waits for.
func (c *committer) freezeIfDue() {
	s := c.spool
	for i := range c.logs {
		l := &c.logs[i]
		asked := s.lines[i].freeze.Load() && s.lines[i].freeze.Swap(false)
		if l.active == nil || l.active.records == 0 || (!asked && !l.full(l.active, s.opts.SegmentBytes)) {
			continue
		}
		if err := c.seal(l); err != nil && asked {
			s.mu.Lock()
			s.refused = err
			s.notify()
			s.mu.Unlock()
		}
	}
}

// seal makes the active segment's border durable and gives the segment to Next. On a full disk it is tried again
// before anything else in its lane; any other failure ends the spool, because what the disk holds is not known then.
func (c *committer) seal(l *laneLog) error {
	g := l.active
	if g == nil || g.records == 0 {
		return nil
	}
	g.sealing = true
	if err := writeSync(g.slot, g.border(&g.head), sealAt); err != nil {
		if noSpace(err) {
			return asFull("freeze segment", err)
		}
		return c.fail(fmt.Errorf("freeze segment %s: %w", g.slot.path, err))
	}
	g.Token = token(&g.head, g.extent)
	c.spool.pool.expect(framesAt + g.bytes)
	l.active, l.torn = nil, false
	s := c.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	line := &s.lines[l.lane]
	line.live = append(line.live, g)
	line.first = time.Time{}
	line.records.Store(0)
	line.freeze.Store(false)
	s.notify()
	return nil
}

// abandon draws the border where a write failed, so that none of its bytes can come back, whatever of them reached the
// disk: their senders were told so. On a full disk there is nothing to do yet: the next frame of the lane overwrites
// them, and before one of the other lane comes mend.
func (c *committer) abandon(l *laneLog, err error) {
	g := l.active
	if noSpace(err) {
		return
	}
	c.spool.opts.Log.Error("spool write failed, segment is left", "file", g.slot.path, "error", err)
	if g.records > 0 {
		c.seal(l) //nolint:errcheck // what fails here ends the spool, and every later call says so
		return
	}
	c.fail(fmt.Errorf("first write to a fresh segment %s: %w", g.slot.path, err)) //nolint:errcheck // as above
}

// mend takes back what the other lanes' failed writes may have left, before a record that one of them has lost can be
// stored in this one.
func (c *committer) mend(next *laneLog) error {
	for i := range c.logs {
		l := &c.logs[i]
		if !l.torn || l == next {
			continue
		}
		g := l.active
		if g.sealing {
			if err := c.seal(l); err != nil {
				return err
			}
			continue
		}
		if err := writeSync(g.slot, zeros[:frameHead], framesAt+g.bytes); err != nil {
			if noSpace(err) {
				return asFull("take back a failed write", err)
			}
			return c.fail(fmt.Errorf("take back a failed write to %s: %w", g.slot.path, err))
		}
		l.torn = false
	}
	return nil
}

// fail ends the spool.
func (c *committer) fail(err error) error {
	c.broken = fmt.Errorf("spool is broken, nothing more is acknowledged: %w: see to the disk, then restart", err)
	s := c.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = c.broken
	s.notify()
	return c.broken
}

// release leaves the active segments to Close; the next Open freezes them.
func (c *committer) release() {
	s := c.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range c.logs {
		if g := c.logs[i].active; g != nil {
			s.lines[i].live = append(s.lines[i].live, g)
		}
	}
}

// asFull makes a full disk look like a full spool.
func asFull(what string, err error) error {
	if noSpace(err) {
		return fmt.Errorf("%w: %s: %w", ErrFull, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
