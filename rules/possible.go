package rules

import (
	"maps"
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"

	"leadline/rules/measure"
)

// extent are the values that something can have, both ends included.
type extent struct{ low, high float64 }

var anything = extent{math.Inf(-1), math.Inf(1)}

// extents are those of a rule's measures, by name.
type extents map[string]extent

// extents are what a rule's measures can be where a condition is asked: a share is between 0 and 1, nothing that is
// counted or takes time is negative.
func (r *Rule) extents() extents {
	out := extents{}
	for i := range r.Ask.Measures {
		m := &r.Ask.Measures[i]
		e := extent{0, math.Inf(1)}
		switch {
		case r.Ask.Custom != nil, m.Baseline != nil && m.Baseline.Stat == measure.RobustZ:
			e = anything
		case m.Kind == measure.Ratio && (m.Source == measure.Schema || m.Where.Within(m.Den)):
			e.high = 1
		}
		out[m.Name] = e
	}
	return out
}

// enough are the extents where min_samples are reached.
func (r *Rule) enough() extents {
	out := r.extents()
	for _, f := range r.minSamples {
		name := r.Ask.Measures[f.measure].Name
		e := out[name]
		e.low = max(e.low, f.least)
		out[name] = e
	}
	return out
}

// possible reports whether a condition can be what it is wanted to be, as far as arithmetic on extents can tell: what it
// does not understand is possible.
func (x extents) possible(n ast.Node, wanted bool) bool {
	switch n := n.(type) {
	case *ast.BoolNode:
		return n.Value == wanted
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return x.possible(n.Node, !wanted)
		}
	case *ast.BinaryNode:
		switch op := n.Operator; op {
		case "and", "&&", "or", "||":
			if both := op == "and" || op == "&&"; both != wanted {
				return x.possible(n.Left, wanted) || x.possible(n.Right, wanted)
			}
			within := x.narrowed(n.Left, wanted).narrowed(n.Right, wanted)
			return within != nil && within.possible(n.Left, wanted) && within.possible(n.Right, wanted)
		default:
			if op, ok := comparison(op, wanted); ok {
				return x.undefined(n, wanted) || meets(op, x.extent(n.Left), x.extent(n.Right))
			}
		}
	}
	return true
}

// narrowed are the extents where a condition is what is wanted, nil where it cannot be.
func (x extents) narrowed(n ast.Node, wanted bool) extents {
	if x == nil {
		return nil
	}
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return x.narrowed(n.Node, !wanted)
		}
	case *ast.BinaryNode:
		if both := n.Operator == "and" || n.Operator == "&&"; both || n.Operator == "or" || n.Operator == "||" {
			if both != wanted {
				return x
			}
			return x.narrowed(n.Left, wanted).narrowed(n.Right, wanted)
		}
		op, ok := comparison(n.Operator, wanted)
		if !ok || x.undefined(n, wanted) {
			return x
		}
		out := x.bounded(n.Left, op, x.extent(n.Right))
		if out == nil {
			return nil
		}
		return out.bounded(n.Right, mirrored[op], out.extent(n.Left))
	}
	return x
}

// undefined reports whether a comparison can be what is wanted because a side of it is no number: 0 divided by 0 differs
// from everything and is neither less nor more.
func (x extents) undefined(n *ast.BinaryNode, wanted bool) bool {
	return wanted == (n.Operator == "!=") && (x.divides(n.Left) || x.divides(n.Right))
}

// divides reports whether something is divided by what can be 0.
func (x extents) divides(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return x.divides(n.Node)
	case *ast.BinaryNode:
		by := x.extent(n.Right)
		return n.Operator == "/" && by.low <= 0 && by.high >= 0 || x.divides(n.Left) || x.divides(n.Right)
	case *ast.BuiltinNode:
		return slices.ContainsFunc(n.Arguments, x.divides)
	}
	return false
}

// bounded narrows a measure that is compared with something. An open end stays closed: 600 for < 600.
func (x extents) bounded(n ast.Node, op string, by extent) extents {
	id, ok := n.(*ast.IdentifierNode)
	if !ok {
		return x
	}
	e, ok := x[id.Value]
	if !ok {
		return x
	}
	if !meets(op, e, by) {
		return nil
	}
	switch op {
	case "<":
		e.high = min(e.high, math.Nextafter(by.high, math.Inf(-1)))
	case "<=":
		e.high = min(e.high, by.high)
	case ">":
		e.low = max(e.low, math.Nextafter(by.low, math.Inf(1)))
	case ">=":
		e.low = max(e.low, by.low)
	case "==":
		e = extent{max(e.low, by.low), min(e.high, by.high)}
	default:
		return x
	}
	out := maps.Clone(x)
	out[id.Value] = e
	return out
}

var (
	opposite = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
	mirrored = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
)

// comparison is the operator that holds where the given one is what is wanted.
func comparison(op string, wanted bool) (string, bool) {
	other, ok := opposite[op]
	if ok && !wanted {
		return other, true
	}
	return op, ok
}

// meets reports whether some value of a and some value of b compare so.
func meets(op string, a, b extent) bool {
	switch op {
	case "<":
		return a.low < b.high
	case "<=":
		return a.low <= b.high
	case ">":
		return a.high > b.low
	case ">=":
		return a.high >= b.low
	case "==":
		return a.low <= b.high && b.low <= a.high
	}
	return a.low != a.high || b.low != b.high || a.low != b.low
}

// extent is what an operand can be; anything where that is not known.
func (x extents) extent(n ast.Node) extent {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return extent{float64(n.Value), float64(n.Value)}
	case *ast.FloatNode:
		return extent{n.Value, n.Value}
	case *ast.IdentifierNode:
		if e, ok := x[n.Value]; ok {
			return e
		}
	case *ast.UnaryNode:
		if n.Operator == "-" {
			e := x.extent(n.Node)
			return extent{-e.high, -e.low}
		}
	case *ast.BinaryNode:
		return arithmetic(n.Operator, x.extent(n.Left), x.extent(n.Right))
	case *ast.BuiltinNode:
		if n.Name == "abs" {
			return extent{0, math.Inf(1)}
		}
	}
	return anything
}

// arithmetic is interval arithmetic.
func arithmetic(op string, a, b extent) extent {
	var corners []float64
	switch op {
	case "+":
		corners = []float64{a.low + b.low, a.high + b.high}
	case "-":
		corners = []float64{a.low - b.high, a.high - b.low}
	case "*":
		corners = []float64{a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high}
	case "/":
		if math.Signbit(b.low) || b.high == 0 { // the sign of 0 decides between the infinities
			return anything
		}
		corners = []float64{a.low / b.low, a.low / b.high, a.high / b.low, a.high / b.high}
	default:
		return anything
	}
	out := extent{math.Inf(1), math.Inf(-1)}
	for _, c := range corners {
		if math.IsNaN(c) { // 0·∞ or 0/0: at its limits anything that has the sign of the others
			c = 0
		}
		out.low, out.high = min(out.low, c), max(out.high, c)
	}
	return out
}
