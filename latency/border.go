package latency

import (
	"time"

	"leadline"
)

// Last is the end of the time that ClickHouse's DateTime can hold, in microseconds since 1970.
var Last = time.Date(2106, 2, 7, 6, 28, 15, 999_999_000, time.UTC).UnixMicro()

// Micros is t in microseconds since 1970, moved to the nearest time that every time column can hold: ClickHouse wraps
// what lies outside around without a word (the year 9999 becomes 1815).
func Micros(t time.Time) int64 {
	switch s := t.Unix(); {
	case s < 0:
		return 0
	case s > Last/1e6:
		return Last
	default:
		return t.UnixMicro()
	}
}

// Border walks along an event's segments in whole microseconds. The borders between the segments are cut, not each
// segment, so that the parts add up to the whole: six times 0.9 µs are 5 µs, not 0. The zero Border is at the start.
type Border struct{ ns, us int64 }

// Pass moves the border by a segment's wait and work and returns each in microseconds. A negative time is none.
func (b *Border) Pass(s *leadline.Segment) (wait, work uint64) {
	return b.move(s.Wait), b.move(s.Duration)
}

func (b *Border) move(d time.Duration) uint64 {
	b.ns += int64(max(d, 0))
	before := b.us
	b.us = b.ns / 1e3
	return uint64(b.us - before)
}

// Micros is how far the border has come.
func (b *Border) Micros() int64 { return b.us }

// whole is how far a Border comes that passes all of the segments.
func whole(segments []leadline.Segment) int64 {
	ns := int64(0)
	for i := range segments {
		ns += int64(max(segments[i].Wait, 0) + max(segments[i].Duration, 0))
	}
	return ns / 1e3
}
