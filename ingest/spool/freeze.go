package spool

import (
	"fmt"
	"time"
)

// freezeIfDue freezes the active segment when it is full, or when Next waits for it.
func (c *committer) freezeIfDue() {
	s, g := c.spool, c.active
	s.mu.Lock()
	asked := s.freeze && s.frozen() == nil
	s.freeze = false
	s.mu.Unlock()
	if g == nil || g.records == 0 {
		return
	}
	full := g.sealing || g.bytes >= s.opts.SegmentBytes || g.records >= s.opts.MaxRecords
	if !asked && !full {
		return
	}
	if err := c.seal(); err != nil && asked {
		s.mu.Lock()
		s.refused = err
		s.notify()
		s.mu.Unlock()
	}
}

// seal makes the active segment's border durable and gives the segment to Next. On a full disk it is tried again
// before anything else; any other failure ends the spool, because what the disk holds is not known then.
func (c *committer) seal() error {
	g := c.active
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
	c.active = nil
	s := c.spool
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = append(s.live, g)
	s.first = time.Time{}
	s.notify()
	return nil
}

// abandon draws the border where a write failed, so that none of its bytes can come back, whatever of them reached the
// disk: their senders were told so. On a full disk there is nothing to do, since the next frame overwrites them.
func (c *committer) abandon(err error) {
	g := c.active
	if noSpace(err) {
		return
	}
	c.spool.opts.Log.Error("spool write failed, segment is left", "file", g.slot.path, "error", err)
	if g.records > 0 {
		c.seal() //nolint:errcheck // what fails here ends the spool, and every later call says so
		return
	}
	c.fail(fmt.Errorf("first write to a fresh segment %s: %w", g.slot.path, err)) //nolint:errcheck // as above
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

// release leaves the active segment to Close; the next Open freezes it.
func (c *committer) release() {
	if c.active == nil {
		return
	}
	c.spool.mu.Lock()
	defer c.spool.mu.Unlock()
	c.spool.live = append(c.spool.live, c.active)
}

// asFull makes a full disk look like a full spool.
func asFull(what string, err error) error {
	if noSpace(err) {
		return fmt.Errorf("%w: %s: %w", ErrFull, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
