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
	s.nameAt, s.pos = at, to+1
	if !s.unique(s.meaning(s.data[at+1:to], escaped)) {
		return false
	}
	if s.peek() != ':' {
		return s.fail("expected ':' after a field's name")
	}
	s.pos++
	s.first = false
	return true
}

// Name is the last Key's, unescaped; it holds until the next string is read.
func (s *Scanner) Name() []byte { return s.name }

// fewFields is up to where looking for a name among those before is faster than sorting them all at the end. Looking
// alone would take 30 times as long for an object of 1024 short names.
const fewFields = 32

// unique notes a name of the innermost object. Names are compared by a seeded 64-bit hash: two names of one object
// are taken for one by mistake once in 2⁶⁴ pairs.
func (s *Scanner) unique(name []byte) bool {
	h := hash(name)
	s.name, s.nameHash = name, h
	f := &s.frames[s.depth]
	n := len(s.keys) - f.base
	bit := uint64(1) << (h >> 58)
	if f.filter&bit != 0 && n < fewFields && slices.Contains(s.keys[f.base:], h) {
		return s.failAt(s.nameAt, twice)
	}
	f.filter |= bit
	if n == MaxFields {
		return s.fail("more than 1024 fields in one object")
	}
	s.keys = append(s.keys, h)
	return true
}

const twice = "a field's name stands twice in one object"

func (s *Scanner) closeObject() bool {
	base := s.frames[s.depth].base
	if names := s.keys[base:]; len(names) > fewFields {
		slices.Sort(names)
		for i, h := range names[1:] {
			if h == names[i] {
				return s.fail(twice)
			}
		}
	}
	s.keys = s.keys[:base]
	return s.leave()
}
