package sql

import (
	"fmt"
	"strings"
)

const space = " \t\n\r\f\v"

// Split cuts a text into its statements at the semicolons that stand outside strings, quoted names and comments, as
// ClickHouse's own lexer sees them. Comments stay with the statement that they stand in or before; a piece of nothing
// but comments is dropped. The error of an unclosed string or comment begins with the line where it opens.
func Split(text string) ([]string, error) {
	var out []string
	begin, filled := 0, false // where the statement begins; whether it holds more than space and comments
	for i := 0; i < len(text); {
		kind, n := token(text[i:])
		switch kind {
		case unclosed:
			return nil, fmt.Errorf("%d: what opens here is not closed: %.20q", 1+strings.Count(text[:i], "\n"), text[i:])
		case semicolon:
			if filled {
				out = append(out, strings.Trim(text[begin:i], space))
			}
			begin, filled = i+n, false
		case word:
			filled = true
		case blank:
		}
		i += n
	}
	if filled {
		out = append(out, strings.Trim(text[begin:], space))
	}
	return out, nil
}

type kind int

const (
	blank kind = iota // space or a comment
	word
	semicolon
	unclosed
)

// token tells what s begins with and how long that is; s is not empty.
func token(s string) (kind, int) {
	switch c := s[0]; {
	case c == ';':
		return semicolon, 1
	case strings.IndexByte(space, c) >= 0:
		return blank, 1
	case strings.HasPrefix(s, "--"), strings.HasPrefix(s, "# "), strings.HasPrefix(s, "#!"):
		if n := strings.IndexByte(s, '\n'); n >= 0 {
			return blank, n
		}
		return blank, len(s)
	case strings.HasPrefix(s, "/*"):
		return closed(blank, s, 2, "*/")
	case c == '\'' || c == '"' || c == '`':
		return quoted(s)
	case c == '$':
		return heredoc(s)
	default:
		return word, 1
	}
}

// quoted reads '…', "…" or `…`, in which a backslash takes the next byte along. A doubled quote simply reads as two
// strings next to each other.
func quoted(s string) (kind, int) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return word, i + 1
		}
	}
	return unclosed, 0
}

// heredoc reads $tag$ … $tag$; a lone dollar is a byte like any other.
func heredoc(s string) (kind, int) {
	n := 1
	for n < len(s) && (s[n] == '_' || '0' <= s[n] && s[n] <= '9' || 'a' <= s[n]|0x20 && s[n]|0x20 <= 'z') {
		n++
	}
	if n == len(s) || s[n] != '$' {
		return word, 1
	}
	return closed(word, s, n+1, s[:n+1])
}

// closed is a token of kind k that ends behind the first end at or after from.
func closed(k kind, s string, from int, end string) (kind, int) {
	n := strings.Index(s[from:], end)
	if n < 0 {
		return unclosed, 0
	}
	return k, from + n + len(end)
}
