package schema

import (
	"slices"
	"sync"
	"unicode/utf8"

	"leadline"
)

// maxViolations bounds what is told about one document: the first ones say what to mend.
const maxViolations = 20

// Schema checks documents. It never changes and may be used by many goroutines at once.
type Schema struct {
	root    *node
	certain bool // a check that accepts a document reads all that x-pii marks in it
}

var scanners = sync.Pool{New: func() any { return new(Scanner) }}

// Check reports whether doc is a JSON text that fits the schema, and tells report at most 20 violations; with a nil
// report it stops at the first. A text that is not JSON is a violation of the rule "json", and the last one.
// A document that fits costs no allocation.
func (s *Schema) Check(doc []byte, report func(leadline.Violation)) bool {
	sc := scanners.Get().(*Scanner)
	sc.Begin(doc)
	ok := s.CheckNext(sc, report)
	if err := sc.End(); err != nil {
		if report != nil {
			report(leadline.Violation{Rule: "json", Expected: "one JSON value", Got: err.Error()})
		}
		ok = false
	}
	sc.Begin(nil) // let go of doc
	scanners.Put(sc)
	return ok
}

// CheckNext checks the value that is next in sc, as part of the scan that its caller began, and reads it whole. The
// pointers of the violations begin at that value. Where the text is not JSON it is false and sc.Err says why. What is
// personal in a value that fits is noted for Masker.Recall.
func (s *Schema) CheckNext(sc *Scanner, report func(leadline.Violation)) bool {
	c := checker{sc: sc, schema: s, base: sc.Offset(), report: report, left: maxViolations, quiet: report == nil}
	sc.notes.by, sc.notes.list = nil, sc.notes.list[:0]
	start := sc.mark()
	ok := c.value(s.root)
	if !ok && c.quiet && sc.ok() {
		sc.reset(start)
		sc.skip()
	}
	if !ok || !sc.ok() {
		return false
	}
	if s.certain && !c.more {
		sc.notes.by = s
	}
	return true
}

// checker is one check. When quiet it returns false at once, in the middle of the value, and its caller resets the
// scan; else it reads every value to its end, so that all violations are found.
type checker struct {
	sc     *Scanner
	schema *Schema
	base   int // offset of the document's root
	report func(leadline.Violation)
	left   int
	quiet  bool

	more   bool // than maxNotes is personal
	looked bool // for what must not be told
	secret []stretch
}

func (c *checker) value(n *node) bool {
	switch {
	case n == nil:
		return c.sc.skip()
	case n.pii:
		return c.personal(n)
	case n.more != nil:
		return c.branched(n)
	}
	return c.plain(n)
}

// plain checks everything but the branches.
func (c *checker) plain(n *node) bool {
	kind := kindOf[c.sc.peek()]
	if n.types&(1<<kind) == 0 && (kind != KindNumber || n.types&bitInteger == 0) {
		return c.wrongType(n, kind)
	}
	switch kind {
	case KindString:
		return c.text(n)
	case KindNumber:
		return c.number(n)
	case KindObject:
		return c.object(n)
	case KindArray:
		return c.array(n)
	default:
		return c.word(n)
	}
}

func (c *checker) text(n *node) bool {
	sc := c.sc
	if n.text == nil && n.enums == nil {
		return sc.skip()
	}
	at := sc.pos
	v, ok := sc.Text()
	if !ok {
		return false
	}
	for _, e := range n.enums {
		if e.texts.find(v, hash(v)) < 0 {
			ok = c.fail(at, e.rule, e.want)
		}
	}
	r := n.text
	if r == nil {
		return ok
	}
	if r.max >= 0 && len(v) > r.max && utf8.RuneCount(v) > r.max {
		ok = c.failCount(at, "maxLength", "at most", r.max, "characters")
	}
	if r.min > 0 && utf8.RuneCount(v) < r.min {
		ok = c.failCount(at, "minLength", "at least", r.min, "characters")
	}
	if r.pattern != nil && !r.pattern.match(v) {
		ok = c.fail(at, "pattern", r.pattern.want)
	}
	if r.format != nil && !r.format.ok(v) {
		ok = c.fail(at, "format", r.format.like)
	}
	return ok
}

