package ingest

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// condition is the part of a rule's when that is done in Go, in a seventh of the time that expr's machine takes:
// comparisons of a field, str or num with literals, has, and their combinations. None of them can fail, so it says no
// where the whole does: it is the whole, or the conjuncts that are evaluated before all others.
type condition struct {
	holds func() bool // nil: there is no such part
	whole bool
}

// condition translates as much as it knows. What it makes reads the event that Outcome is at.
func (r *Rules) condition(n ast.Node) condition {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if x := r.condition(n.Node); x.whole && (n.Operator == "!" || n.Operator == "not") {
			return condition{func() bool { return !x.holds() }, true}
		}
	case *ast.BinaryNode:
		switch n.Operator {
		case "&&", "and":
			x, y := r.condition(n.Left), r.condition(n.Right)
			if !x.whole || y.holds == nil {
				return condition{x.holds, false}
			}
			return condition{func() bool { return x.holds() && y.holds() }, y.whole}
		case "||", "or":
			if x, y := r.condition(n.Left), r.condition(n.Right); x.whole && y.whole {
				return condition{func() bool { return x.holds() || y.holds() }, true}
			}
		default:
			holds := r.comparison(n)
			return condition{holds, holds != nil}
		}
	case *ast.CallNode:
		if path, ok := argument(n, "has"); ok {
			return condition{func() bool { return r.payload.find(path) }, true}
		}
	}
	return condition{}
}

// comparison is nil for one that it does not know.
func (r *Rules) comparison(n *ast.BinaryNode) func() bool {
	if text := r.text(n.Left); text != nil {
		if n.Operator == "in" {
			return among(text, n.Right)
		}
		if to, ok := n.Right.(*ast.StringNode); ok {
			return compared(text, n.Operator, to.Value)
		}
	} else if number := r.number(n.Left); number != nil {
		switch to := n.Right.(type) {
		case *ast.IntegerNode:
			return compared(number, n.Operator, float64(to.Value))
		case *ast.FloatNode:
			return compared(number, n.Operator, to.Value)
		}
	}
	return nil
}

// text is a field or a str, number an integer field or a num; nil for everything else. A text holds until the next look
// into the payload.
func (r *Rules) text(n ast.Node) func() string {
	if field, ok := r.field(n).(*string); ok {
		return func() string { return *field }
	}
	if path, ok := argument(n, "str"); ok {
		return func() string { return view(r.payload.text(path)) }
	}
	return nil
}

func (r *Rules) number(n ast.Node) func() float64 {
	if field, ok := r.field(n).(*int); ok {
		return func() float64 { return float64(*field) } // attempt is at most 255
	}
	if path, ok := argument(n, "num"); ok {
		return func() float64 { return r.payload.number(path) }
	}
	return nil
}

// field points to the field of the environment that n names.
func (r *Rules) field(n ast.Node) any {
	name, ok := n.(*ast.IdentifierNode)
	if !ok {
		return nil
	}
	for f, v := range reflect.ValueOf(&r.env).Elem().Fields() {
		if f.Tag.Get("expr") == name.Value {
			return v.Addr().Interface()
		}
	}
	return nil
}

// argument is the literal that a function is called with.
func argument(n ast.Node, function string) (string, bool) {
	call, ok := n.(*ast.CallNode)
	if !ok || len(call.Arguments) != 1 {
		return "", false
	}
	name, ok := call.Callee.(*ast.IdentifierNode)
	if !ok || name.Value != function {
		return "", false
	}
	literal, ok := call.Arguments[0].(*ast.StringNode)
	if !ok {
		return "", false
	}
	return literal.Value, true
}

func compared[T cmp.Ordered](of func() T, operator string, to T) func() bool {
	switch operator {
	case "==":
		return func() bool { return of() == to }
	case "!=":
		return func() bool { return of() != to }
	case "<":
		return func() bool { return of() < to }
	case "<=":
		return func() bool { return of() <= to }
	case ">":
		return func() bool { return of() > to }
	case ">=":
		return func() bool { return of() >= to }
	}
	return nil
}

// among is a text in a list of literals.
func among(text func() string, list ast.Node) func() bool {
	array, ok := list.(*ast.ArrayNode)
	if !ok {
		return nil
	}
	var words []string // a few: a map would cost more
	for _, n := range array.Nodes {
		word, ok := n.(*ast.StringNode)
		if !ok {
			return nil
		}
		words = append(words, word.Value)
	}
	return func() bool { return slices.Contains(words, text()) }
}
