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
	mu   sync.Mutex
	free time.Duration // when the next event may pass
}

const (
	paceBacklog = 1.0                    // seconds of work that may wait before anybody is held
	paceLeast   = 64_000                 // events: two full segments; small batches tell little of what large ones could do
	maxHold     = 500 * time.Millisecond // longer waits are refused: they would fill memory with bodies
)

// pace is how many events a second may pass while so many wait and the lane drains at a rate, 0 for as many as come. At
// a backlog of one second it is what is stored, at two or more half of that.
func pace(rate float64, waiting int64) float64 {
	target := max(rate*paceBacklog, paceLeast)
	if rate == 0 || float64(waiting) <= target {
		return 0
	}
	return rate * max(0.5, 1.5-float64(waiting)/(2*target))
}

// hold says how long n more events have to wait at a pace. Beyond maxHold it is not ok and nothing was promised: wait is
// then when to come again. For n = 0 it only looks.
func (p *pacer) hold(now time.Duration, n int, pace float64) (wait time.Duration, ok bool) {
	if pace == 0 {
		return 0, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	from := max(p.free, now)
	if from-now > maxHold {
		return from - now, false
	}
	p.free = from + time.Duration(float64(n)/pace*float64(time.Second))
	return from - now, true
}
