package latency

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestBucket(t *testing.T) {
	t.Parallel()
	f := func(us uint64, want uint16, lo, hi uint64) {
		t.Helper()
		if b := Bucket(us); b != want {
			t.Errorf("Bucket(%d) = %d, want %d", us, b, want)
		}
		if l, h := Bounds(want); l != lo || h != hi {
			t.Errorf("Bounds(%d) = [%d, %d), want [%d, %d)", want, l, h, lo, hi)
		}
	}
	f(0, 0, 0, 1)
	f(31, 31, 31, 32)
	f(32, 32, 32, 33)
	f(63, 63, 63, 64)
	f(64, 64, 64, 66)
	f(127, 95, 126, 128)
	f(128, 96, 128, 132)
	f(1_000_000, 509, 999_424, 1_015_808)
	f(1<<50-1, last, 63<<44, 1<<50)
	f(1<<50, last, 63<<44, 1<<50)
	f(math.MaxUint64, last, 63<<44, 1<<50)
	if lo, hi := Bounds(last + 1); lo != 1<<50 || hi != 1<<50 {
		t.Errorf("beyond the last: [%d, %d)", lo, hi)
	}
}

// The buckets cover every time up to 2^50 µs once and in order, and a bucket's middle is within 1/64 of what is in it.
func TestBucketsCoverAll(t *testing.T) {
	t.Parallel()
	var next uint64
	for b := range last + 1 {
		lo, hi := Bounds(b)
		if lo != next || hi <= lo || Bucket(lo) != b || Bucket(hi-1) != b {
			t.Fatalf("bucket %d is [%d, %d), should begin at %d", b, lo, hi, next)
		}
		if 32*(hi-lo) > max(lo, 32) {
			t.Errorf("bucket %d, [%d, %d), is wider than 1/32", b, lo, hi)
		}
		next = hi
	}
	if next != 1<<50 {
		t.Errorf("the last bucket ends at %d", next)
	}
}

// anyTime favours no octave over another.
func anyTime() *rapid.Generator[uint64] {
	return rapid.Custom(func(t *rapid.T) uint64 {
		return rapid.Uint64().Draw(t, "us") >> rapid.UintRange(14, 63).Draw(t, "shift")
	})
}

func TestMiddleIsNear(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		us := anyTime().Draw(t, "us")
		b := Bucket(us)
		if lo, hi := Bounds(b); us < lo || us >= hi {
			t.Fatalf("%d is not in its bucket [%d, %d)", us, lo, hi)
		}
		m := Middle(b)
		if off := max(m, us) - min(m, us); 64*off > us {
			t.Fatalf("the middle of %d is %d", us, m)
		}
	})
}

func TestQuantileIsNear(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(anyTime(), 1, 50).Draw(t, "times")
		q := rapid.Float64Range(0, 1).Draw(t, "q")
		slices.Sort(times)
		exact := times[min(int(q*float64(len(times))), len(times)-1)]
		var buckets []uint16
		var counts []uint64
		for _, us := range times {
			if b := Bucket(us); len(buckets) == 0 || buckets[len(buckets)-1] != b {
				buckets, counts = append(buckets, b), append(counts, 0)
			}
			counts[len(counts)-1]++
		}
		if got := Quantile(buckets, counts, q); got != Middle(Bucket(exact)) {
			t.Fatalf("quantile %g of %v is %d, want the bucket of %d", q, times, got, exact)
		}
	})
	if got := Quantile(nil, nil, 0.5); got != 0 {
		t.Errorf("of nothing: %d", got)
	}
}
