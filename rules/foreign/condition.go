package foreign

import "math"

// condition is a comparison, or two conditions joined.
type condition struct {
	op          string // and, or, unless; a comparison: == != < <= > >=
	left, right *condition
	a, b        linear // of a comparison
	rate        bool   // a was a number a second before it was solved for its measure
}

// turned are the comparisons with their sides swapped.
var turned = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}

// compare makes a comparison that begins with a measure as it is; one with a number is solved for it.
func compare(op string, a, b linear) *condition {
	if a.isNumber() {
		a, b, op = b, a, turned[op]
	}
	if len(a.terms) == 0 {
		return &condition{op: op, a: a, b: b}
	}
	f := a.terms[0].factor
	if !b.isNumber() {
		f = math.Abs(f)
		return &condition{op: op, a: a.times(1 / f), b: b.times(1 / f), rate: !near(f, 1)}
	}
	if len(a.terms) > 1 {
		f = math.Abs(f)
	}
	rate := !near(f, 1)
	b = number((b.constant - a.constant) / f)
	if f < 0 {
		op = turned[op]
	}
	a.constant = 0
	a = a.times(1 / f)
	return &condition{op: op, a: a, b: b, rate: rate}
}

func (c *condition) compares() bool { return c.left == nil }

// each calls do for every comparison, from left to right.
func (c *condition) each(do func(*condition)) {
	if c.compares() {
		do(c)
		return
	}
	c.left.each(do)
	c.right.each(do)
}

// measures are the measures in the order of the text, each once.
func (c *condition) measures() []measure {
	var out []measure
	seen := map[measure]bool{}
	c.each(func(x *condition) {
		for _, l := range []linear{x.a, x.b} {
			for _, t := range l.terms {
				if !seen[t.measure] {
					seen[t.measure] = true
					out = append(out, t.measure)
				}
			}
		}
	})
	return out
}

// onSilence reports whether the condition can hold of a series without rows: with counts of 0 and no other value.
func (c *condition) onSilence() bool {
	switch c.op {
	case "and":
		return c.left.onSilence() && c.right.onSilence()
	case "or":
		return c.left.onSilence() || c.right.onSilence()
	case "unless":
		return c.left.onSilence() && !c.right.onSilence()
	}
	usual := false
	for _, l := range []linear{c.a, c.b} {
		for _, t := range l.terms {
			switch {
			case t.measure.kind == kindAge:
				return true
			case t.measure.kind != kindCount:
				return false
			}
			usual = usual || t.measure.back > 0
		}
	}
	if usual { // which is any number
		return true
	}
	return holds(c.op, c.a.constant, c.b.constant)
}

func holds(op string, a, b float64) bool {
	switch op {
	case "==":
		return a == b
	case "!=":
		return a != b
	case "<":
		return a < b
	case "<=":
		return a <= b
	case ">":
		return a > b
	default:
		return a >= b
	}
}

// text is the expression, with the measures' names.
func (c *condition) text(name func(measure) string) string {
	if c.compares() {
		return c.a.text(name) + " " + c.op + " " + c.b.text(name)
	}
	left, right := c.left.text(name), c.right.text(name)
	op := c.op
	if c.left.op == "or" && op != "or" {
		left = "(" + left + ")"
	}
	switch {
	case op == "unless":
		op, right = "and", "not ("+right+")"
	case !c.right.compares() && (c.right.op != op || op == "unless"):
		right = "(" + right + ")"
	}
	return left + " " + op + " " + right
}

// finite reports whether every number is one.
func (c *condition) finite() bool {
	ok := true
	c.each(func(x *condition) {
		for _, l := range []linear{x.a, x.b} {
			ok = ok && !math.IsNaN(l.constant) && !math.IsInf(l.constant, 0)
			for _, t := range l.terms {
				ok = ok && !math.IsNaN(t.factor) && !math.IsInf(t.factor, 0) && t.measure.kind < kindStamp
			}
		}
	})
	return ok
}
