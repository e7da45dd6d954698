package limit

import (
	"math"
	"time"
)

// bucket is one GCRA in its continuous-state form, the leaky bucket of ITU-T I.371 annex A and ATM Forum TM 4.1 §4.5,
// which admits the same as virtual scheduling does. A theoretical arrival time would have to be kept as nanoseconds
// since 1970, where a float64 counts in steps of 256; a level counts in steps far below one event for ever.
type bucket struct {
	level float64 // what was admitted and has not leaked yet
	at    int64   // Unix time of level, ns
}

// tolerance, a thousandth of an event, is more than clocks of whole nanoseconds and rounding add to a level: a sender
// exactly at its rate is never refused for them.
const tolerance = 1e-3

// now is the level after the leak until at. A clock that steps back leaks nothing.
func (b *bucket) now(rate float64, at int64) float64 {
	if at <= b.at {
		return b.level
	}
	return max(0, b.level-rate*float64(at-b.at)/1e9)
}

// wait is how long n does not fit into the burst, 0 where it does now.
func (b *bucket) wait(n, rate, burst float64, at int64) time.Duration {
	over := b.now(rate, at) + n - burst
	if over <= tolerance {
		return 0
	}
	return seconds(over/rate) + time.Duration(max(0, b.at-at))
}

// add lets n in, which fits.
func (b *bucket) add(n, rate float64, at int64) {
	b.level = b.now(rate, at) + n
	b.at = max(b.at, at)
}

// seconds rounds up, so that after the wait it is time.
func seconds(s float64) time.Duration {
	return time.Duration(min(math.Ceil(s*1e9), math.MaxInt64/2))
}
