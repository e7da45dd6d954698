package measure

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"

	"leadline/source"
)

// Predicate is a compiled `where`. Its zero value takes every row.
type Predicate struct {
	tree   ast.Node // type-checked; nil takes every row
	cut    cut      // the same for the rollup
	events string   // why only the events themselves can answer it; "" where the rollup can
}

// String is the condition as it is written, "" where every row is taken.
func (p Predicate) String() string {
	if p.tree == nil {
		return ""
	}
	return p.tree.String()
}

// Where compiles a `where`: it becomes SQL, or a cut of the rollup.
func Where(e source.Expr, from Source) (Predicate, source.Errors) {
	if e.IsZero() {
		return Predicate{}, nil
	}
	v := views[from]
	tree, errs := e.Tree(reflect.Zero(v.env).Interface())
	if len(errs) > 0 {
		return Predicate{}, errs
	}
	t := &translator{expr: e, view: v, params: params{}}
	t.condition(tree)
	if len(t.errs) > 0 {
		return Predicate{}, t.errs
	}
	p := Predicate{tree: tree}
	p.cut, p.events = makeCut(tree, v)
	return p, nil
}

// sql is the predicate as SQL, "" where it takes every row. Every literal becomes a server-side parameter; the only words
// that reach the SQL are field names of the source and the operators below.
func (p Predicate) sql(from Source, into params) string {
	if p.tree == nil {
		return ""
	}
	t := &translator{view: views[from], params: into}
	return t.condition(p.tree)
}

// params are the server-side parameters of a query.
type params map[string]any

// add names a value; the same value has one name.
func (p params) add(value any) string {
	for name, v := range p {
		if v == value {
			return name
		}
	}
	name := "p" + strconv.Itoa(len(p))
	p[name] = value
	return name
}

type translator struct {
	expr   source.Expr
	view   view
	params params
	errs   source.Errors
}

func (t *translator) fail(n ast.Node, what, do string) string {
	t.errs = append(t.errs, t.expr.At(n.Location().From).Error(what, do))
	return ""
}

var comparisons = map[string]string{"==": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

// condition translates what is true or false.
func (t *translator) condition(n ast.Node) string {
	switch n := n.(type) {
	case *ast.UnaryNode:
		if n.Operator == "not" || n.Operator == "!" {
			return "NOT (" + t.condition(n.Node) + ")"
		}
	case *ast.BinaryNode:
		switch op := n.Operator; op {
		case "and", "&&":
			return "(" + t.condition(n.Left) + " AND " + t.condition(n.Right) + ")"
		case "or", "||":
			return "(" + t.condition(n.Left) + " OR " + t.condition(n.Right) + ")"
		case "in":
			return t.oneOf(n)
		default:
			if sql, ok := comparisons[op]; ok {
				return t.operand(n.Left) + " " + sql + " " + t.operand(n.Right)
			}
		}
	}
	return t.fail(n, fmt.Sprintf("%s cannot be asked of ClickHouse", n), "use fields, literals, ==, !=, <, <=, >, >=, in, and, or, not")
}

// operand translates a field or a literal.
func (t *translator) operand(n ast.Node) string {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		if t.view.has(n.Value) {
			return n.Value
		}
	case *ast.StringNode:
		return t.param(n.Value, "String")
	default:
		if f, ok := number(n); ok {
			return t.param(f, "Float64")
		}
	}
	return t.fail(n, fmt.Sprintf("%s is neither a field nor a literal", n), "compare a field with a text or a number")
}

// oneOf translates `field in [literals]`.
func (t *translator) oneOf(n *ast.BinaryNode) string {
	list, ok := n.Right.(*ast.ArrayNode)
	if !ok || len(list.Nodes) == 0 {
		return t.fail(n.Right, "in needs a list of literals", "write it like stage in ['write', 'spool']")
	}
	var alternatives []string
	left := t.operand(n.Left)
	for _, e := range list.Nodes {
		if e.Type() != n.Left.Type() && (e.Type().Kind() == reflect.String || n.Left.Type().Kind() == reflect.String) {
			t.fail(e, fmt.Sprintf("%s has another type than %s", e, n.Left), "list values of its type")
			continue
		}
		alternatives = append(alternatives, left+" = "+t.operand(e))
	}
	return "(" + strings.Join(alternatives, " OR ") + ")"
}

func (t *translator) param(value any, sqlType string) string {
	return "{" + t.params.add(value) + ":" + sqlType + "}"
}

// number is the value of a numeric literal, its sign included.
func number(n ast.Node) (float64, bool) {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return float64(n.Value), true
	case *ast.FloatNode:
		return n.Value, true
	case *ast.UnaryNode:
		if f, ok := number(n.Node); ok && n.Operator == "-" {
			return -f, true
		}
	}
	return 0, false
}

// Within reports whether all rows of p are rows of q, as far as the text tells: q takes every row, or is a part of p.
func (p Predicate) Within(q Predicate) bool {
	return q.tree == nil || slices.Contains(conjuncts(p.tree), q.tree.String())
}

// conjuncts are a condition's parts that are joined by and, and itself.
func conjuncts(n ast.Node) []string {
	if n == nil {
		return nil
	}
	out := []string{n.String()}
	if b, ok := n.(*ast.BinaryNode); ok && (b.Operator == "and" || b.Operator == "&&") {
		out = slices.Concat(out, conjuncts(b.Left), conjuncts(b.Right))
	}
	return out
}
