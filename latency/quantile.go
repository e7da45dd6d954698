package latency

// Quantile is the time at position ⌊q·n⌋ of the n sorted times, or the longest where that is beyond them, as
// ClickHouse's quantileExact counts. It is told as the Middle of that time's bucket, so within 1/64 of it. Buckets are in
// order, counts run parallel to them. Without a time it is 0.
func Quantile(buckets []uint16, counts []uint64, q float64) uint64 {
	var n uint64
	for _, c := range counts {
		n += c
	}
	if n == 0 {
		return 0
	}
	before := min(uint64(q*float64(n)), n-1)
	for i, c := range counts {
		if before < c {
			return Middle(buckets[i])
		}
		before -= c
	}
	panic("BUG: counts of a histogram changed while they were added up")
}
