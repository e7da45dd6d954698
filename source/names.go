package source

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/expr-lang/expr/ast"
)

// names reports every unknown name and everything that has no place in a condition.
func (e Expr) names(root ast.Node, env reflect.Type, funcs []Func) Errors {
	v := &nameChecker{expr: e, env: env, known: known(env, funcs)}
	ast.Walk(&root, v)
	return v.errs
}

type nameChecker struct {
	expr  Expr
	env   reflect.Type
	known []string
	errs  Errors
}

func (v *nameChecker) fail(n ast.Node, what, do string) {
	v.errs = append(v.errs, v.expr.At(n.Location().From).Error(what, do))
}

// Visit is called for every node, children first.
func (v *nameChecker) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.IdentifierNode:
		if !slices.Contains(v.known, n.Value) {
			v.fail(n, "unknown name "+n.Value, Suggest(n.Value, v.known))
		}
	case *ast.MemberNode:
		v.member(n)
	case *ast.BinaryNode:
		if n.Operator == ".." {
			v.fail(n, "ranges are not allowed", "compare with >= and <=")
		}
	case *ast.VariableDeclaratorNode, *ast.SequenceNode:
		v.fail(n, "variables and sequences are not allowed", "write one condition")
	case *ast.PredicateNode, *ast.PointerNode:
		v.fail(n, "closures are not allowed", "write one condition")
	case *ast.MapNode, *ast.BytesNode, *ast.SliceNode:
		v.fail(n, "maps, bytes and slices are not allowed", "compare single values")
	}
}

// member checks the field of a struct in the environment.
func (v *nameChecker) member(n *ast.MemberNode) {
	name, ok := n.Property.(*ast.StringNode)
	t := v.typeOf(n.Node)
	if !ok || t == nil || t.Kind() != reflect.Struct {
		return
	}
	if fields := fieldNames(t); !slices.Contains(fields, name.Value) {
		v.fail(n.Property, "unknown field "+name.Value, Suggest(name.Value, fields))
	}
}

// typeOf is the type of a name or of a field of a name, nil for everything else.
func (v *nameChecker) typeOf(n ast.Node) reflect.Type {
	switch n := n.(type) {
	case *ast.IdentifierNode:
		return fieldType(v.env, n.Value)
	case *ast.MemberNode:
		if name, ok := n.Property.(*ast.StringNode); ok {
			return fieldType(v.typeOf(n.Node), name.Value)
		}
	}
	return nil
}

// identifiers are the names that a tree mentions.
func identifiers(root ast.Node) []string {
	var c identifierCollector
	ast.Walk(&root, &c)
	return c
}

type identifierCollector []string

// Visit is called for every node.
func (c *identifierCollector) Visit(node *ast.Node) {
	if n, ok := (*node).(*ast.IdentifierNode); ok {
		*c = append(*c, n.Value)
	}
}

// fieldNames are the names of a struct's fields in expressions.
func fieldNames(t reflect.Type) []string {
	var out []string
	for f := range t.Fields() {
		if name := f.Tag.Get("expr"); name != "" {
			out = append(out, name)
		}
	}
	return out
}

func fieldType(t reflect.Type, name string) reflect.Type {
	if t == nil || t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		if f.Tag.Get("expr") == name {
			return f.Type
		}
	}
	return nil
}

// checkEnv panics unless t is a struct of plain data: a nil pointer, an interface and a method are the things that
// would let an expression fail or act at run time.
func checkEnv(t reflect.Type) {
	if t == nil || t.Kind() != reflect.Struct {
		panic(fmt.Sprintf("BUG: environment %v is no struct", t))
	}
	if t.NumMethod() > 0 || reflect.PointerTo(t).NumMethod() > 0 {
		panic(fmt.Sprintf("BUG: environment %v has methods, expressions could call them", t))
	}
	for f := range t.Fields() {
		if f.Tag.Get("expr") == "" {
			panic(fmt.Sprintf("BUG: %v.%s has no expr tag", t, f.Name))
		}
		if !plain(f.Type) {
			panic(fmt.Sprintf("BUG: %v.%s is a %v, not plain data", t, f.Name, f.Type))
		}
	}
}

func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.String, reflect.Int, reflect.Int64, reflect.Uint8, reflect.Uint64, reflect.Float64:
		return true
	case reflect.Slice:
		return plain(t.Elem())
	case reflect.Map:
		return t.Key().Kind() == reflect.String && plain(t.Elem())
	case reflect.Struct:
		checkEnv(t)
		return true
	default:
		return false
	}
}
