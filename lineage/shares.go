package lineage

import (
	"cmp"
	"slices"

	"leadline"
)

// sums are what two sets of events spent in one stage, or on their whole way.
type sums struct {
	stage                  string
	slowEvents, slowUS     int64
	normalEvents, normalUS int64
}

// shares splits the slow-down over the stages, the largest share first. way holds the sizes of both sets, because an
// event need not pass every stage. Without a slow-down there are none.
func shares(stages []sums, way sums) []leadline.StageShare {
	if way.slowEvents == 0 || way.normalEvents == 0 {
		return nil
	}
	out := make([]leadline.StageShare, len(stages))
	total := 0.0
	for i, s := range stages {
		now, base := mean(s.slowUS, way.slowEvents), mean(s.normalUS, way.normalEvents)
		out[i] = leadline.StageShare{Stage: s.stage, BaseMS: base, NowMS: now, Share: now - base}
		total += now - base
	}
	if total <= 0 {
		return nil
	}
	for i := range out {
		out[i].Share /= total
	}
	slices.SortFunc(out, func(a, b leadline.StageShare) int {
		return cmp.Or(cmp.Compare(b.Share, a.Share), cmp.Compare(a.Stage, b.Stage))
	})
	return out
}

// mean is in milliseconds.
func mean(us, n int64) float64 { return float64(us) / float64(n) / 1000 }
