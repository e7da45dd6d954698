package latency

// Sub takes a histogram out again that was added.
func (s *Sum) Sub(buckets []uint16, counts []uint64) {
	for i, b := range buckets {
		s.counts[b] -= counts[i]
		s.n -= counts[i]
	}
}
