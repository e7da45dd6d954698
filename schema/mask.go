package schema

import (
	"bytes"
	"cmp"
	"slices"
	"sync"
)

// Masker replaces personal data in a document. It belongs to one goroutine and is best used again and again.
//
// What is personal does not hang on what a check said: a value is, wherever some part of the schema that may look at it
// says so, be it behind an anyOf that did not fit.
type Masker struct {
	sc      Scanner
	doc     []byte
	set     []*node // schemas of the present values, those of the innermost last
	spans   []stretch
	strict  bool
	private bool
}

// stretch is a part of a text.
type stretch struct{ from, to int }

// Begin starts with a document, which must be JSON and must not change until Append.
func (m *Masker) Begin(doc []byte) {
	m.doc, m.spans = doc, m.spans[:0]
}

// Hide marks the value that fills doc[from:to].
func (m *Masker) Hide(from, to int) { m.spans = append(m.spans, stretch{from, to}) }

// Look marks what the schema says is personal. When strict, as for a document that broke the schema, it also marks what
// stands where the schema expected something else, for nobody can say what it is: unknown fields, and objects and
// arrays in the place of something else.
func (m *Masker) Look(s *Schema, strict bool) {
	m.sc.Begin(m.doc)
	m.look(s, strict)
	m.sc.Begin(nil)
}

func (m *Masker) look(s *Schema, strict bool) {
	m.strict, m.private, m.set = strict, s.Private(), m.set[:0]
	m.push(s.root)
	m.value(0)
}

// Masked reports whether anything was marked.
func (m *Masker) Masked() bool { return len(m.spans) > 0 }

// hidden stands for what has no token.
const hidden = `"***"`

// Append appends the document with all that is marked replaced: strings and numbers by what token appends for their
// text, which must be JSON, null by itself, everything else by "***".
func (m *Masker) Append(to []byte, token func(to, value []byte) []byte) []byte {
	slices.SortFunc(m.spans, func(a, b stretch) int { return cmp.Or(a.from-b.from, b.to-a.to) })
	done := 0
	for _, s := range m.spans {
		if s.from < done {
			continue // inside the one before
		}
		to = append(to, m.doc[done:s.from]...)
		done = s.to
		m.sc.Begin(m.doc[s.from:s.to])
		switch m.sc.Kind() {
		case KindString:
			v, _ := m.sc.Text()
			to = token(to, v)
		case KindNumber:
			to = token(to, bytes.TrimSpace(m.doc[s.from:s.to]))
		case KindNull:
			to = append(to, "null"...)
		default:
			to = append(to, hidden...)
		}
	}
	to = append(to, m.doc[done:]...)
	m.doc = nil
	m.sc.Begin(nil)
	return to
}

// push adds a schema that may say something of the present value.
func (m *Masker) push(n *node) {
	if n != nil && (m.strict || n.private) {
		m.set = append(m.set, n)
	}
}

// value reads the next value, whose schemas are set[lo:], and takes them off.
func (m *Masker) value(lo int) {
	for i := lo; i < len(m.set); i++ { // grows on the way
		if b := m.set[i].more; b != nil {
			for n := range b.each {
				m.push(n)
			}
		}
	}
	kind := m.sc.Kind()
	switch {
	case m.hides(lo, kind):
		from := m.sc.Offset()
		m.sc.skip()
		m.Hide(from, m.sc.pos)
	case kind == KindObject && len(m.set) > lo:
		m.object(lo)
	case kind == KindArray && len(m.set) > lo:
		m.array(lo)
	default:
		m.sc.skip()
	}
	m.set = m.set[:lo]
}

// hides reports whether a value of a kind is to be masked as a whole.
func (m *Masker) hides(lo int, kind Kind) bool {
	for _, n := range m.set[lo:] {
		if n.pii || m.strict && !n.expects(kind) && (n.private || kind >= KindArray) {
			return true
		}
	}
	return false
}

// expects reports whether a value of a kind could fit.
func (n *node) expects(kind Kind) bool {
	if n.types&(1<<kind) == 0 && (kind != KindNumber || n.types&bitInteger == 0) {
		return false
	}
	for _, e := range n.enums {
		if kind >= KindArray && len(e.prints) == 0 {
			return false
		}
	}
	return true
}

func (m *Masker) object(lo int) {
	hi := len(m.set)
	for m.sc.Object(); m.sc.Key(); {
		known, closed := false, false
		for i := lo; i < hi; i++ {
			o := m.set[i].obj
			if o == nil {
				continue
			}
			here := m.field(o)
			known, closed = known || here, closed || !here && o.closed
		}
		if m.strict && (closed || !known && m.private) {
			m.unknown(hi)
			continue
		}
		m.value(hi)
	}
}

// field pushes the schemas that an object has for the field whose name was just read, and reports whether it knows it.
func (m *Masker) field(o *objectRules) (known bool) {
	if i := o.find(&m.sc); i >= 0 && o.fields[i].declared {
		m.push(o.fields[i].node)
		known = true
	}
	for _, p := range o.patterns {
		if p.pattern.match(m.sc.Name()) {
			m.push(p.node)
			known = true
		}
	}
	if known {
		return true
	}
	m.push(o.others)
	return o.others != nil && !o.closed
}

// unknown marks the value of an unknown field, and its name where that looks like an address or a number.
func (m *Masker) unknown(hi int) {
	m.set = m.set[:hi]
	if !Plain(m.sc.Name()) {
		m.Hide(m.sc.nameAt, m.nameEnd())
	}
	from := m.sc.Offset()
	m.sc.skip()
	m.Hide(from, m.sc.pos)
}

func (m *Masker) nameEnd() int {
	to, _ := m.sc.quoted(m.sc.nameAt + 1)
	return to + 1
}

func (m *Masker) array(lo int) {
	hi := len(m.set)
	m.sc.Array()
	for count := 0; m.sc.Next(); count++ {
		for i := lo; i < hi; i++ {
			if r := m.set[i].arr; r != nil && count < len(r.prefix) {
				m.push(r.prefix[count])
			} else if r != nil {
				m.push(r.rest)
			}
		}
		m.value(hi)
	}
}

// maxDigits bounds a run of digits in a name that may be told: chat ids and telephone numbers are longer.
const maxDigits = 5

// Plain reports whether a field's name may be told: it does not look like an address or a number of somebody.
func Plain(name []byte) bool {
	run := 0
	for _, c := range name {
		if run++; c < '0' || c > '9' {
			run = 0
		}
		if c == '@' || run > maxDigits {
			return false
		}
	}
	return true
}

var maskers = sync.Pool{New: func() any { return new(Masker) }}

// secrets are the parts of the value at base that must not be told. The text may be broken behind it.
func secrets(s *Schema, data []byte, base int) []stretch {
	m := maskers.Get().(*Masker)
	defer maskers.Put(m)
	m.Begin(data)
	m.sc.Begin(data)
	m.sc.pos = base
	m.look(s, true)
	m.sc.Begin(nil)
	m.doc = nil
	return slices.Clone(m.spans)
}
