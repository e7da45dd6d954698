package latency

import "math/bits"

const (
	octave  = 32                         // buckets between a time and its double
	halves  = 5                          // log2(octave)
	octaves = 50 - halves + 1            // 0 to 31 µs, then one for each doubling up to 2^50
	longest = 1<<50 - 1                  // µs, 35 years
	last    = uint16(octaves*octave - 1) // the bucket of longest
)

// Bucket is the bucket of a time in microseconds. Up to 63 µs each has its own; above, a bucket spans at most 1/32 of
// the times in it: for the e with 32 ≤ us>>e < 64 it is 32·e + us>>e. What is longer than 2^50 µs counts as that.
func Bucket(us uint64) uint16 {
	us = min(us, longest)
	shift := max(bits.Len64(us)-halves-1, 0)
	return uint16(shift)<<halves + uint16(us>>shift)
}

// Bounds are the times that a bucket holds: lo ≤ us < hi. Buckets above the last hold nothing: [2^50, 2^50).
func Bounds(b uint16) (lo, hi uint64) {
	if b > last {
		return longest + 1, longest + 1
	}
	shift := max(b>>halves, 1) - 1
	lo = uint64(b-shift<<halves) << shift
	return lo, lo + 1<<shift
}

// Middle stands for the times of a bucket: it is off by at most 1/64 of any of them, and exact up to 63 µs.
func Middle(b uint16) uint64 {
	lo, hi := Bounds(b)
	return lo + (hi-lo)/2
}
