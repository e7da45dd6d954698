package rules

import (
	"math"
	"slices"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// present are a row's values with the baselines worked out: from the seasons in which this instance was not firing, for
// an incident must not become the normal case. Without baselines they are the row's own.
func (r *Rule) present(s *measure.Row, known *leadline.Instance, slot time.Time) []float64 {
	if s.Past == nil || !slices.ContainsFunc(r.Ask.Measures, func(m measure.Measure) bool { return m.Baseline != nil }) {
		return s.Values
	}
	out := slices.Clone(s.Values)
	for i, m := range r.Ask.Measures {
		if m.Baseline == nil {
			continue
		}
		var past []float64
		for k, v := range s.Past[i] {
			if defined(v) && !fired(known, slot.Add(-time.Duration(k+1)*m.Baseline.Season)) {
				past = append(past, v)
			}
		}
		out[i] = compare(m.Baseline, s.Values[i], past)
	}
	return out
}

// fired reports whether an instance was firing at a slot of the past.
func fired(i *leadline.Instance, slot time.Time) bool {
	if i == nil {
		return false
	}
	if began := i.FiringSince; !began.IsZero() && !slot.Before(earlier(i.Since, began)) {
		return true
	}
	return slices.ContainsFunc(i.Fired, func(v leadline.Interval) bool { return !slot.Before(v.Since) && slot.Before(v.Until) })
}

// earlier is the first of two times, of which a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// madScale makes the median absolute deviation of normally distributed values their standard deviation (Rousseeuw and
// Croux 1993: 1/Φ⁻¹(3/4)).
const madScale = 1.4826

// compare is what a baseline says of a window and the earlier ones; NaN without any.
func compare(b *measure.Baseline, now float64, past []float64) float64 {
	if len(past) == 0 {
		return math.NaN()
	}
	middle := median(past)
	if b.Stat != measure.RobustZ {
		return middle
	}
	off := make([]float64, len(past))
	for i, v := range past {
		off[i] = math.Abs(v - middle)
	}
	return (now - middle) / (madScale * median(off))
}

func median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	n := len(s)
	if n%2 == 1 {
		return s[n/2]
	}
	return (s[n/2-1] + s[n/2]) / 2
}
