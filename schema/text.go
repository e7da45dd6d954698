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
	from := s.pos + 1
	to, escaped := s.quoted(from)
	if to < 0 {
		return nil, false
	}
	s.pos = to + 1
	if escaped {
		return s.meaning(s.data[from:to]), true
	}
	return s.data[from:to], true
}

// meaning is what the inside of a string with escapes says.
func (s *Scanner) meaning(raw []byte) []byte {
	s.scratch = unescape(s.scratch[:0], raw)
	return s.scratch
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes of a word that need care in a string, with their highest bits: a quote or a control character,
// which an exclusive or brings side by side, a backslash, anything not ASCII, which marks itself. Of the others a
// subtraction marks only true finds and, by a borrow, bytes above one: the lowest is exact.
func special(w uint64) uint64 {
	return (w | ((w ^ ones*2) - ones*('"'^2+1)) | ((w ^ ones*'\\') - ones)) & highs
}

// quoted finds the closing quote of the string whose inside begins at i, -1 where there is none.
func (s *Scanner) quoted(i int) (to int, escaped bool) {
	for d := s.data; i+8 <= len(d); i += 8 {
		if found := special(binary.LittleEndian.Uint64(d[i:])); found != 0 {
			if i += bits.TrailingZeros64(found) >> 3; d[i] == '"' {
				return i, false
			}
			break
		}
	}
	return s.quotedCarefully(i)
}

// quotedCarefully is quoted, but begins with a byte that needs care.
func (s *Scanner) quotedCarefully(i int) (to int, escaped bool) {
	d := s.data
	for i < len(d) {
		switch c := d[i]; {
		case c == '"':
			return i, escaped
		case c == '\\':
			n := escapeLen(d[i:])
			if n == 0 {
				s.failAt(i, "not an escape that JSON knows, or half a surrogate pair")
				return -1, false
			}
			escaped = true
			i += n
		case c < ' ':
			s.failAt(i, "a control character must be escaped in a string")
			return -1, false
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(d[i:])
			if r == utf8.RuneError && n == 1 {
				s.failAt(i, "not UTF-8")
				return -1, false
			}
			i += n
		}
		for i+8 <= len(d) {
			if found := special(binary.LittleEndian.Uint64(d[i:])); found != 0 {
				i += bits.TrailingZeros64(found) >> 3
				break
			}
			i += 8
		}
	}
	s.failAt(i, "expected a closing quote")
	return -1, false
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
