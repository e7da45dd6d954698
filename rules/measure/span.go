package measure

import (
	"slices"
	"time"
)

// The kept time of the rollup's tiers, with a day to spare for the partitions by received_at.
const (
	minutesKept = 34 * 24 * time.Hour
	hoursKept   = 399 * 24 * time.Hour
)

// Settle is how long an hour has to be over before it is read from the hourly tier, and remembered: what is still under
// way into ClickHouse is seen as long as its minutes are read again.
const Settle = 5 * time.Minute

// span is a half-open time in seconds since 1970.
type span struct{ from, to int64 }

func (s span) empty() bool        { return s.from >= s.to }
func (s span) within(o span) bool { return s.from >= o.from && s.to <= o.to }

// tiers are the parts of a window: minutes for latency_1m, at most two, and hours for latency_1h. A window of which the
// minutes are not kept begins at the full hour.
func tiers(end time.Time, window time.Duration) (minutes []span, hours span) {
	to := floor(end.Unix(), 60)
	from := to - int64(window/time.Second)
	if window > minutesKept {
		from = floor(from, 3600)
	}
	first, last := -floor(-from, 3600), floor(to-int64(Settle/time.Second), 3600)
	if first >= last {
		return []span{{from, to}}, span{}
	}
	for _, m := range []span{{from, first}, {last, to}} {
		if !m.empty() {
			minutes = append(minutes, m)
		}
	}
	return minutes, span{first, last}
}

// cells cuts spans at each other's borders: the smallest parts of which every one of them is made, in order.
func cells(spans []span) []span {
	var borders []int64
	for _, s := range spans {
		borders = append(borders, s.from, s.to)
	}
	slices.Sort(borders)
	borders = slices.Compact(borders)
	var out []span
	for i := 1; i < len(borders); i++ {
		c := span{borders[i-1], borders[i]}
		if slices.ContainsFunc(spans, c.within) {
			out = append(out, c)
		}
	}
	return out
}

// floor rounds down to a multiple of unit, also below 0.
func floor(t, unit int64) int64 {
	r := t % unit
	if r < 0 {
		r += unit
	}
	return t - r
}
