package source

import "strings"

// snippetWidth bounds the excerpt of a line: a JSON file can be one line of a megabyte.
const snippetWidth = 120

// text is a file by lines.
type text struct {
	name  string
	lines []string
}

func newText(name string, data string) *text {
	t := &text{name: name, lines: strings.Split(data, "\n")}
	for i, l := range t.lines {
		t.lines[i] = strings.TrimSuffix(l, "\r")
	}
	return t
}

// Pos is a place in a text. Its zero value means that nothing was written.
type Pos struct {
	text      *text
	Line, Col int
}

// IsZero reports whether the thing was not in the text.
func (p Pos) IsZero() bool { return p.text == nil }

// Error is a mistake at p.
func (p Pos) Error(what, do string) *Error {
	e := &Error{Line: p.Line, Col: p.Col, What: what, Do: do}
	if p.text != nil {
		e.File, e.Snippet = p.text.name, p.text.snippet(p.Line, p.Col)
	}
	return e
}

// snippet is the line, indented and cut around the column, with a caret below.
func (t *text) snippet(line, col int) string {
	if line < 1 || line > len(t.lines) {
		return ""
	}
	r := []rune(t.lines[line-1])
	at := min(max(col-1, 0), len(r))
	from := 0
	if at > snippetWidth*2/3 {
		from = at - snippetWidth/2
	}
	to := min(from+snippetWidth, len(r))
	var caret strings.Builder
	for _, c := range r[from:at] {
		if c != '\t' { // a tab stays one, so that the caret stands below its character
			c = ' '
		}
		caret.WriteRune(c)
	}
	const indent = "    "
	return indent + string(r[from:to]) + "\n" + indent + caret.String() + "^"
}
