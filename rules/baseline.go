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
		past := slices.Clone(s.Past[i])
		for k := range past {
			if fired(known, slot.Add(-time.Duration(k+1)*m.Baseline.Season)) {
				past[k] = math.NaN()
			}
		}
		out[i] = m.Baseline.Of(s.Values[i], past)
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
