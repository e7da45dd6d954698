package spool

// generation is a run of keys that came one after another and are forgotten together. A bucket of time begins one, and
// so does a generation that has its share of the memory: however many keys come in one bucket, the oldest of them can
// be forgotten alone.
type generation struct {
	bucket int64 // with which its keys expire
	since  int64 // Unix ns: all keys that came after are in this generation or a later one
	keys   int   // that were added
}

// So many generations share the memory when many keys come: forgetting one loses at most that part of them.
const memoryShares = 8

func (s *seen) share() int { return max(1, int(s.most/memoryShares/bytesPerKey)) }

// oldest numbers the first generation.
func (s *seen) oldest() int64 { return s.number - int64(len(s.gens)) + 1 }

func epochOf(number int64) uint8 { return uint8(number%epochs) + 1 }

// turn moves the present. It never goes back: a clock that does would let keys expire.
func (s *seen) turn(bucket int64) {
	if bucket <= s.bucket {
		return
	}
	expired := 0
	for expired < len(s.gens) && s.gens[expired].bucket < bucket-buckets {
		expired++
	}
	if expired > 0 {
		s.drop(expired)
	}
	if len(s.gens) == 0 {
		s.reset()
	}
	for b := max(s.bucket+1, bucket-buckets); b <= bucket; b++ {
		s.begin(b, b*s.span)
	}
	s.bucket = bucket
}

// begin adds a generation, which takes the keys from now on. Epochs repeat: a shard that may hold keys of the one that
// had the same is swept first.
func (s *seen) begin(bucket, since int64) {
	for i := range s.shards {
		if sh := &s.shards[i]; s.number+1-sh.swept >= epochs {
			s.rebuild(sh, 0)
		}
	}
	s.number++
	s.gens = append(s.gens, generation{bucket: bucket, since: since})
	s.live[epochOf(s.number)] = true
}

// split begins another generation in the same bucket.
func (s *seen) split() {
	if len(s.gens) < epochs/2 {
		s.begin(s.bucket, min(s.now, (s.bucket+1)*s.span))
	}
}

// drop forgets the n oldest generations. Their entries go by and by.
func (s *seen) drop(n int) {
	for i := range n {
		s.live[epochOf(s.oldest()+int64(i))] = false
	}
	s.gens = append(s.gens[:0], s.gens[n:]...)
	s.unswept = len(s.shards)
}

// forget drops the oldest generations early, until one goes that holds keys. The last one stays.
func (s *seen) forget() bool {
	for len(s.gens) > 1 {
		keys := s.gens[0].keys
		s.drop(1)
		if keys > 0 {
			s.forced = true
			return true
		}
	}
	return false
}

// generationOf finds where a key of a bucket belongs: in one that does not expire before it.
func (s *seen) generationOf(bucket int64) int {
	i := len(s.gens) - 1
	for i > 0 && s.gens[i].bucket > bucket {
		i--
	}
	return i
}
