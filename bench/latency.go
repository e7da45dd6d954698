package main

import (
	"math/bits"
	"time"
)

// latencies is a histogram of durations, exact to 1/64 of a value, that never allocates: a generator that makes room
// for a million figures is late for its next request.
type latencies struct {
	n       int64
	buckets [40 * steps]int32 // up to 2^44 ns, five hours
}

const steps = 64 // of each octave

func (l *latencies) add(d time.Duration) {
	v := uint64(max(d, 0))
	octave := max(bits.Len64(v)-7, 0) // v>>octave is below 128
	at := octave*steps + int(v>>octave)
	l.buckets[min(at, len(l.buckets)-1)]++
	l.n++
}

func (l *latencies) merge(o *latencies) {
	l.n += o.n
	for i, n := range &o.buckets {
		l.buckets[i] += n
	}
}

// at is the middle of the bucket in which the quantile q lies; 0 without durations.
func (l *latencies) at(q float64) time.Duration {
	rank := min(int64(q*float64(l.n))+1, l.n)
	for i, n := range &l.buckets {
		if rank -= int64(n); n > 0 && rank <= 0 {
			octave := max(i/steps-1, 0)
			low := uint64(i-octave*steps) << octave
			return time.Duration(low + 1<<octave/2)
		}
	}
	return 0
}
