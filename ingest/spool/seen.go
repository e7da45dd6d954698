package spool

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"leadline"
)

// The set of keys is split by the key's last byte into 256 open-addressing tables, so that growing or sweeping one
// holds 1/256 of the keys in memory twice and takes that share of the time. An entry is 10 bytes: the key's 9 before that
// and its epoch. So 80 bits of a key count, of the 128 that it has: beside the 70 million keys of the default memory a new
// one is taken for one of them with a probability of 10⁻¹⁶. Load is between 0.66 and 0.8: 12.5 to 15 bytes a key.
const (
	shards   = 256
	minSlots = 16
	buckets  = 12  // the window is so many buckets long; keys expire by the bucket
	epochs   = 254 // 1…254, one a generation, in turn; 0 is a free entry
	dead     = 255 // a key that was given back

	entryBytes  = 10
	bytesPerKey = 15 // about
)

// entry is a mark, then its epoch: bytes, because a struct of numbers would be padded.
type entry [entryBytes]byte

// mark is what counts of a key within its shard.
type mark struct {
	lo uint64
	hi uint8
}

func (e *entry) epoch() uint8 { return e[9] }
func (e *entry) mark() mark   { return mark{binary.LittleEndian.Uint64(e[:]), e[8]} }

func (e *entry) set(k mark, epoch uint8) {
	binary.LittleEndian.PutUint64(e[:], k.lo)
	e[8], e[9] = k.hi, epoch
}

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
	sweep        int  // the next shard to sweep
	unswept      int  // so many from there hold keys that have expired
	warmed       byte // of no meaning
	shards       [shards]shard
}

func newSeen(bucket, most int64) *seen {
	s := &seen{seed0: rand.Uint64(), seed1: rand.Uint64(), most: most, bucket: bucket - buckets - 1}
	s.turn(bucket)
	return s
}

// reset empties the tables.
func (s *seen) reset() {
	for i := range s.shards {
		s.shards[i] = shard{slots: make([]entry, minSlots), swept: s.number + 1}
	}
	s.slots, s.count, s.unswept = shards*minSlots, 0, 0
}

// bytes is the memory the tables take.
func (s *seen) bytes() int64 { return int64(s.slots) * entryBytes }

// add takes a key for a bucket that is not after the present one, and reports whether it is new.
func (s *seen) add(key *leadline.Key, bucket int64) bool {
	sh, k := s.place(key)
	if (sh.used+1)*10 > len(sh.slots)*8 {
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
	e.set(k, epochOf(s.oldest()+int64(i)))
	if s.gens[i].keys++; s.gens[i].keys >= s.share() && i == len(s.gens)-1 {
		s.split()
	}
	return true
}

// remove gives a key back that add has taken.
func (s *seen) remove(key *leadline.Key) {
	sh, k := s.place(key)
	if e := s.find(sh, k); s.live[e.epoch()] {
		e.set(k, dead)
		s.count--
	}
}

// has reports whether a key is known.
func (s *seen) has(key *leadline.Key) bool {
	sh, k := s.place(key)
	return s.live[s.find(sh, k).epoch()]
}

func (s *seen) place(key *leadline.Key) (*shard, mark) {
	return &s.shards[key[15]], mark{binary.LittleEndian.Uint64(key[6:]), key[14]}
}

// home is where the search for a key begins.
func (s *seen) home(sh *shard, k mark) uint64 {
	hi, lo := bits.Mul64(k.lo^s.seed0, uint64(k.hi)^s.seed1)
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
	s.warmed ^= sh.slots[s.home(sh, k)][0]
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
	for i := range sh.slots {
		if s.live[sh.slots[i].epoch()] {
			alive++
		}
	}
	size = len(sh.slots)
	if want := max(minSlots, (alive+extra)*100/66); (alive+extra)*10 > size*7 || want < size/2 {
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
	sh.slots = make([]entry, size)
	s.slots += size - len(old)
	for i := range old {
		e := &old[i]
		switch {
		case s.live[e.epoch()]:
			*s.find(sh, e.mark()) = *e
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
		s.rebuild(sh, max(0, keys/shards-sh.used))
	}
}

// tidy sweeps one shard that still holds expired keys. Sweeping all of them at once would make appends wait for half
// a second with 50 million keys.
func (s *seen) tidy() {
	if s.unswept == 0 {
		return
	}
	if sh := &s.shards[s.sweep]; sh.swept < s.oldest() {
		s.rebuild(sh, 0)
	}
	s.sweep = (s.sweep + 1) % shards
	s.unswept--
}
