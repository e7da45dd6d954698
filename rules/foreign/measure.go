package foreign

import (
	"regexp"
	"slices"
	"strings"
	"time"
)

// measure is one measure of a rule. It is comparable, so that what is asked twice is measured once.
type measure struct {
	kind   kind
	source string
	level  float64 // kindQuantile: 0.95
	of     string  // kindQuantile: the field
	where  where   // of a ratio's numerator, otherwise of all
	den    where   // kindRatio: of the denominator
	window time.Duration
	back   time.Duration // how far back the window lies; 0 is now
}

type kind int

const (
	kindCount    kind = iota
	kindQuantile      // milliseconds
	kindRatio
	kindAge   // milliseconds since the newest row
	kindStamp // of the newest row, only while an expression is read: time() minus it is an age
	kindTime  // time(), likewise
)

// where is a conjunction of atoms, sorted and each once. Its zero value takes every row.
type where string

// atom is a comparison of a field with a literal, or any other expression with an empty op.
type atom struct{ field, op, literal string }

func (a atom) String() string {
	if a.op == "" {
		return a.field
	}
	return a.field + " " + a.op + " " + a.literal
}

var comparison = regexp.MustCompile(`^\s*([a-z0-9_]+)\s*(==|!=|<=|>=|<|>)\s*("[^"\\]*"|[0-9.]+)\s*$`)

// parseAtom reads an expression; what is no simple comparison stays whole.
func parseAtom(expr string) atom {
	if m := comparison.FindStringSubmatch(expr); m != nil {
		return atom{m[1], m[2], m[3]}
	}
	return atom{field: expr}
}

// opposites of the comparisons.
var opposites = map[string]string{"==": "!=", "!=": "==", "<": ">=", ">=": "<", ">": "<=", "<=": ">", "in": "not in", "not in": "in"}

func (a atom) not() atom {
	if op := opposites[a.op]; op != "" {
		return atom{a.field, op, a.literal}
	}
	return atom{field: "not (" + a.field + ")"}
}

const (
	betweenAtoms = "\x00"
	insideAtom   = "\x01"
)

func makeWhere(atoms ...atom) where {
	var parts []string
	for _, a := range atoms {
		if a.op == "" && a.field == "" {
			continue
		}
		parts = append(parts, a.field+insideAtom+a.op+insideAtom+a.literal)
	}
	slices.Sort(parts)
	return where(strings.Join(slices.Compact(parts), betweenAtoms))
}

func (w where) atoms() []atom {
	var out []atom
	if w == "" {
		return nil
	}
	for p := range strings.SplitSeq(string(w), betweenAtoms) {
		f := strings.Split(p, insideAtom)
		out = append(out, atom{f[0], f[1], f[2]})
	}
	return out
}

func (w where) and(more ...atom) where { return makeWhere(append(w.atoms(), more...)...) }

// String is the expression.
func (w where) String() string {
	var parts []string
	for _, a := range w.atoms() {
		text := a.String()
		switch {
		case a.op == "not in":
			text = "not (" + a.field + " in " + a.literal + ")"
		case a.op == "" && len(w.atoms()) > 1:
			text = "(" + text + ")"
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, " and ")
}

// beyond are the atoms that narrow w further than base does; false where w is no part of base.
func (w where) beyond(base where) ([]atom, bool) {
	own, all := w.atoms(), base.atoms()
	for _, a := range all {
		if !slices.Contains(own, a) {
			return nil, false
		}
	}
	return slices.DeleteFunc(own, func(a atom) bool { return slices.Contains(all, a) }), true
}

// others is the ratio of those rows of the denominator that m does not count; false where m's are no part of them.
func (m measure) others() (measure, bool) {
	extra, ok := m.where.beyond(m.den)
	switch {
	case m.kind != kindRatio || !ok || len(extra) == 0:
		return m, false
	case len(extra) == 1:
		m.where = m.den.and(extra[0].not())
	default:
		m.where = m.den.and(atom{field: makeWhere(extra...).String()}.not())
	}
	return m, true
}
