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
	drain  meter // events stored
	mu     sync.Mutex
	free   time.Duration // when the next event may pass
	steady time.Duration // since when writes have succeeded one after the other
}

const (
	paceBacklog = time.Second            // so much work may wait before anybody is held
	paceLeast   = 20_000                 // events; less is one small batch on its way
	paceSettle  = 2 * time.Second        // after a failed write the drain rate says nothing for so long
	maxHold     = 500 * time.Millisecond // longer waits are refused: they would fill memory with bodies
)

// stored counts events that ClickHouse has taken.
func (p *pacer) stored(now time.Duration, n int) { p.drain.add(now, n) }

// failed says that ClickHouse did not take a batch.
func (p *pacer) failed(now time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steady = now
}

// limit is how many events a second may pass while so many wait, 0 for as many as come. At a backlog of one second it
// is what is stored, at two or more half of that.
func (p *pacer) limit(now time.Duration, waiting int64) float64 {
	p.mu.Lock()
	settled := now-p.steady >= paceSettle
	p.mu.Unlock()
	rate := p.drain.rate(now)
	target := max(rate*paceBacklog.Seconds(), paceLeast)
	if !settled || rate == 0 || float64(waiting) <= target {
		return 0
	}
	return rate * max(0.5, 1.5-float64(waiting)/(2*target))
}

// hold says how long n more events have to wait. Beyond maxHold it is not ok and nothing was promised: wait is then
// when to come again.
func (p *pacer) hold(now time.Duration, n int, waiting int64) (wait time.Duration, ok bool) {
	rate := p.limit(now, waiting)
	if rate == 0 {
		return 0, true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	from := max(p.free, now)
	if from-now > maxHold {
		return from - now, false
	}
	p.free = from + time.Duration(float64(n)/rate*float64(time.Second))
	return from - now, true
}
