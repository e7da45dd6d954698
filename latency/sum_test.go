package latency

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// shapeOf is the histogram of some times.
func shapeOf(times []uint64) (buckets []uint16, counts []uint64) {
	sorted := slices.Sorted(slices.Values(times))
	for _, t := range sorted {
		b := Bucket(t)
		if n := len(buckets); n > 0 && buckets[n-1] == b {
			counts[n-1]++
			continue
		}
		buckets, counts = append(buckets, b), append(counts, 1)
	}
	return buckets, counts
}

// TestSumIsWhatAllTimesTogetherAre adds histograms of parts up and compares with the times themselves.
func TestSumIsWhatAllTimesTogetherAre(t *testing.T) {
	t.Parallel()
	var s Sum // used again, so that Reset is tested too
	times := rapid.SliceOf(rapid.OneOf(rapid.Uint64Range(0, 100), rapid.Uint64Range(0, 2_000_000), rapid.Uint64()))
	rapid.Check(t, func(t *rapid.T) {
		s.Reset()
		var all []uint64
		for _, part := range rapid.SliceOf(times).Draw(t, "parts") {
			s.Add(shapeOf(part))
			all = append(all, part...)
		}
		buckets, counts := shapeOf(all)
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		if got, want := s.Quantile(q), Quantile(buckets, counts, q); got != want || s.Len() != uint64(len(all)) {
			t.Fatalf("quantile %v of %d times is %d, want %d of %d", q, s.Len(), got, want, len(all))
		}
		over := rapid.Int64Range(-5, 3_000_000).Draw(t, "over")
		var exact, close float64 // close: in the threshold's own bucket
		for _, x := range all {
			if over < 0 || x > uint64(over) {
				exact++
			}
			if over >= 0 && Bucket(x) == Bucket(uint64(over)) {
				close++
			}
		}
		if got := s.Slower(over); math.Abs(got-exact) > close {
			t.Fatalf("%v are slower than %d µs, exactly %v and %v in its bucket", got, over, exact, close)
		}
	})
}

func TestSlowerIsExactWhereBucketsAre(t *testing.T) {
	t.Parallel()
	var s Sum
	s.Add(shapeOf([]uint64{0, 1, 5, 5, 63, 64, 65, 1 << 49}))
	f := func(us int64, want float64) {
		t.Helper()
		if got := s.Slower(us); got != want {
			t.Errorf("%v are slower than %d µs, want %v", got, us, want)
		}
	}
	f(-1, 8)
	f(0, 7)
	f(5, 4)
	f(62, 4)
	f(63, 3)
	f(65, 1)
	f(1<<51, 0)
}
