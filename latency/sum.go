package latency

// Sum adds histograms up. The zero Sum is empty. It takes 12 KB and is used again after Reset.
type Sum struct {
	counts [octaves * octave]uint64
	lo, hi int // the buckets that may hold something: lo ≤ b < hi
	n      uint64
}

// Add adds a histogram: buckets in order, counts parallel to them. Buckets above the last are none.
func (s *Sum) Add(buckets []uint16, counts []uint64) {
	if len(buckets) == 0 {
		return
	}
	if s.lo == s.hi {
		s.lo, s.hi = len(s.counts), 0
	}
	s.lo = min(s.lo, int(buckets[0]))
	s.hi = max(s.hi, int(buckets[len(buckets)-1])+1)
	for i, b := range buckets {
		s.counts[b] += counts[i]
		s.n += counts[i]
	}
}

// Reset empties the sum.
func (s *Sum) Reset() {
	clear(s.counts[s.lo:s.hi])
	s.lo, s.hi, s.n = 0, 0, 0
}

// Len is how many times were counted.
func (s *Sum) Len() uint64 { return s.n }

// Quantile is as that of this package's function Quantile: 0 without a time.
func (s *Sum) Quantile(q float64) uint64 {
	if s.n == 0 {
		return 0
	}
	before := min(uint64(q*float64(s.n)), s.n-1)
	for b := s.lo; b < s.hi; b++ {
		if c := s.counts[b]; before < c {
			return Middle(uint16(b))
		} else {
			before -= c
		}
	}
	panic("BUG: a sum of histograms counted more than it holds")
}

// Slower is how many took longer than us microseconds. Times are taken to be spread evenly over the bucket that us lies
// in, which is at most 1/32 of it wide; all others are counted exactly, as in sql/query/latency_over.sql.
func (s *Sum) Slower(us int64) float64 {
	if us < 0 {
		return float64(s.n)
	}
	at := Bucket(uint64(us))
	var above uint64
	for b := max(s.lo, int(at)+1); b < s.hi; b++ {
		above += s.counts[b]
	}
	lo, hi := Bounds(at)
	part := max(0, float64(hi)-1-float64(us)) / float64(hi-lo)
	return float64(above) + part*float64(s.counts[at])
}

// Buckets is how many buckets there are: their numbers are below it.
const Buckets = octaves * octave