func (c *checker) number(n *node) bool {
	sc := c.sc
	at := sc.pos
	var v Number
	if !sc.number(&v) {
		return false
	}
	ok := true
	if n.types&(1<<KindNumber) == 0 && !v.Integer() {
		ok = c.failType(at, n)
	}
	for _, e := range n.enums {
		if !e.has(&v) {
			ok = c.fail(at, e.rule, e.want)
		}
	}
	r := n.num
	if r == nil {
		return ok
	}
	if whole, small := v.whole(); !small || whole < r.low || whole > r.high {
		for i := range r.bounds {
			if b := &r.bounds[i]; !b.holds(&v) {
				ok = c.fail(at, b.rule, b.want)
			}
		}
	}
	if m := r.multiple; m != nil && !m.divides(&v) {
		ok = c.fail(at, "multipleOf", m.want)
	}
	return ok
}

func (e *enum) has(v *Number) bool {
	for i := range e.numbers {
		if v.cmp(&e.numbers[i]) == 0 {
			return true
		}
	}
	return false
}

func (b *bound) holds(v *Number) bool {
	d := v.cmp(&b.limit)
	if b.upper {
		d = -d
	}
	return d > 0 || d == 0 && !b.strict
}

func (c *checker) word(n *node) bool {
	at := c.sc.pos
	var bit uint8
	var ok, yes bool
	if c.sc.Kind() == KindBool {
		yes, ok = c.sc.Bool()
		bit = wordOf(yes)
	} else {
		bit, ok = wordNull, c.sc.Null()
	}
	if !ok {
		return false
	}
	for _, e := range n.enums {
		if e.words&bit == 0 {
			ok = c.fail(at, e.rule, e.want)
		}
	}
	return ok
}

func (c *checker) array(n *node) bool {
	sc, r := c.sc, n.arr
	at := sc.pos
	ok := n.enums == nil || c.oneOfPrints(n)
	if !ok && c.quiet {
		return false
	}
	if r == nil {
		return sc.skip() && ok
	}
	sc.Array()
	count, prints := 0, len(sc.prints)
	for sc.Next() {
		item := r.rest
		if count < len(r.prefix) {
			item = r.prefix[count]
		} else if r.closed {
			ok = c.failCount(sc.Offset(), "items", "at most", len(r.prefix), "items")
			item = nil
		}
		if r.unique {
			start := sc.mark()
			have := sc.fingerprint()
			sc.reset(start)
			sc.prints = append(sc.prints, have)
		}
		ok = c.value(item) && ok
		if !ok && c.quiet {
			return false
		}
		count++
	}
	if r.unique {
		all := sc.prints[prints:]
		slices.Sort(all)
		if count != len(slices.Compact(all)) {
			ok = c.fail(at, "uniqueItems", "no two equal items")
		}
		sc.prints = sc.prints[:prints]
	}
	if count < r.min {
		ok = c.failCount(at, "minItems", "at least", r.min, "items")
	}
	if r.max >= 0 && count > r.max {
		ok = c.failCount(at, "maxItems", "at most", r.max, "items")
	}
	return ok && sc.ok()
}

// oneOfPrints compares the array or object that is next with the enums', without reading it.
func (c *checker) oneOfPrints(n *node) bool {
	start := c.sc.mark()
	have := c.sc.fingerprint()
	if !c.sc.ok() {
		return false
	}
	c.sc.reset(start)
	ok := true
	for _, e := range n.enums {
		if !slices.Contains(e.prints, have) {
			ok = c.fail(start.pos, e.rule, e.want)
		}
	}
	return ok
}
