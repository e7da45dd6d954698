package schema

import "encoding/binary"

// habit is a field's name that was read before, and what came of it. A sender writes the same fields in the same order
// again and again: where a text goes on with the very bytes that came next the last time, nothing of them has to be
// found out anew. Where it does not, everything has.
type habit struct {
	text, mask habitText // from the end of what stands before the name to its colon
	size       uint8     // of text, 0: this is no name
	quote      uint8     // where the name's quote stands in text
	nameLen    uint8
	first      bool         // in its object: text has no comma
	field      int32        // what was found for the name
	rules      *objectRules // by whom
	hash       uint64       // of the name
	next       *habit       // that came after this one
}

// habitText is a few bytes, the first one lowest.
type habitText [maxHabit / 8]uint64

const (
	maxHabit  = 24 // bytes
	numHabits = 128
	nearby    = 4    // habits among which a name has its place
	numNews   = 4096 // bits
)

// memory is what a Scanner remembers of the texts before.
type memory struct {
	habits [numHabits]habit
	start  habit                // that of a text's start
	news   [numNews / 64]uint64 // names that were read once, a bit for each twelve bits of hash
	count  int                  // of bits that were set

	hits, misses int // of guesses
	rest         int // misses to come from which nothing is learned
}

// A sender who writes its fields in any order, or makes up their names, is not worth guessing for a while.
const (
	trial = 256  // misses, of more names than that were guessed meanwhile
	rest  = 8192 // misses
)

// nobody is the habit of a name that is not remembered. It never changes.
var nobody habit

// recollect makes the Scanner remember names, from its second text on.
func (s *Scanner) recollect() {
	if s.memory == nil && cap(s.keys) > 0 {
		s.memory = new(memory)
	}
	if s.habit = &nobody; s.memory != nil {
		s.habit = &s.memory.start
	}
}

func habitTextOf(d *[maxHabit]byte) habitText {
	return habitText{binary.LittleEndian.Uint64(d[:]), binary.LittleEndian.Uint64(d[8:]), binary.LittleEndian.Uint64(d[16:])}
}

// guess is the habit that came next the last time, nil where the text says otherwise.
func (s *Scanner) guess() *habit {
	h, rest := s.habit.next, s.data[s.pos:]
	if h == nil || len(rest) < maxHabit || h.first != s.first || !h.fits(rest) {
		return nil
	}
	return h
}

// fits reports whether a text of at least maxHabit bytes begins with the habit's.
func (h *habit) fits(text []byte) bool {
	d := habitTextOf((*[maxHabit]byte)(text))
	return (d[0]^h.text[0])&h.mask[0]|(d[1]^h.text[1])&h.mask[1]|(d[2]^h.text[2])&h.mask[2] == 0
}

// learn remembers the name that was just read, and the bytes from an offset to its colon, as what comes next after the
// habit before.
func (s *Scanner) learn(from int) {
	before := s.habit
	s.habit = &nobody
	if s.memory == nil || s.pos-from > maxHabit || len(s.data)-from < maxHabit || s.nameLen == inScratch {
		return
	}
	if s.memory.rests() {
		return
	}
	h := s.memory.habitOf(s, from)
	if h == nil {
		return
	}
	if before != &nobody {
		before.next = h
	}
	s.habit = h
}

func (m *memory) rests() bool {
	if m.rest > 0 {
		m.rest--
		return true
	}
	if m.misses++; m.misses == trial {
		if m.hits < trial {
			m.rest = rest
		}
		m.hits, m.misses = 0, 0
	}
	return false
}

// habitOf finds the habit of the name that s has just read, or makes it one if the name is read for the second time: a
// name that never comes again, such as an id, would only cost time and push others out.
func (m *memory) habitOf(s *Scanner, from int) *habit {
	home := int(s.nameHash>>48) + s.depth                // a name often means something else at another depth
	place := &m.habits[(home+m.misses%nearby)%numHabits] // not always the same: two names would push each other out for ever
	for i := range nearby {
		h := &m.habits[(home+i)%numHabits]
		if h.size == 0 {
			place = h
			break
		}
		if h.hash == s.nameHash && h.first == s.first && h.fits(s.data[from:]) {
			return h
		}
	}
	if m.isNew(s.nameHash) {
		return nil
	}
	*place = newHabit(s, from)
	return place
}

// isNew reports that a name was not read before. It is wrong about every fourth one at most.
func (m *memory) isNew(hash uint64) bool {
	word, bit := &m.news[hash>>6%(numNews/64)], uint64(1)<<(hash%64)
	if *word&bit != 0 {
		return false
	}
	if m.count++; m.count > numNews/4 {
		m.news, m.count = [numNews / 64]uint64{}, 1
	}
	*word |= bit
	return true
}

func newHabit(s *Scanner, from int) habit {
	size := s.pos - from
	h := habit{
		text: habitTextOf((*[maxHabit]byte)(s.data[from:])), size: uint8(size),
		quote: uint8(s.nameAt - from), nameLen: uint8(s.nameLen), hash: s.nameHash, first: s.first,
	}
	for i := range h.text {
		h.mask[i] = 1<<(8*max(size-8*i, 0)) - 1 // all of them where that is more than 64
		h.text[i] &= h.mask[i]
	}
	return h
}

// find looks for the name that sc has just read, -1 where it is not known.
func (o *objectRules) find(sc *Scanner) int {
	h := sc.habit
	if h.size == 0 {
		return o.known.find(sc.Name(), sc.nameHash)
	}
	if h.rules != o {
		h.rules, h.field = o, int32(o.known.find(sc.Name(), sc.nameHash)) // of at most 1024
	}
	return int(h.field)
}
