package budget

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Standing is where an objective stands, as the words say it.
type Standing struct {
	Window time.Duration // the long window of the pair that the words are about
	Burn   float64       // over Window
	Spent  float64       // share of the period's budget that Window took
	Left   float64       // share of the period's budget
	Empty  time.Duration // until the budget is gone at this rate
}

// Standing reads the counters. It looks at the most urgent pair that burns; where none does, at the most urgent.
func (o *Objective) Standing(counters map[string]float64) Standing {
	pair := o.Pairs[0]
	for _, p := range o.Pairs {
		if o.Fires(p, over(p.Long, counters), over(p.Short, counters)) {
			pair = p
			break
		}
	}
	window, all := over(pair.Long, counters), o.period(counters)
	s := Standing{Window: pair.Long, Burn: o.Target.Burn(window), Spent: o.Target.Spent(window, all), Left: o.Target.Left(all)}
	s.Empty = TimeLeft(s.Left, s.Burn, o.Period.Length)
	return s
}

// Words say how the budget burns:
//
//	burning 18×: 4.1 % of the 30-day budget gone in the last hour, empty in 1 d 15 h at this rate
func (o *Objective) Words(counters map[string]float64) string {
	s, name := o.Standing(counters), o.Period.name()
	gone := share(1-s.Left) + " of it is gone"
	last := "the last " + window(s.Window)
	switch {
	case math.IsNaN(s.Left):
		return "no events yet that the " + name + " could be reckoned from"
	case math.IsNaN(s.Burn) && s.Left <= 0:
		return fmt.Sprintf("no events in %s, the %s is overspent: %s", last, name, gone)
	case math.IsNaN(s.Burn):
		return fmt.Sprintf("no events in %s, %s of the %s left", last, rest(s.Left), name)
	case s.Burn == 0 && s.Left <= 0:
		return fmt.Sprintf("not burning in %s, but the %s is overspent: %s", last, name, gone)
	case s.Burn == 0:
		return fmt.Sprintf("not burning in %s, %s of the %s left", last, rest(s.Left), name)
	}
	burning := fmt.Sprintf("burning %s: %s of the %s gone in %s, ", times(s.Burn), share(s.Spent), name, last)
	switch {
	case s.Left <= 0:
		return burning + "overspent: " + gone
	case s.Empty >= o.Period.Length:
		return burning + rest(s.Left) + " left, which lasts at this rate"
	default:
		return burning + "empty in " + Span(s.Empty) + " at this rate"
	}
}

// name is what the budget of the period is called.
func (p Period) name() string {
	switch p.Kind {
	case ByCampaign:
		return "campaign's budget"
	case Calendar:
		return map[Unit]string{Week: "week's", Month: "month's", Quarter: "quarter's"}[p.Unit] + " budget"
	default:
		n, unit := largest(p.Length)
		return fmt.Sprintf("%d-%s budget", n, unit)
	}
}

// window names a time span behind "the last": hour, 6 hours, 3 days.
func window(d time.Duration) string {
	switch n, unit := largest(d); n {
	case 1:
		return unit
	default:
		return fmt.Sprintf("%d %ss", n, unit)
	}
}

// largest is a span in the largest unit that divides it.
func largest(d time.Duration) (n int64, unit string) {
	switch {
	case d%day == 0:
		return int64(d / day), "day"
	case d%time.Hour == 0:
		return int64(d / time.Hour), "hour"
	case d%time.Minute == 0:
		return int64(d / time.Minute), "minute"
	default:
		return int64(d / time.Second), "second"
	}
}

// Span is a time span as a person reads it, rounded down, because it is most often what is left: 12 d, 1 d 15 h,
// 3 h 20 min, 8 min.
func Span(d time.Duration) string {
	two := func(large, small time.Duration, a, b string) string {
		s := fmt.Sprintf("%d %s", d/large, a)
		if rest := d % large / small; rest > 0 {
			s += fmt.Sprintf(" %d %s", rest, b)
		}
		return s
	}
	switch {
	case d >= 10*day:
		return fmt.Sprintf("%d d", d/day)
	case d >= day:
		return two(day, time.Hour, "d", "h")
	case d >= time.Hour:
		return two(time.Hour, time.Minute, "h", "min")
	case d >= time.Minute:
		return fmt.Sprintf("%d min", d/time.Minute)
	default:
		return "less than a minute"
	}
}

// share is a share of 1 in percent: 0.0412 is 4.1 %.
func share(v float64) string {
	switch {
	case v > 0 && v < 0.0005:
		return "less than 0.1 %"
	case v >= 0.0995:
		return strconv.FormatFloat(100*v, 'f', 0, 64) + " %"
	default:
		return strconv.FormatFloat(100*v, 'f', 1, 64) + " %"
	}
}

// rest is share, rounded down: 99.7 % left are not all of it.
func rest(v float64) string {
	const ulp = 1e-9 // 0.97 is not to become 96 % for what binary makes of it
	switch {
	case v >= 1:
		return "all"
	case v >= 0.1:
		return share(math.Floor(100*v+ulp) / 100)
	case v >= 0.001:
		return share(math.Floor(1000*v+ulp) / 1000)
	default:
		return "less than 0.1 %"
	}
}

func times(burn float64) string {
	switch {
	case burn < 0.05:
		return "less than 0.1×"
	case burn < 9.95:
		return strconv.FormatFloat(math.Round(10*burn)/10, 'f', -1, 64) + "×"
	default:
		return strconv.FormatFloat(burn, 'f', 0, 64) + "×"
	}
}
