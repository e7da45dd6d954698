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
	numHabits = 128
	maxHabit  = 24 // bytes
	nearby    = 8  // habits among which a name has its place
)

// nobody is the habit of a name that is not remembered. It never changes.
var nobody habit

// recollect makes the Scanner remember names, from its second text on.
func (s *Scanner) recollect() {
	if s.habits == nil && cap(s.keys) > 0 {
		s.habits = new([numHabits + 1]habit)
	}
	if s.habit = &nobody; s.habits != nil {
		s.habit = &s.habits[numHabits] // the start of a text
	}
}

func habitTextOf(d *[maxHabit]byte) habitText {
	return habitText{binary.LittleEndian.Uint64(d[:]), binary.LittleEndian.Uint64(d[8:]), binary.LittleEndian.Uint64(d[16:])}
}

// guess is the habit that came next the last time, nil where the text says otherwise.
func (s *Scanner) guess() *habit {
	h, rest := s.habit.next, s.data[s.pos:]
	if h == nil || len(rest) < maxHabit || h.first != s.first {
		return nil
	}
	d := habitTextOf((*[maxHabit]byte)(rest))
	if (d[0]^h.text[0])&h.mask[0]|(d[1]^h.text[1])&h.mask[1]|(d[2]^h.text[2])&h.mask[2] != 0 {
		return nil
	}
	return h
}

// learn remembers the name that was just read, and the bytes from an offset to its colon, as what comes next after the
// habit before.
func (s *Scanner) learn(from int) {
	before, size := s.habit, s.pos-from
	s.habit = &nobody
	if s.habits == nil || size > maxHabit || len(s.data)-from < maxHabit || s.nameLen == inScratch {
		return
	}
	n := habit{
		text: habitTextOf((*[maxHabit]byte)(s.data[from:])), size: uint8(size),
		quote: uint8(s.nameAt - from), nameLen: uint8(s.nameLen), hash: s.nameHash, first: s.first,
	}
	for i := range n.text {
		n.mask[i] = 1<<(8*max(size-8*i, 0)) - 1 // all of them where that is more than 64
		n.text[i] &= n.mask[i]
	}
	h := s.place(&n)
	if h.text != n.text {
		*h = n
	}
	if before != &nobody {
		before.next = h
	}
	s.habit = h
}

// place is where a habit is or may be. A name often means something else at another depth.
func (s *Scanner) place(n *habit) *habit {
	home := int(n.hash>>48) + s.depth
	for i := range nearby {
		if h := &s.habits[(home+i)%numHabits]; h.size == 0 || h.text == n.text {
			return h
		}
	}
	return &s.habits[home%numHabits]
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
