package budget

import (
	"math"
	"time"

	"leadline/source"
)

// Objective is a promise: this share of what happens is good, over a period.
type Objective struct {
	Target   Target
	Period   Period
	Pairs    []Pair  // the most urgent first
	MinBad   float64 // bad events on the long window below which no pair fires
	MinTotal float64 // events on the long window below which no pair fires
}

// Target is the share that must be good, in millionths: 99.9 % is 999,000. Whole millionths, because 1 − 0.999 is not
// 0.001 in binary.
type Target int64

const whole = 1_000_000

// ParseTarget takes a percentage between 0 and 100, both exclusive, of at most four decimals.
func ParseTarget(percent float64) (Target, bool) {
	scaled := percent * (whole / 100)
	t := math.Round(scaled)
	if !(math.Abs(scaled-t) < 1e-6) || t <= 0 || t >= whole {
		return 0, false
	}
	return Target(t), true
}

// Percent is the target as people write it.
func (t Target) Percent() float64 { return float64(t) / (whole / 100) }

// Share is the target as a share of 1.
func (t Target) Share() float64 { return float64(t) / whole }

// Allowed is the share that may be bad, 1 − T.
func (t Target) Allowed() float64 { return float64(whole-t) / whole }

// Limit is the share of bad events on a pair's windows above which it fires, to twelve digits: 14.4 × 1 % is 0.144 and
// not 0.14400000000000002.
func (o *Objective) Limit(p Pair) float64 {
	limit := p.Factor(o.Period.Length) * o.Target.Allowed()
	unit := math.Pow(10, 11-math.Floor(math.Log10(limit)))
	return math.Round(limit*unit) / unit
}

// Fires reports whether both windows burn above the factor, leaving out how many events there must be.
func (o *Objective) Fires(p Pair, long, short Count) bool {
	limit := o.Limit(p)
	return long.Bad > limit*long.Total && short.Bad > limit*short.Total
}

// Count is what happened in a window. The numbers need not be whole: a latency threshold inside a bucket of a histogram
// takes a part of it.
type Count struct{ Bad, Total float64 }

// Burn is how many times faster than allowed the budget burns. NaN where nothing happened.
func (t Target) Burn(c Count) float64 {
	if !(c.Total > 0) {
		return math.NaN()
	}
	return c.Bad / (c.Total * t.Allowed())
}

// Left is the share of the budget that is left of a period with this count, below 0 where it is overspent. NaN where
// nothing happened.
func (t Target) Left(period Count) float64 { return 1 - t.Burn(period) }

// Spent is the share of a period's budget that a window within it has taken. NaN where nothing happened in the period.
func (t Target) Spent(window, period Count) float64 {
	return t.Burn(Count{window.Bad, period.Total})
}

// TimeLeft is how long the budget lasts while it burns like this and traffic is that of the period: 0 where it is gone
// already, the longest duration where nothing burns.
func TimeLeft(left, burn float64, period time.Duration) time.Duration {
	switch t := left * float64(period) / burn; {
	case left <= 0:
		return 0
	case !(burn > 0) || t >= math.MaxInt64:
		return math.MaxInt64
	default:
		return time.Duration(t)
	}
}

// The names of the counters that an objective is judged by, and of what it makes of them. Escalation policies, pages
// and dashboards use them.
const (
	TotalPeriod = "total_period" // events since the period began
	BadPeriod   = "bad_period"   // of them, those that were bad
	TotalUsual  = "total_usual"  // events in a period's length until now, where the period begins by the calendar
	Left        = "budget_left"  // share of the period's budget
	BurnPrefix  = "burn_"        // and a window: burn rate
)

// TotalOver names the count of events in a window: total_1h.
func TotalOver(window time.Duration) string { return "total_" + source.FormatDuration(window) }

// BadOver names the count of bad events in a window: bad_1h.
func BadOver(window time.Duration) string { return "bad_" + source.FormatDuration(window) }

// BurnOver names the burn rate of a window: burn_1h.
func BurnOver(window time.Duration) string { return BurnPrefix + source.FormatDuration(window) }

// Always are windows that every objective measures if its period is longer, so that a policy can use burn_1h and
// burn_6h of any of them.
var Always = []time.Duration{time.Hour, 6 * time.Hour}

// Windows are the windows of the pairs and Always, each once, the shortest first.
func (o *Objective) Windows() []time.Duration {
	var all []time.Duration
	for _, p := range o.Pairs {
		all = append(all, p.Long, p.Short)
	}
	for _, w := range Always {
		if w <= o.Period.Length {
			all = append(all, w)
		}
	}
	return distinct(all)
}

// Values are the burn rates and the budget left, by name, as far as the counters have them. The budget of a rolling period
// is that of its events; of a calendar month or a campaign that has just begun it is that of the events to be expected.
func (o *Objective) Values(counters map[string]float64) map[string]float64 {
	out := map[string]float64{}
	for _, w := range o.Windows() {
		if b := o.Target.Burn(over(w, counters)); !math.IsNaN(b) {
			out[BurnOver(w)] = b
		}
	}
	if l := o.Target.Left(o.period(counters)); !math.IsNaN(l) {
		out[Left] = l
	}
	return out
}

// Names are the names that Values may have.
func (o *Objective) Names() []string {
	out := []string{Left}
	for _, w := range o.Windows() {
		out = append(out, BurnOver(w))
	}
	return out
}

// over reads the counters of a window; what is missing makes a count of nothing.
func over(w time.Duration, counters map[string]float64) Count {
	return count(counters, BadOver(w), TotalOver(w))
}

// period reads the counters of the period, with the events that its budget is reckoned from. A period that began not long
// ago has the budget of all of it, not of an hour: one by the calendar of what usually happens in its length, until more
// than that has happened; a campaign of what happens in its length if it goes on as in the time in which it began.
func (o *Objective) period(counters map[string]float64) Count {
	c := count(counters, BadPeriod, TotalPeriod)
	switch o.Period.Kind {
	case Rolling: // what happened in it is all of it
	case Calendar:
		if usual, ok := counters[TotalUsual]; ok && usual > c.Total {
			c.Total = usual
		}
	case ByCampaign:
		for _, w := range distinct(append(o.Windows(), o.Ages()...)) {
			if n, ok := counters[TotalOver(w)]; ok && w < o.Period.Length && n >= young*c.Total {
				c.Total *= float64(o.Period.Length) / float64(w)
				break
			}
		}
	}
	return c
}

// young is the share of a campaign's events that lie in the time in which it began: the others are somebody's tests.
const young = 0.99

// Ages are windows of which only the total is counted, to tell how old a campaign is. With those of Windows every one is at
// most three times as long as the one before, and in the second half of the campaign a half longer.
func (o *Objective) Ages() []time.Duration {
	if o.Period.Kind != ByCampaign {
		return nil
	}
	var out []time.Duration
	for _, part := range []float64{1. / 2, 2. / 3, 5. / 6} {
		out = append(out, time.Duration(part*float64(o.Period.Length)).Round(time.Minute))
	}
	return out
}

func count(counters map[string]float64, bad, total string) Count {
	b, ok := counters[bad]
	t, ok2 := counters[total]
	if !ok || !ok2 {
		return Count{math.NaN(), math.NaN()}
	}
	return Count{b, t}
}
