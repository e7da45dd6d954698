package telegram

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// nbsp keeps a number and its unit on one line.
const nbsp = "\u00a0"

// millis is a latency: 3.4 ms, 523 ms, 1.31 s, 2 min 10 s.
func millis(ms float64) string {
	switch {
	case math.IsNaN(ms) || math.IsInf(ms, 0):
		return "unknown"
	case math.Abs(ms) < 9.95:
		return trim(ms, 1) + nbsp + "ms"
	case math.Abs(ms) < 999.5:
		return trim(ms, 0) + nbsp + "ms"
	case math.Abs(ms) < 9995:
		return trim(ms/1000, 2) + nbsp + "s"
	case math.Abs(ms) < 59950:
		return trim(ms/1000, 1) + nbsp + "s"
	default:
		return duration(time.Duration(ms * float64(time.Millisecond)))
	}
}

func trim(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if decimals > 0 {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}

// duration is a time between two moments in at most two units: 42 s, 2 min 10 s, 3 h 5 min, 2 d 3 h.
func duration(d time.Duration) string {
	if d < 0 {
		d = 0
	}
	if d < time.Second {
		return strconv.FormatInt(d.Milliseconds(), 10) + nbsp + "ms"
	}
	d = d.Round(time.Second)
	units := []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}}
	for i, u := range units {
		if d < u.size {
			continue
		}
		out := fmt.Sprintf("%d%s%s", d/u.size, nbsp, u.name)
		if i+1 < len(units) {
			if rest := d % u.size / units[i+1].size; rest > 0 {
				out += fmt.Sprintf("%s%d%s%s", nbsp, rest, nbsp, units[i+1].name)
			}
		}
		return out
	}
	return "0" + nbsp + "s"
}

// clock is a time of day in UTC, with the date where that was not within a day before now.
func clock(t, now time.Time) string {
	if now.Sub(t).Abs() < 24*time.Hour {
		return t.UTC().Format("15:04") + nbsp + "UTC"
	}
	return t.UTC().Format("2 Jan 15:04") + nbsp + "UTC"
}

// between is a time from one moment to another.
func between(from, to, now time.Time) string {
	if now.Sub(from) < 24*time.Hour {
		return from.UTC().Format("15:04") + " to " + clock(to, now)
	}
	return clock(from, now) + " to " + clock(to, now)
}

// count groups thousands: 1 840.
func count(n int64) string {
	s := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(s) - 3; i > start; i -= 3 {
		s = s[:i] + nbsp + s[i:]
	}
	return s
}

// percent is a share of 1.
func percent(share float64) string {
	p := math.Round(share * 100)
	if p < 1 {
		return "under 1%"
	}
	return strconv.FormatFloat(min(p, 100), 'f', 0, 64) + "%"
}

// quantity is a number of things: 1 event, 1 840 events.
func quantity(n int64, noun string) string { return count(n) + nbsp + plural(n, noun) }

// plural is the noun for n things; more of them end in s.
func plural(n int64, noun string) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}
