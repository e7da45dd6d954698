package schema

import "fmt"

// Limits of a document.
const (
	MaxDepth  = 64   // objects and arrays inside each other
	MaxFields = 1024 // fields of one object
)

// Kind is what a JSON value is.
type Kind uint8

// The kinds of values; KindNone is no value: the end of the text or a byte that begins none.
const (
	KindNone Kind = iota
	KindNull
	KindBool
	KindNumber
	KindString
	KindArray
	KindObject
)

func (k Kind) String() string {
	return [...]string{"nothing", "null", "boolean", "number", "string", "array", "object"}[k]
}

// article is the kind in a sentence.
func (k Kind) article() string {
	switch k {
	case KindNone, KindNull:
		return k.String()
	case KindArray, KindObject:
		return "an " + k.String()
	default:
		return "a " + k.String()
	}
}

var kindOf = func() (t [256]Kind) {
	t['{'], t['['], t['"'], t['n'] = KindObject, KindArray, KindString, KindNull
	t['t'], t['f'], t['-'] = KindBool, KindBool, KindNumber
	for c := '0'; c <= '9'; c++ {
		t[c] = KindNumber
	}
	return t
}()

// SyntaxError says where a text stops being JSON.
type SyntaxError struct {
	Offset int // of the first byte that does not fit
	What   string
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("byte %d: %s", e.Offset, e.What) }

// Scanner reads one JSON text from front to back. It checks everything it passes and allocates nothing once its
// buffers have grown. After an error every method returns false, so a caller may look at Err once, at the end:
//
//	sc.Begin(data)
//	for sc.Object(); sc.Key(); {
//		switch string(sc.Name()) {
//		case "id":
//			id, _ = sc.Text()
//		default:
//			sc.Skip()
//		}
//	}
//	if err := sc.End(); err != nil { … }
//
// Exactly one value has to be read after each Key and each Next. A Scanner belongs to one goroutine; the zero Scanner
// is ready for Begin and is best used again and again.
type Scanner struct {
	data  []byte
	pos   int
	depth int
	first bool // nothing of the innermost object or array has been read

	nameAt   int // the last Key's quote
	nameLen  int // without quotes, or inScratch
	nameHash uint64
	habit    *habit // the last Key's

	open    frame               // the innermost object
	err     SyntaxError         // What == "": none
	keys    []uint64            // hashes of the names in all open objects
	frames  [MaxDepth + 1]frame // the objects around it, by depth
	scratch []byte              // the last string that had escapes
	prints  []uint64            // fingerprints of the items so far, where uniqueItems asks
	notes   notes               // of the last value that was checked
	memory  *memory             // nil: of nothing yet
}

// Begin starts to read data, which must not change while it and the slices taken from it are used.
func (s *Scanner) Begin(data []byte) {
	s.data, s.pos, s.depth, s.first = data, 0, 0, false
	s.err, s.nameAt, s.nameLen = SyntaxError{}, -1, 0
	s.keys, s.prints = s.keys[:0], s.prints[:0]
	s.notes.by = nil
	s.recollect()
}

// Kind tells what the next value is, without reading it.
func (s *Scanner) Kind() Kind { return kindOf[s.peek()] }

// Offset is the place of the next value, or of the end.
func (s *Scanner) Offset() int {
	s.peek()
	return s.pos
}

// Passed is the offset behind what was read last.
func (s *Scanner) Passed() int { return s.pos }

// Object reads the start of an object; Key then leads through its fields.
func (s *Scanner) Object() bool {
	if s.peek() != '{' {
		return s.fail("expected an object")
	}
	s.frames[s.depth] = s.open
	if !s.enter() {
		return false
	}
	s.open = frame{base: len(s.keys)}
	return true
}

// Array reads the start of an array; Next then leads through its elements.
func (s *Scanner) Array() bool {
	if s.peek() != '[' {
		return s.fail("expected an array")
	}
	return s.enter()
}

func (s *Scanner) enter() bool {
	if s.depth == MaxDepth {
		return s.fail("more than 64 levels")
	}
	s.depth++
	s.pos++
	s.first = true
	return true
}

