package ingest

import (
	"sync"
	"time"
)

// pacer holds acknowledgements of one lane to what ClickHouse stores while that is what bounds the pipeline. Without
// it, acknowledging takes the CPU that storing needs: 180,000 stored a second became 120,000 when acknowledging ran
// free, and what was acknowledged gathered on disk.
//
// It lets pass freely while less than a second's worth waits, and while ClickHouse is away: then nothing bounds but the
// disk, and senders shall not feel an outage.
type pacer struct {
	mu    sync.Mutex
	ahead float64       // events that were promised a turn and have not had it
	at    time.Duration // when that was so
}

const (
	paceBacklog = 1.0                    // seconds of work that may wait before anybody is held
	paceCrowded = 4.0                    // while a partner takes the overflow lane: the others are not held for what it had sent before
	paceLeast   = 64_000                 // events: a full segment; small batches tell little of what large ones could do
	paceTells   = paceLeast / 4          // events whose storing was measured: behind such a backlog the next batch has twice as many
	maxHold     = 500 * time.Millisecond // longer waits are refused, for they fill memory with bodies
	longHold    = 2 * time.Second        // of the fair lane, while that is little: a few senders who wait for their answers are not refused
	littleHeld  = 16 << 20               // bytes of bodies
)

// pace is how many events a second may pass while so many wait and the lane drains at a rate, 0 for as many as come. It
// is 0 up to a backlog of so many seconds' work, there what is stored, and half of that at twice the backlog and beyond.
func pace(rate float64, waiting int64, backlog float64) float64 {
	target := max(rate*backlog, paceLeast)
	if rate == 0 || float64(waiting) <= target {
		return 0
	}
	return rate * max(0.5, 1.5-float64(waiting)/(2*target))
}

// hold says how long n more events have to wait at a pace. Beyond most it is not ok and nothing was promised: wait is
// then when to come again. For n = 0 it only looks.
func (p *pacer) hold(now time.Duration, n int, pace float64, most time.Duration) (wait time.Duration, ok bool) {
	if pace == 0 {
		return 0, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	// Counted in events, not in time: after a slow moment new ones do not wait behind turns that were promised at its pace.
	p.ahead, p.at = max(0, p.ahead-pace*(now-p.at).Seconds()), now
	wait = time.Duration(p.ahead / pace * float64(time.Second))
	if wait > most {
		return wait, false
	}
	p.ahead += float64(n)
	return wait, true
}
