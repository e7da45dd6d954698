package budget

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"leadline/source"
)

// Field is the part of an objective that a Problem is about.
type Field int

// The fields.
const (
	FieldPairs Field = iota
	FieldPeriod
	FieldMinBad
	FieldMinTotal
)

// Problem is why an objective would not do what it says.
type Problem struct {
	Field    Field
	Pair     int // FieldPairs: which, -1 where it is all of them
	What, Do string
}

// Setting is what an objective runs in.
type Setting struct {
	Interval time.Duration               // between evaluations
	Kept     time.Duration               // how long the data is kept that windows and period are counted from
	Of       string                      // the name of that data
	Usual    func(time.Duration) float64 // how many events a window usually has, nil where nobody has looked
}

// Lint finds what cannot work, with the numbers that show it. Without Usual, min_samples stands in for the events of a
// long window: fewer do not count.
func (o *Objective) Lint(in Setting) []Problem {
	var out []Problem
	add := func(f Field, pair int, what, do string) { out = append(out, Problem{f, pair, what, do}) }
	if longest := o.Period.Longest(); longest > in.Kept {
		add(FieldPeriod, -1, fmt.Sprintf("the period takes up to %s and %s are kept for %s", days(longest), in.Of, days(in.Kept)), "shorten it: the budget of what is deleted is unknown")
	}
	for i, p := range o.Pairs {
		f, ratio := p.Factor(o.Period.Length), o.Limit(p)
		long, short := source.FormatDuration(p.Long), source.FormatDuration(p.Short)
		switch {
		case p.Short >= p.Long:
			add(FieldPairs, i, fmt.Sprintf("the short window %s is not shorter than the long one, %s", short, long), "use a twelfth of it")
			continue
		case p.Long > o.Period.Length:
			add(FieldPairs, i, fmt.Sprintf("the window %s is longer than the period of %s", long, source.FormatDuration(o.Period.Length)), "shorten it, or list windows that fit under alerting.windows")
			continue
		case p.Long > in.Kept:
			add(FieldPairs, i, fmt.Sprintf("the window %s is longer than the %s that %s are kept", long, days(in.Kept), in.Of), "shorten it")
		case p.Short < 2*in.Interval:
			add(FieldPairs, i, fmt.Sprintf("the short window %s is shorter than two intervals of %s, a late evaluation would miss events", short, source.FormatDuration(in.Interval)), "evaluate more often or lengthen it")
		}
		if ratio >= 1 {
			highest := (1 - 1/f) * 100
			add(FieldPairs, i, fmt.Sprintf("%s over %s can never fire: at %s %% it needs %s of all events bad", number(f)+"×", long, number(o.Target.Percent()), share(ratio)),
				fmt.Sprintf("remove the pair, or raise the objective above %s %%", number(math.Ceil(highest*100)/100)))
			continue
		}
		for _, x := range o.few(i, p, ratio, in.Usual) {
			if !slices.ContainsFunc(out, func(y Problem) bool { return y.Field == x.Field }) { // of the most urgent pair
				out = append(out, x)
			}
		}
	}
	return out
}

// Hints are what the traffic of a series makes of the objective: pairs that its usual number of events can never fire, or
// that one of them is enough for. What is usual is told by the longest window, once the series is older than it.
func (o *Objective) Hints(counters map[string]float64) []string {
	w := o.Pairs[len(o.Pairs)-1].Long
	last := over(w, counters).Total
	if !(last > 0) || last > 0.9*count(counters, BadPeriod, TotalPeriod).Total {
		return nil
	}
	usual := func(x time.Duration) float64 { return math.Round(last * float64(x) / float64(w)) }
	var out []string
	for i, p := range o.Pairs {
		for _, x := range o.few(i, p, o.Limit(p), usual) {
			out = append(out, x.What+": "+x.Do)
		}
	}
	return out
}

// few finds pairs that so few events are enough for, or that so many are needed for, that they do not say what they
// should.
func (o *Objective) few(i int, p Pair, ratio float64, usual func(time.Duration) float64) (out []Problem) {
	long := source.FormatDuration(p.Long)
	n, who := o.MinTotal, "min_samples"
	if usual != nil {
		n, who = max(n, usual(p.Long)), "as usual"
	}
	if need := max(o.MinBad, 1); need < 2 && ratio*n < 1 {
		out = append(out, Problem{FieldMinBad, i, fmt.Sprintf("one bad event would be enough for a %s: of %s events in %s (%s), %s are %s", p.Severity, number(n), long, who, share(ratio), number(ratio*n)), "raise min_bad_events to 10"})
	}
	if usual == nil {
		return out
	}
	if u := usual(p.Long); u < o.MinTotal {
		out = append(out, Problem{FieldMinTotal, i, fmt.Sprintf("%s events in %s are usual, min_samples of %s is never reached", number(u), long, number(o.MinTotal)), "lower it, or watch a longer window"})
	} else if u < o.MinBad {
		out = append(out, Problem{FieldMinBad, i, fmt.Sprintf("%s events in %s are usual, %s bad ones are never reached", number(u), long, number(o.MinBad)), "lower it, or watch a longer window"})
	}
	return out
}

func days(d time.Duration) string {
	return strconv.FormatFloat(math.Round(d.Hours()/24), 'f', 0, 64) + " days"
}

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
