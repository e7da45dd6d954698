package source

import (
	"unicode"

	"go.yaml.in/yaml/v4"
)

// maxPassage bounds the texts whose characters are located, in bytes; a longer one is located at its beginning.
const maxPassage = 16 << 10

// Passage is a text that knows where each of its characters stands, whatever YAML's quotes, escapes and folding did.
type Passage struct {
	Text   string
	Pos    Pos
	places []Pos
}

func (p *Passage) decode(d *decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.mismatch(n, "a text")
		return
	}
	*p = Passage{Text: n.Value, Pos: d.text.at(n)}
	if len(n.Value) <= maxPassage {
		p.places = places(d.text, n)
	}
}

// IsZero reports whether nothing was written.
func (p Passage) IsZero() bool { return p.Text == "" }

// At is the place of a character of the text, counted from 0; len is the place behind the last.
func (p Passage) At(offset int) Pos {
	if offset < 0 || offset >= len(p.places) {
		return p.Pos
	}
	return p.places[offset]
}

// places maps every character of a scalar's value, and the end of it, to its place in the text. Folding, indentation
// and escapes change only white space and what stands behind a `\` or `'`, so walking both texts from one visible
// character to the next keeps them in step in all five styles.
func places(t *text, n *yaml.Node) []Pos {
	c := &cursor{text: t, line: n.Line - 1, col: n.Column - 1, style: n.Style}
	c.enter()
	var out []Pos
	for _, r := range n.Value {
		if !unicode.IsSpace(r) {
			c.blanks()
		}
		c.continuations()
		out = append(out, c.pos())
		switch now, _ := c.peek(); {
		case now == '\\' && c.style&yaml.DoubleQuotedStyle != 0:
			c.escape()
		case r == '\'' && c.style&yaml.SingleQuotedStyle != 0:
			c.skip(2)
		case now == r || !unicode.IsSpace(r):
			c.skip(1)
		}
	}
	return append(out, c.pos())
}

// cursor walks the raw text of a scalar beside its decoded value.
type cursor struct {
	text      *text
	line, col int // from 0
	style     yaml.Style
	runes     []rune // of the line
	runesOf   int    // line+1 that runes belongs to
}

func (c *cursor) pos() Pos { return Pos{c.text, c.line + 1, c.col + 1} }

// peek is the character under the cursor, '\n' at the end of a line, false at the end of the text.
func (c *cursor) peek() (rune, bool) {
	if c.line >= len(c.text.lines) {
		return 0, false
	}
	if c.runesOf != c.line+1 {
		c.runes, c.runesOf = []rune(c.text.lines[c.line]), c.line+1
	}
	if c.col < len(c.runes) {
		return c.runes[c.col], true
	}
	return '\n', c.line+1 < len(c.text.lines)
}

func (c *cursor) skip(n int) {
	for ; n > 0; n-- {
		r, ok := c.peek()
		if !ok {
			return
		}
		c.col++
		if r == '\n' {
			c.line, c.col = c.line+1, 0
		}
	}
}

// enter moves to the first character of the value: past an anchor, a quote or a block's header line.
func (c *cursor) enter() {
	if r, _ := c.peek(); r == '&' {
		for r, ok := c.peek(); ok && !unicode.IsSpace(r); r, ok = c.peek() {
			c.skip(1)
		}
		c.blanks()
	}
	switch {
	case c.style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		c.line, c.col = c.line+1, 0
	case c.style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) != 0:
		c.skip(1)
	}
}

func (c *cursor) blanks() {
	for r, ok := c.peek(); ok && unicode.IsSpace(r); r, ok = c.peek() {
		c.skip(1)
	}
}

// continuations moves past a `\` at the end of a line, which joins it to the next.
func (c *cursor) continuations() {
	for c.style&yaml.DoubleQuotedStyle != 0 && c.line < len(c.text.lines) {
		if r, _ := c.peek(); r != '\\' || c.col+1 != len(c.runes) {
			return
		}
		c.skip(2)
		c.blanks()
	}
}

func (c *cursor) escape() {
	size := 2
	if c.col+1 < len(c.runes) {
		switch c.runes[c.col+1] {
		case 'x':
			size = 4
		case 'u':
			size = 6
		case 'U':
			size = 10
		}
	}
	c.skip(size)
}
