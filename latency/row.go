package latency

import "math/bits"

// Row is what a batch holds of one stage, partner and campaign in one minute. Its memory is the Counter's.
type Row struct {
	Day    uint32 // of received_at, in days since 1970: the partition, since it is spooled and no retry changes it
	Minute uint32 // of stored_at, in seconds since 1970
	Stage  string // or Whole
	group

	Events, Failed uint64 // failed is what ended otherwise than ok
	Wait, Duration uint64 // sums in µs
	Buckets        []uint16
	Counts         []uint32 // of wait + duration, one for each of Buckets, which are in order and have no zeros
}

type group struct{ Partner, Campaign string }

// histogram is a whole one, while it is filled. The marks say what to read and to clear.
type histogram struct {
	counts [octaves * octave]uint32
	marks  [octaves]uint32 // a bit a bucket
	mark   uint64          // a bit an octave
}

func (h *histogram) add(b uint16) {
	h.counts[b]++
	h.marks[b>>halves] |= 1 << (b % octave)
	h.mark |= 1 << (b >> halves)
}

// drain appends the buckets that hold something and empties them.
func (h *histogram) drain(buckets []uint16, counts []uint32) ([]uint16, []uint32) {
	for ; h.mark != 0; h.mark &= h.mark - 1 {
		o := bits.TrailingZeros64(h.mark)
		for m := h.marks[o]; m != 0; m &= m - 1 {
			b := o*octave + bits.TrailingZeros32(m)
			buckets, counts = append(buckets, uint16(b)), append(counts, h.counts[b])
			h.counts[b] = 0
		}
		h.marks[o] = 0
	}
	return buckets, counts
}
