package ingest

import (
	"math"
	"sync"
	"time"

	"leadline/ingest/spool"
)

// drain measures how fast ClickHouse takes events while there are any: by the time that batches were under way, not by
// the clock, so that a quiet hour does not look like a slow server. It looks back about a second of such time.
type drain struct {
	mu     sync.Mutex
	done   time.Duration // of the last batch
	busy   float64       // seconds, fading
	events [2]float64    // by lane, fading
	away   bool          // the last try failed
	back   time.Duration // when ClickHouse took a batch again
}

const (
	drainMemory = 1.0             // seconds of work after which a measurement counts 1/e
	drainSettle = 2 * time.Second // after an outage the first batches say little
)

// stored counts a batch whose successful try, or the making ready before it, began at a moment.
func (d *drain) stored(lane spool.Lane, records int, begin, now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	took := max((now - max(begin, d.done)).Seconds(), 1e-6)
	fade := math.Exp(-took / drainMemory)
	for i := range d.events {
		d.events[i] *= fade
	}
	d.busy = d.busy*fade + took
	d.events[lane] += float64(records)
	d.done = now
	if d.away {
		d.away, d.back = false, now
	}
}

// failed says that ClickHouse did not take a batch.
func (d *drain) failed(now time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.away, d.done = true, now
}

// measured is how many events the rates are made of, those long ago counting less.
func (d *drain) measured() float64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.events[spool.Fair] + d.events[spool.Overflow]
}

// rates are the events a second that each lane drains. They are not known while ClickHouse is away and a moment after.
func (d *drain) rates(now time.Duration) (rates [2]float64, known bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.away || d.busy == 0 || d.back > 0 && now-d.back < drainSettle {
		return rates, false
	}
	for i := range d.events {
		rates[i] = d.events[i] / d.busy
	}
	return rates, true
}
