package foreign

import (
	"math"
	"strconv"
	"strings"
)

// linear is a number: a constant and measures, each by a factor.
type linear struct {
	terms    []term
	constant float64
}

type term struct {
	measure measure
	factor  float64
}

func number(v float64) linear { return linear{constant: v} }

func one(m measure, factor float64) linear { return linear{terms: []term{{m, factor}}} }

func (l linear) isNumber() bool { return len(l.terms) == 0 }

func (l linear) times(f float64) linear {
	out := linear{constant: l.constant * f}
	for _, t := range l.terms {
		out.terms = append(out.terms, term{t.measure, t.factor * f})
	}
	return out.tidy()
}

func (l linear) plus(o linear) linear {
	out := linear{constant: l.constant + o.constant, terms: append([]term(nil), l.terms...)}
	for _, t := range o.terms {
		out = out.add(t)
	}
	return out.tidy()
}

func (l linear) add(t term) linear {
	for i := range l.terms {
		if l.terms[i].measure == t.measure {
			l.terms[i].factor += t.factor
			return l
		}
	}
	l.terms = append(l.terms, t)
	return l
}

// tidy drops what is 0 and makes an age of time() − timestamp.
func (l linear) tidy() linear {
	out := linear{constant: l.constant}
	for _, t := range l.terms {
		if math.Abs(t.factor) > 1e-12 {
			out.terms = append(out.terms, t)
		}
	}
	if len(out.terms) == 2 && out.terms[0].factor == -out.terms[1].factor {
		now, stamp := out.terms[0], out.terms[1]
		if now.measure.kind == kindStamp {
			now, stamp = stamp, now
		}
		if now.measure.kind == kindTime && stamp.measure.kind == kindStamp {
			age := stamp.measure
			age.kind = kindAge
			out.terms = []term{{age, now.factor / 1000}}
		}
	}
	return out
}

// only reports whether every term is of a kind and there is no constant.
func (l linear) only(k kind) bool {
	for _, t := range l.terms {
		if t.measure.kind != k {
			return false
		}
	}
	return l.constant == 0 && !l.isNumber()
}

// over divides counts by one count, term by term: (a − b)/a is 1 − b/a. Both must look at the same window of the same
// source, or the quotient is none that Leadline has.
func (l linear) over(den linear) (out linear, ok bool) {
	if !l.only(kindCount) || !den.only(kindCount) || len(den.terms) != 1 {
		return out, false
	}
	d := den.terms[0]
	for _, t := range l.terms {
		n, m := t.measure, d.measure
		if n.source != m.source || n.window != m.window || n.back != m.back {
			return out, false
		}
		if n == m {
			out.constant += t.factor / d.factor
			continue
		}
		out = out.add(term{measure{kind: kindRatio, source: n.source, where: n.where, den: m.where, window: n.window, back: n.back}, t.factor / d.factor})
	}
	return out.tidy().positive(), true
}

// positive writes 1 − good/total as bad/total: what a person thinks of, and what a template can show.
func (l linear) positive() linear {
	if len(l.terms) != 1 || !near(l.constant, -l.terms[0].factor) || l.terms[0].factor >= 0 {
		return l
	}
	if m, ok := l.terms[0].measure.others(); ok {
		return one(m, -l.terms[0].factor)
	}
	return l
}

// single is the only measure and its factor, where there is nothing else.
func (l linear) single() (measure, float64, bool) {
	if len(l.terms) != 1 || l.constant != 0 {
		return measure{}, 0, false
	}
	return l.terms[0].measure, l.terms[0].factor, true
}

// text is the expression, with the measures' names.
func (l linear) text(name func(measure) string) string {
	var b strings.Builder
	for _, t := range l.terms {
		f := t.factor
		switch {
		case b.Len() == 0 && f < 0:
			b.WriteString("-")
			f = -f
		case b.Len() == 0:
		case f < 0:
			b.WriteString(" - ")
			f = -f
		default:
			b.WriteString(" + ")
		}
		if s := digits(f); s != "1" {
			b.WriteString(s + " * ")
		}
		b.WriteString(name(t.measure))
	}
	switch {
	case b.Len() == 0:
		return digits(l.constant)
	case l.constant > 0:
		b.WriteString(" + " + digits(l.constant))
	case l.constant < 0:
		b.WriteString(" - " + digits(-l.constant))
	}
	return b.String()
}

// digits writes a number with 12 digits, without an exponent: 0.1 · 300 is 30.
func digits(v float64) string {
	v, _ = strconv.ParseFloat(strconv.FormatFloat(v, 'g', 12, 64), 64)
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(math.Abs(a), math.Abs(b), 1) }
