package schema

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// Text reads a string. Without escapes it is a slice of the text itself; with escapes it is the Scanner's own buffer
// and holds until the next string is read.
func (s *Scanner) Text() ([]byte, bool) {
	if s.peek() != '"' {
		return nil, s.fail("expected a string")
	}
	from, to, escaped, ok := s.quoted()
	if !ok {
		return nil, false
	}
	if escaped {
		s.scratch = unescape(s.scratch[:0], s.data[from:to])
		return s.scratch, true
	}
	return s.data[from:to], true
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// quoted passes the string whose opening quote is next and returns where its inside begins and ends. It looks at
// eight bytes at once for the ones that need care: a quote, a backslash, a control character, anything not ASCII. The
// lowest marked byte is exact, since a borrow only spoils bytes above a true find.
func (s *Scanner) quoted() (from, to int, escaped, ok bool) {
	d, i := s.data, s.pos+1
	from = i
	for {
		for i+8 <= len(d) {
			w := binary.LittleEndian.Uint64(d[i:])
			quote, back := w^ones*'"', w^ones*'\\'
			found := ((quote-ones)&^quote | (back-ones)&^back | (w-ones*' ')&^w | w) & highs
			if found != 0 {
				i += bits.TrailingZeros64(found) >> 3
				break
			}
			i += 8
		}
		if i >= len(d) {
			s.pos = i
			return 0, 0, false, s.fail("expected a closing quote")
		}
		switch c := d[i]; {
		case c == '"':
			s.pos = i + 1
			return from, i, escaped, true
		case c == '\\':
			n := escapeLen(d[i:])
			if n == 0 {
				s.pos = i
				return 0, 0, false, s.fail("not an escape that JSON knows, or half a surrogate pair")
			}
			escaped = true
			i += n
		case c < ' ':
			s.pos = i
			return 0, 0, false, s.fail("a control character must be escaped in a string")
		case c < utf8.RuneSelf: // one of the last seven bytes of the text
			i++
		default:
			r, n := utf8.DecodeRune(d[i:])
			if r == utf8.RuneError && n == 1 {
				s.pos = i
				return 0, 0, false, s.fail("not UTF-8")
			}
			i += n
		}
	}
}

// escapeLen is the length of the escape that d begins with, both halves of a surrogate pair together; 0 if it is none.
func escapeLen(d []byte) int {
	if len(d) < 2 {
		return 0
	}
	switch d[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		r := hex4(d)
		switch {
		case r < 0:
			return 0
		case !utf16.IsSurrogate(r):
			return 6
		case utf16.DecodeRune(r, hex4(d[6:])) == utf8.RuneError:
			return 0
		}
		return 12
	}
	return 0
}

// hex4 is the number of a \uXXXX that d begins with, -1 if there is none.
func hex4(d []byte) rune {
	if len(d) < 6 || d[0] != '\\' || d[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range d[2:6] {
		switch {
		case '0' <= c && c <= '9':
			c -= '0'
		case 'a' <= c && c <= 'f':
			c -= 'a' - 10
		case 'A' <= c && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends what the inside of a checked string means.
func unescape(to, raw []byte) []byte {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			to = append(to, raw[i])
			i++
			continue
		}
		switch c := raw[i+1]; c {
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		case 'u':
			r := hex4(raw[i:])
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(raw[i+6:]))
				i += 6
			}
			to = utf8.AppendRune(to, r)
			i += 4
		default:
			to = append(to, c)
		}
		i += 2
	}
	return to
}
