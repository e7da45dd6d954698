package source

import (
	"fmt"
	"math"
	"strings"
	"time"
)

// Duration is a time span that knows where it was written.
type Duration = At[time.Duration]

// units are those of Prometheus without y and w's calendar pretence: a day is 24 hours.
var units = []struct {
	name string
	size time.Duration
}{
	{"w", 7 * 24 * time.Hour},
	{"d", 24 * time.Hour},
	{"h", time.Hour},
	{"m", time.Minute},
	{"s", time.Second},
	{"ms", time.Millisecond},
}

// ParseDuration reads Prometheus' form: whole numbers with the units w, d, h, m, s, ms, each at most once and from
// large to small, such as 30s, 7d or 1h30m. "0" needs no unit.
func ParseDuration(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	var sum time.Duration
	rest, left := s, units
	for rest != "" {
		digits := len(rest) - len(strings.TrimLeft(rest, "0123456789"))
		letters := len(rest[digits:]) - len(strings.TrimLeft(rest[digits:], "abcdefghijklmnopqrstuvwxyzµ"))
		n, unit := rest[:digits], rest[digits:digits+letters]
		rest = rest[digits+letters:]
		i := 0
		for i < len(left) && left[i].name != unit {
			i++
		}
		if digits == 0 || i == len(left) {
			return 0, fmt.Errorf("%q is not a duration", s)
		}
		part := int64(0)
		for _, c := range n {
			part = part*10 + int64(c-'0')
			if part > int64(math.MaxInt64-sum)/int64(left[i].size) {
				return 0, fmt.Errorf("duration %q is longer than 292 years", s)
			}
		}
		sum += time.Duration(part) * left[i].size
		left = left[i+1:]
	}
	if s == "" {
		return 0, fmt.Errorf("%q is not a duration", s)
	}
	return sum, nil
}

// FormatDuration writes d as ParseDuration reads it, in the largest units: 1m30s, 7d.
func FormatDuration(d time.Duration) string {
	if d < time.Millisecond {
		return "0s"
	}
	var b strings.Builder
	for _, u := range units[1:] { // days, not weeks: 14d says more than 2w
		if n := d / u.size; n > 0 {
			fmt.Fprintf(&b, "%d%s", n, u.name)
			d -= n * u.size
		}
	}
	return b.String()
}
