package measure

import (
	"math"
	"slices"
)

// madScale makes the median absolute deviation of normally distributed values their standard deviation.
const madScale = 1.4826

// Of is what the baseline says of a value now and those of the seasons before, NaN where they are not known. It is NaN
// where fewer than half of the periods, or fewer than two, are known, and where the seasons before do not differ at all
// but now does: how unusual that is they cannot tell.
func (b *Baseline) Of(now float64, past []float64) float64 {
	known := make([]float64, 0, len(past))
	for _, v := range past {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			known = append(known, v)
		}
	}
	if len(known) < max(2, (b.Periods+1)/2) {
		return math.NaN()
	}
	middle := median(known)
	if b.Stat == Median {
		return middle
	}
	for i, v := range known {
		known[i] = math.Abs(v - middle)
	}
	z := (now - middle) / (madScale * median(known))
	switch {
	case now == middle:
		return 0
	case math.IsInf(z, 0):
		return math.NaN()
	}
	return z
}

// median of at least one value; it sorts them.
func median(v []float64) float64 {
	slices.Sort(v)
	n := len(v)
	if n%2 == 1 {
		return v[n/2]
	}
	return v[n/2-1]/2 + v[n/2]/2
}
