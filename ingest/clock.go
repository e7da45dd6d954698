package ingest

import (
	"math/rand/v2"
	"time"

	"leadline"
)

// clock measures the way of events on the monotonic clock of this process, so that a step of the wall clock neither
// stretches nor shrinks it. A moment is the time since the clock was made.
type clock struct {
	start   time.Time
	process uint64 // tells records of this process from those of one before it
}

func newClock() clock { return clock{time.Now(), rand.Uint64() | 1} }

func (c clock) now() time.Duration { return time.Since(c.start) }

func (c clock) at(t time.Time) time.Duration { return t.Sub(c.start) }

// received is the moment at which an event was received. For one that an earlier process received only the wall clock
// can tell; it is never later than what the event has already gone through allows.
func (c clock) received(e *leadline.Event, s stamp) time.Duration {
	if s.process == c.process {
		return s.received
	}
	now := time.Now()
	age := max(now.Round(0).Sub(e.ReceivedAt), e.Elapsed()) // Round(0): wall clock against wall clock
	return c.at(now) - age
}

// spend appends a stage that ran from begin to end, both counted from the event's receipt. Stages never overlap: what
// would be negative is 0.
func spend(e *leadline.Event, stage string, begin, end time.Duration, status leadline.Status) {
	before := e.Elapsed()
	begin = max(begin.Truncate(time.Microsecond), before)
	end = max(end.Truncate(time.Microsecond), begin)
	e.Spend(stage, begin-before, end-begin, status)
}
