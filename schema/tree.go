package schema

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"leadline/source"
)

// value is a JSON value of a schema file that knows where it stands.
type value struct {
	kind   Kind
	at     int // offset in the file
	raw    []byte
	text   string // of a string
	yes    bool   // of a boolean
	number Number
	fields []member // of an object
	items  []*value // of an array
}

type member struct {
	name  string
	at    int
	value *value
}

// get is the value of a field, nil where there is none.
func (v *value) get(name string) *value {
	for _, m := range v.fields {
		if m.name == name {
			return m.value
		}
	}
	return nil
}

// parse reads a whole text into values.
func parse(data []byte) (*value, error) {
	var sc Scanner
	sc.Begin(data)
	v := sc.tree()
	return v, sc.End()
}

func (s *Scanner) tree() *value {
	v := &value{kind: s.Kind(), at: s.Offset()}
	switch v.kind {
	case KindObject:
		for s.Object(); s.Key(); {
			m := member{name: string(s.Name()), at: s.nameAt}
			m.value = s.tree()
			v.fields = append(v.fields, m)
		}
	case KindArray:
		for s.Array(); s.Next(); {
			v.items = append(v.items, s.tree())
		}
	case KindString:
		t, _ := s.Text()
		v.text = string(t)
	case KindBool:
		v.yes, _ = s.Bool()
	case KindNumber:
		v.number, _ = s.Number()
	default:
		s.skip()
	}
	v.raw = s.data[v.at:max(v.at, s.pos)]
	return v
}

// problem is a mistake at an offset of a file.
func problem(file string, data []byte, at int, what, do string) *source.Error {
	at = min(at, len(data))
	from := bytes.LastIndexByte(data[:at], '\n') + 1
	to := len(data)
	if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
		to = at + i
	}
	before := strings.ToValidUTF8(string(data[from:at]), "�")
	line := before + strings.ToValidUTF8(string(data[at:to]), "�")
	e := &source.Error{
		File: file, Line: bytes.Count(data[:from], []byte("\n")) + 1, Col: utf8.RuneCountInString(before) + 1,
		What: what, Do: do,
	}
	if len(line) > 200 { // a whole schema on one line: its column has to do
		return e
	}
	blank := strings.Map(func(r rune) rune {
		if r == '\t' {
			return r
		}
		return ' '
	}, before)
	e.Snippet = fmt.Sprintf("    %s\n    %s^", strings.TrimRight(line, "\r"), blank)
	return e
}
