package spool

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"
	"slices"

	"leadline"
)

// The set of keys is split by the last bits of the key into open-addressing tables, one for each 64 KiB that the memory
// may grow to: growing or sweeping one is soon done, and they do not all grow at once. An entry is 8 bytes: the 56 bits of
// the key before those, and its epoch. A table at its fullest holds some 6,000 keys, so a new key is taken for another one
// with a probability of 6,000 × 2⁻⁵⁶ = 8×10⁻¹⁴: at 2,000 events a second once in 190 years. Load is between 0.7 and 0.85,
// less where the allocator rounds up: 9.4 to 13.5 bytes a key.
const (
	tableBytes = 64 << 10
	maxShards  = 1 << 16
	minSlots   = 4
	buckets    = 12  // the window is so many buckets long; keys expire by the bucket
	epochs     = 254 // 1…254, one a generation, in turn; 0 is a free entry
	dead       = 255 // a key that was given back
	sweeps     = 256 // so many turns sweep all shards

	fullest, emptiest = 85, 70 // load, in percent

	entryBytes  = 8
	bytesPerKey = 11 // about
)

// entry is an epoch, then a mark.
type entry uint64

// mark is what counts of a key within its shard: 56 bits.
type mark uint64

const markBits = 56

func (e entry) epoch() uint8 { return uint8(e >> markBits) }
func (e entry) mark() mark   { return mark(e & (1<<markBits - 1)) }

func entryOf(k mark, epoch uint8) entry { return entry(epoch)<<markBits | entry(k) }

type shard struct {
	slots []entry
	used  int   // not free: living, expired and dead
	swept int64 // the oldest generation when expired keys were last removed
}

// seen is the set of keys of the last buckets, as far as the memory goes. One goroutine uses it.
type seen struct {
	seed0, seed1 uint64 // so that nobody can choose keys that collide
	most         int64  // bytes
	span         int64  // ns of a bucket
	now          int64  // Unix ns
	bucket       int64  // now
	gens         []generation
	number       int64     // of the last generation, which takes the keys that come now
	forced       bool      // keys were forgotten before their time
	live         [256]bool // by epoch: whether it is remembered
	count        int
	slots        int
	sweep        int   // the next shard to sweep
	unswept      int   // so many from there hold keys that have expired
	warmed       entry // of no meaning
	shardBits    int   // how many bits of a key tell its shard
	shards       []shard
}

func newSeen(bucket, most int64) *seen {
	shardBits := bits.Len64(uint64(min(most/tableBytes, maxShards))) - 1
	s := &seen{seed0: rand.Uint64(), seed1: rand.Uint64() | 1, most: most, bucket: bucket - buckets - 1, shardBits: shardBits, shards: make([]shard, 1<<shardBits)}
	s.turn(bucket)
	return s
}

// reset empties the tables.
func (s *seen) reset() {
	free := make([]entry, len(s.shards))
	for i := range s.shards {
		s.shards[i] = shard{slots: free[i : i+1 : i+1], swept: s.number + 1}
	}
	s.slots, s.count, s.unswept = len(free), 0, 0
}

// bytes is the memory the tables take.
func (s *seen) bytes() int64 { return int64(s.slots) * entryBytes }

// add takes a key for a bucket that is not after the present one, and reports whether it is new.
func (s *seen) add(key *leadline.Key, bucket int64) bool {
	sh, k := s.place(key)
	if (sh.used+1)*100 > len(sh.slots)*fullest {
		s.rebuild(sh, 1)
	}
	e := s.find(sh, k)
	switch {
	case e.epoch() == 0:
		sh.used++
		s.count++
	case s.live[e.epoch()]:
		return false
	case e.epoch() == dead:
		s.count++
	}
	i := s.generationOf(bucket)
	*e = entryOf(k, epochOf(s.oldest()+int64(i)))
	if s.gens[i].keys++; s.gens[i].keys >= s.share() && i == len(s.gens)-1 {
		s.split()
	}
	return true
}

// remove gives a key back that add has taken.
func (s *seen) remove(key *leadline.Key) {
	sh, k := s.place(key)
	if e := s.find(sh, k); s.live[e.epoch()] {
		*e = entryOf(k, dead)
		s.count--
	}
}

