package schema

import "slices"

// frame is an open object: where its names begin in keys and, a bit for each six bits of hash, which ones there may be.
type frame struct {
	base   int
	filter uint64
}

// Key reads the next field's name and its colon; Name returns it and the field's value is next. It is false after the
// last field, whose object it closes, and after an error.
func (s *Scanner) Key() bool {
	h := s.guess()
	if h == nil {
		return s.key()
	}
	s.habit = h
	s.memory.hits++
	s.nameAt, s.nameLen, s.nameHash = s.pos+int(h.quote), int(h.nameLen), h.hash
	s.pos += int(h.size)
	s.first = false
	if s.open.filter&(1<<(h.hash>>58)) != 0 || len(s.keys)-s.open.base >= fewFields {
		return s.unique(h.hash)
	}
	s.note(h.hash)
	return true
}

// key is Key where the name was not guessed.
func (s *Scanner) key() bool {
	from := s.pos
	c := s.peek()
	if c == '}' {
		return s.closeObject()
	}
	if !s.first {
		if c != ',' {
			return s.fail("expected ',' or '}' after a value")
		}
		s.pos++
		c = s.peek()
	}
	if c != '"' {
		return s.fail("expected a field's name in quotes")
	}
	at := s.pos
	to, escaped := s.quoted(at + 1)
	if to < 0 {
		return false
	}
	s.nameAt, s.nameLen, s.pos = at, to-at-1, to+1
	name := s.data[at+1 : to]
	if escaped {
		s.nameLen, name = inScratch, s.meaning(name)
	}
	s.nameHash = hash(name)
	if !s.unique(s.nameHash) {
		return false
	}
	if s.peek() != ':' {
		return s.fail("expected ':' after a field's name")
	}
	s.pos++
	s.learn(from)
	s.first = false
	return true
}

// inScratch is the length of a name that had escapes.
const inScratch = -1

// Name is the last Key's, unescaped; it holds until the next string is read.
func (s *Scanner) Name() []byte {
	if s.nameLen == inScratch {
		return s.scratch
	}
	return s.data[s.nameAt+1 : s.nameAt+1+s.nameLen]
}

// fewFields is up to where looking for a name among those before is faster than sorting them all at the end. Looking
// alone would take 30 times as long for an object of 1024 short names.
const fewFields = 32

// unique notes a name of the innermost object. Names are compared by a seeded 64-bit hash: two names of one object
// are taken for one by mistake once in 2⁶⁴ pairs.
func (s *Scanner) unique(h uint64) bool {
	names := s.keys[s.open.base:]
	if s.open.filter&(1<<(h>>58)) != 0 && len(names) < fewFields && slices.Contains(names, h) {
		return s.failAt(s.nameAt, twice)
	}
	if len(names) == MaxFields {
		return s.failAt(s.nameAt, "more than 1024 fields in one object")
	}
	s.note(h)
	return true
}

func (s *Scanner) note(h uint64) {
	s.open.filter |= 1 << (h >> 58)
	s.keys = append(s.keys, h)
}

const twice = "a field's name stands twice in one object"

func (s *Scanner) closeObject() bool {
	if names := s.keys[s.open.base:]; len(names) > fewFields {
		slices.Sort(names)
		for i, h := range names[1:] {
			if h == names[i] {
				return s.fail(twice)
			}
		}
	}
	s.keys = s.keys[:s.open.base]
	s.leave()
	s.open = s.frames[s.depth]
	return false
}