// Next reports whether an element of the array is next. It is false after the last one, where it closes the array, and
// after an error.
func (s *Scanner) Next() bool {
	c := s.peek()
	if c == ']' {
		return s.leave()
	}
	if s.first {
		s.first = false
		return c != 0 || s.fail("expected a value or ']'")
	}
	if c != ',' {
		return s.fail("expected ',' or ']' after a value")
	}
	s.pos++
	if s.peek() == ']' {
		return s.fail("expected a value after ','")
	}
	return true
}

func (s *Scanner) leave() bool {
	s.pos++
	s.depth--
	s.first = false
	return false
}

// Bool reads true or false.
func (s *Scanner) Bool() (v, ok bool) {
	switch s.peek() {
	case 't':
		return true, s.word("true")
	case 'f':
		return false, s.word("false")
	}
	return false, s.fail("expected true or false")
}

// Null reads null.
func (s *Scanner) Null() bool {
	if s.peek() != 'n' {
		return s.fail("expected null")
	}
	return s.word("null")
}

func (s *Scanner) word(w string) bool {
	if end := s.pos + len(w); end <= len(s.data) && string(s.data[s.pos:end]) == w {
		s.pos = end
		return true
	}
	return s.fail("expected a value")
}

// Skip reads a value of any kind, checking it, and returns its bytes.
func (s *Scanner) Skip() (raw []byte, ok bool) {
	from := s.Offset()
	if !s.skip() {
		return nil, false
	}
	return s.data[from:s.pos], true
}

func (s *Scanner) skip() bool {
	switch kindOf[s.peek()] {
	case KindString:
		to, _ := s.quoted(s.pos + 1)
		if to < 0 {
			return false
		}
		s.pos = to + 1
		return true
	case KindNumber:
		var n Number
		return s.number(&n)
	case KindBool:
		_, ok := s.Bool()
		return ok
	case KindNull:
		return s.word("null")
	case KindObject:
		if !s.Object() {
			return false
		}
		for s.Key() {
			if !s.skip() {
				return false
			}
		}
		return s.ok()
	case KindArray:
		if !s.Array() {
			return false
		}
		for s.Next() {
			if !s.skip() {
				return false
			}
		}
		return s.ok()
	default:
		return s.fail("expected a value")
	}
}

// End is nil when the text was read whole and well: nothing but white space follows.
func (s *Scanner) End() error {
	if s.ok() && s.peek() != 0 || s.pos < len(s.data) {
		s.fail("expected nothing after the value")
	}
	return s.Err()
}

// Err is nil or the *SyntaxError that ended the scan.
func (s *Scanner) Err() error {
	if s.ok() {
		return nil
	}
	err := s.err
	return &err
}

func (s *Scanner) ok() bool { return s.err.What == "" }

// fail keeps the first error and moves to the end of the text, where no later call finds anything.
func (s *Scanner) fail(what string) bool {
	if s.ok() {
		if s.pos >= len(s.data) {
			what = "the text ends too early: " + what
		}
		s.err = SyntaxError{Offset: s.pos, What: what}
	}
	s.pos, s.first = len(s.data), false
	return false
}

// peek is the next byte that is not white space, 0 at the end.
func (s *Scanner) peek() byte {
	if i := uint(s.pos); i < uint(len(s.data)) && s.data[i] > ' ' {
		return s.data[i]
	}
	return s.space()
}

func (s *Scanner) space() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\n', '\t', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// mark is a place to come back to, to read a value again.
type mark struct {
	pos, depth, keys, prints int
	first                    bool
	open                     frame
	habit                    *habit
}

func (s *Scanner) mark() mark {
	return mark{s.pos, s.depth, len(s.keys), len(s.prints), s.first, s.open, s.habit}
}

func (s *Scanner) reset(m mark) {
	s.pos, s.depth, s.first, s.open, s.habit = m.pos, m.depth, m.first, m.open, m.habit
	s.keys, s.prints = s.keys[:m.keys], s.prints[:m.prints]
}
