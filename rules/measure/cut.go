package measure

import (
	"fmt"
	"math"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// cut is a condition as the rollup can answer it: on the labels of its rows, and at most one of how events ended or of
// how long they took. The zero cut takes everything.
type cut struct {
	equal []equality // labels that must have one value: how rows are found
	tests []ast.Node // on labels, all must be true
	names []string   // the labels that equal and tests name, sorted
	pick  pick
	us    int64 // the threshold of longer and shorter, in microseconds
}

type equality struct{ label, value string }

// pick says which of a tally's events count.
type pick int

const (
	all     pick = iota
	failed       // status or worst != "ok"
	fine         // == "ok"
	longer       // than us
	shorter      // or as long as us
)

// count is how many of the events of a sum the cut takes, once it has taken the series.
func (c *cut) count(s *sum) float64 {
	switch c.pick {
	case failed:
		return float64(s.failed)
	case fine:
		return float64(s.events - s.failed)
	case longer:
		return s.shape.Slower(c.us)
	case shorter:
		return float64(s.events) - s.shape.Slower(c.us)
	default:
		return float64(s.events)
	}
}

// takes reports whether a series with these labels counts.
func (c *cut) takes(label func(name string) string) bool {
	for _, e := range c.equal {
		if label(e.label) != e.value {
			return false
		}
	}
	for _, t := range c.tests {
		if !holds(t, label) {
			return false
		}
	}
	return true
}

// cutter finds out whether a condition is a cut.
type cutter struct {
	view view
	cut  cut
	why  string // "" as long as it is one
}

// makeCut returns the cut, or why the condition needs the events themselves.
func makeCut(tree ast.Node, v view) (cut, string) {
	c := &cutter{view: v}
	if tree != nil {
		c.conjunct(tree, false)
	}
	slices.Sort(c.cut.names)
	c.cut.names = slices.Compact(c.cut.names)
	return c.cut, c.why
}

func (c *cutter) fail(why string) {
	if c.why == "" {
		c.why = why
	}
}

// conjunct takes one part of what must be true, or, negated, must not.
func (c *cutter) conjunct(n ast.Node, negated bool) {
	switch x := n.(type) {
	case *ast.UnaryNode:
		if x.Operator == "not" || x.Operator == "!" {
			c.conjunct(x.Node, !negated)
			return
		}
	case *ast.BinaryNode:
		if !negated && (x.Operator == "and" || x.Operator == "&&") {
			c.conjunct(x.Left, false)
			c.conjunct(x.Right, false)
			return
		}
		if c.special(x, negated) {
			return
		}
		if left, ok := x.Left.(*ast.IdentifierNode); ok && !negated && x.Operator == "==" {
			if right, ok := x.Right.(*ast.StringNode); ok && slices.Contains(c.view.rolled, left.Value) {
				c.cut.equal = append(c.cut.equal, equality{left.Value, right.Value})
				c.cut.names = append(c.cut.names, left.Value)
				return
			}
		}
	}
	if c.labels(n) {
		if negated {
			n = &ast.UnaryNode{Operator: "not", Node: n}
		}
		c.cut.tests = append(c.cut.tests, n)
	}
}

// flipped is the operator with its sides changed, opposite what is true where it is not.
var (
	flipped  = map[string]string{"<": ">", "<=": ">=", ">": "<", ">=": "<="}
	opposite = map[string]string{"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
)

// special takes a comparison with the duration or the status that the rollup knows.
func (c *cutter) special(x *ast.BinaryNode, negated bool) bool {
	op, left, right := x.Operator, x.Left, x.Right
	field, ok := left.(*ast.IdentifierNode)
	if !ok {
		if field, ok = right.(*ast.IdentifierNode); !ok {
			return false
		}
		right = left
		if f := flipped[op]; f != "" {
			op = f
		}
	}
	if negated && opposite[op] != "" {
		op = opposite[op]
	}
	switch field.Value {
	case c.view.duration:
		if ms, ok := number(right); ok && math.Abs(ms) < 1e12 {
			return c.threshold(op, ms*1000)
		}
	case c.view.status:
		if s, ok := right.(*ast.StringNode); ok && s.Value == "ok" {
			switch op {
			case "==":
				return c.choose(fine, 0)
			case "!=":
				return c.choose(failed, 0)
			}
		}
	}
	return false
}

// threshold compares whole microseconds: t > 600.5 and t >= 601 are the same, and so are t < 601 and t <= 600.
func (c *cutter) threshold(op string, us float64) bool {
	switch op {
	case ">":
		return c.choose(longer, int64(math.Floor(us)))
	case ">=":
		return c.choose(longer, int64(math.Ceil(us))-1)
	case "<":
		return c.choose(shorter, int64(math.Ceil(us))-1)
	case "<=":
		return c.choose(shorter, int64(math.Floor(us)))
	}
	return false
}

func (c *cutter) choose(p pick, us int64) bool {
	if c.cut.pick != all {
		c.fail("where: the rollup knows one threshold, or whether events failed, not both at once")
	}
	c.cut.pick, c.cut.us = p, us
	return true
}

// labels reports whether a condition is on nothing but labels of the rollup, and notes them.
func (c *cutter) labels(n ast.Node) bool {
	switch x := n.(type) {
	case *ast.UnaryNode:
		if x.Operator == "not" || x.Operator == "!" {
			return c.labels(x.Node)
		}
	case *ast.BinaryNode:
		return c.labels(x.Left) && c.labels(x.Right)
	case *ast.ArrayNode:
		for _, e := range x.Nodes {
			if !c.labels(e) {
				return false
			}
		}
		return true
	case *ast.StringNode:
		return true
	case *ast.IdentifierNode:
		if slices.Contains(c.view.rolled, x.Value) {
			c.cut.names = append(c.cut.names, x.Value)
			return true
		}
		switch x.Value {
		case c.view.duration, c.view.status:
			c.fail(fmt.Sprintf("where: of %s the rollup answers one comparison with a number or \"ok\", AND-ed with the rest", x.Value))
		default:
			c.fail(fmt.Sprintf("where: %s is not in the rollup", x.Value))
		}
		return false
	}
	c.fail(fmt.Sprintf("where: %s cannot be asked of the rollup", n))
	return false
}

// holds evaluates a condition that labels has let pass.
func holds(n ast.Node, label func(name string) string) bool {
	switch x := n.(type) {
	case *ast.UnaryNode:
		return !holds(x.Node, label)
	case *ast.BinaryNode:
		switch x.Operator {
		case "and", "&&":
			return holds(x.Left, label) && holds(x.Right, label)
		case "or", "||":
			return holds(x.Left, label) || holds(x.Right, label)
		case "in":
			left := text(x.Left, label)
			return slices.ContainsFunc(x.Right.(*ast.ArrayNode).Nodes, func(e ast.Node) bool { return text(e, label) == left })
		}
		return compare(x.Operator, text(x.Left, label), text(x.Right, label))
	}
	panic(fmt.Sprintf("BUG: the condition %s was taken for one on labels", n))
}

func compare(op, a, b string) bool {
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

func text(n ast.Node, label func(name string) string) string {
	if id, ok := n.(*ast.IdentifierNode); ok {
		return label(id.Value)
	}
	return n.(*ast.StringNode).Value
}
