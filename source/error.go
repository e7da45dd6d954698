package source

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is one mistake in a text and the way out of it. Line and Col count from 1, Col in characters.
type Error struct {
	File      string
	Line, Col int
	What      string // what is wrong, such as `unknown field "fro"`
	Do        string // what to do, "" where What says it
	Snippet   string // the line and below it a caret, "" where there is no such line
}

// Error is one line: file:line:col: what: what to do.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Col, e.What)
	if e.Do != "" {
		s += ": " + e.Do
	}
	return s
}

// Errors are the mistakes of one or more texts. The zero value means none.
type Errors []*Error

// Error is every mistake with its snippet, by file and place.
func (e Errors) Error() string {
	var b strings.Builder
	for i, x := range e.Sorted() {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(x.Error())
		if x.Snippet != "" {
			b.WriteString("\n" + x.Snippet)
		}
	}
	return b.String()
}

// Err is e as an error: nil where there is no mistake.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Unwrap gives errors.As its way to the single mistakes.
func (e Errors) Unwrap() []error {
	out := make([]error, len(e))
	for i, x := range e {
		out[i] = x
	}
	return out
}

// Sorted is a copy by file and place, each mistake once.
func (e Errors) Sorted() Errors {
	out := slices.Clone(e)
	slices.SortStableFunc(out, func(a, b *Error) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col))
	})
	return slices.CompactFunc(out, func(a, b *Error) bool { return *a == *b })
}