// has reports whether a key is known.
func (s *seen) has(key *leadline.Key) bool {
	sh, k := s.place(key)
	return s.live[s.find(sh, k).epoch()]
}

func (s *seen) place(key *leadline.Key) (*shard, mark) {
	hi, lo := binary.BigEndian.Uint64(key[:]), binary.BigEndian.Uint64(key[8:])
	return &s.shards[lo&(1<<s.shardBits-1)], mark((hi<<(64-s.shardBits) | lo>>s.shardBits) & (1<<markBits - 1))
}

// home is where the search for a key begins.
func (s *seen) home(sh *shard, k mark) uint64 {
	hi, lo := bits.Mul64(uint64(k)^s.seed0, s.seed1)
	i, _ := bits.Mul64(hi^lo, uint64(len(sh.slots)))
	return i
}

// find gives the key's entry or the free one where it belongs.
func (s *seen) find(sh *shard, k mark) *entry {
	i := s.home(sh, k)
	for {
		e := &sh.slots[i]
		if e.epoch() == 0 || e.mark() == k {
			return e
		}
		if i++; i == uint64(len(sh.slots)) {
			i = 0
		}
	}
}

// warm reads a key's place without waiting for it. Called for many keys before add, it has the memory answer for
// several at once: 0.1 µs less a key with some million of them.
func (s *seen) warm(key *leadline.Key) {
	sh, k := s.place(key)
	s.warmed ^= sh.slots[s.home(sh, k)]
}

// addAll takes the keys that stand one after another in b.
func (s *seen) addAll(b []byte, bucket int64) {
	const some = 128
	for len(b) > 0 {
		n := min(len(b), some*keyBytes)
		for k := b[:n]; len(k) > 0; k = k[keyBytes:] {
			s.warm((*leadline.Key)(k))
		}
		for k := b[:n]; len(k) > 0; k = k[keyBytes:] {
			s.add((*leadline.Key)(k), bucket)
		}
		b = b[n:]
	}
}

// fit counts what lives in a shard and gives the size of the table for that and extra more.
func (s *seen) fit(sh *shard, extra int) (alive, size int) {
	for _, e := range sh.slots {
		if s.live[e.epoch()] {
			alive++
		}
	}
	size = len(sh.slots)
	if want := max(minSlots, (alive+extra)*100/emptiest); (alive+extra)*100 > size*(emptiest+5) || want < size/2 {
		size = want
	}
	return alive, size
}

// rebuild drops what is dead or expired and makes the shard's table fit for what lives and extra more. Where the memory
// does not suffice it forgets the oldest keys.
func (s *seen) rebuild(sh *shard, extra int) {
	old := sh.slots
	alive, size := s.fit(sh, extra)
	for size > len(old) && s.bytes()+int64(size-len(old))*entryBytes > s.most && s.forget() {
		alive, size = s.fit(sh, extra)
	}
	sh.slots = slices.Grow([]entry(nil), size)
	sh.slots = sh.slots[:cap(sh.slots)] // all that the allocator gives for it
	s.slots += len(sh.slots) - len(old)
	for _, e := range old {
		switch {
		case s.live[e.epoch()]:
			*s.find(sh, e.mark()) = e
		case e.epoch() != 0 && e.epoch() != dead:
			s.count--
		}
	}
	sh.used = alive
	sh.swept = s.oldest()
}

// reserve makes room for so many keys, or as many as may be, before they are loaded.
func (s *seen) reserve(keys int) {
	keys = min(keys, int(s.most/bytesPerKey)*9/10)
	for i := range s.shards {
		sh := &s.shards[i]
		s.rebuild(sh, max(0, keys/len(s.shards)-sh.used))
	}
}

// tidy sweeps some shards that still hold expired keys. Sweeping all of them at once would make appends wait for half
// a second with 50 million keys.
func (s *seen) tidy() {
	for range min(s.unswept, max(1, len(s.shards)/sweeps)) {
		if sh := &s.shards[s.sweep]; sh.swept < s.oldest() {
			s.rebuild(sh, 0)
		}
		s.sweep = (s.sweep + 1) % len(s.shards)
		s.unswept--
	}
}
