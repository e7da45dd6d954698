package source

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"go.yaml.in/yaml/v4"
)

// The guards of an expression. Without closures its cost is linear in its size, and expr's parser recurses: a million
// brackets overflow the stack.
const (
	maxExprBytes = 4096
	maxExprDepth = 64
	maxExprNodes = 200
)

// builtins are the functions of expr-lang that every expression may call: pure, and linear in their arguments.
var builtins = []string{"abs", "duration", "len", "max", "min", "round"}

// Expr is an expr-lang expression that knows where each of its characters stands. At takes a node's Location().From.
type Expr struct{ Passage }

func (e *Expr) decode(d *decoder, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || isNull(n) || strings.TrimSpace(n.Value) == "" {
		d.mismatch(n, "an expression such as p95 > 600")
		return
	}
	e.Passage.decode(d, n)
}

// Want is the type that an expression must have.
type Want reflect.Kind

// What an expression can be.
const (
	Bool   = Want(reflect.Bool)
	Float  = Want(reflect.Float64)
	String = Want(reflect.String)
)

// Func is a function that an expression may call beside the built-in ones. Type is a pointer to its signature, such as
// new(func(string) bool).
type Func struct {
	Name string
	Call func(args ...any) (any, error)
	Type any
}

// Compile checks the expression against env, a struct of plain data whose fields carry the tag `expr:"name"`, and runs
// it once with all fields empty and once with all filled, so that what can only fail at run time fails here.
func (e Expr) Compile(env any, want Want, funcs ...Func) (p *Program, errs Errors) {
	defer e.recover(&errs)
	tree, errs := e.Tree(env, funcs...)
	if len(errs) > 0 {
		return nil, errs
	}
	opts := append(options(env, funcs), expr.AsKind(reflect.Kind(want)), expr.WarnOnAny())
	code, err := expr.Compile(e.Text, opts...)
	if err != nil {
		return nil, Errors{e.explain(err)}
	}
	p = &Program{expr: e, code: code, names: identifiers(tree)}
	if want == Bool {
		if p.divided, err = e.divided(opts); err != nil {
			return nil, Errors{e.explain(err)}
		}
	}
	if errs = p.try(env); len(errs) > 0 {
		return nil, errs
	}
	return p, nil
}

// Tree is the expression's type-checked syntax tree, for those who translate it instead of running it.
func (e Expr) Tree(env any, funcs ...Func) (tree ast.Node, errs Errors) {
	defer e.recover(&errs)
	checkEnv(reflect.TypeOf(env))
	if errs = e.guard(); len(errs) > 0 {
		return nil, errs
	}
	config := conf.CreateNew()
	for _, o := range options(env, funcs) {
		o(config)
	}
	for name := range config.Disabled {
		delete(config.Builtins, name)
	}
	config.Check()
	parsed, err := parser.ParseWithConfig(e.Text, config)
	if err != nil {
		return nil, Errors{e.explain(err)}
	}
	if errs = e.names(parsed.Node, reflect.TypeOf(env), funcs); len(errs) > 0 {
		return nil, errs
	}
	if _, err := checker.Check(parsed, config); err != nil {
		return nil, Errors{e.explain(err)}
	}
	return parsed.Node, nil
}

func options(env any, funcs []Func) []expr.Option {
	opts := []expr.Option{expr.Env(env), expr.MaxNodes(maxExprNodes), expr.DisableAllBuiltins()}
	for _, b := range builtins {
		opts = append(opts, expr.EnableBuiltin(b))
	}
	for _, f := range funcs {
		opts = append(opts, expr.Function(f.Name, f.Call, f.Type))
	}
	return opts
}

// guard looks at size and depth before anything parses the text. Brackets inside quotes count too: that errs on the
// safe side and needs no lexer.
func (e Expr) guard() Errors {
	if len(e.Text) > maxExprBytes {
		return Errors{e.Pos.Error(fmt.Sprintf("the expression has %d bytes", len(e.Text)), fmt.Sprintf("keep it within %d", maxExprBytes))}
	}
	depth, offset := 0, 0
	for _, r := range e.Text {
		switch r {
		case '(', '[', '{':
			if depth++; depth > maxExprDepth {
				return Errors{e.At(offset).Error(fmt.Sprintf("brackets are nested deeper than %d", maxExprDepth), "simplify the expression")}
			}
		case ')', ']', '}':
			depth = max(0, depth-1)
		}
		offset++
	}
	return nil
}

// recover turns a panic of the library into an error: the text is the user's, the process is ours.
func (e Expr) recover(errs *Errors) {
	r := recover()
	if r == nil {
		return
	}
	if s, ok := r.(string); ok && strings.HasPrefix(s, "BUG:") {
		panic(r)
	}
	*errs = Errors{e.Pos.Error(fmt.Sprintf("the expression cannot be compiled: %v", r), "write it in another way")}
}

// explain turns an error of expr-lang into one at its place in the file.
func (e Expr) explain(err error) *Error {
	fe, ok := errors.AsType[*file.Error](err)
	if !ok {
		what, _, _ := strings.Cut(err.Error(), "\n")
		return e.At(0).Error(what, hint(what))
	}
	what := strings.TrimSuffix(fe.Message, ".")
	return e.At(e.offset(fe)).Error(what, hint(what))
}

// offset counts the characters before the line and column of an error.
func (e Expr) offset(fe *file.Error) int {
	lines := strings.SplitAfter(e.Text, "\n")
	n := fe.Column
	for _, l := range lines[:min(max(fe.Line-1, 0), len(lines))] {
		n += len([]rune(l))
	}
	return min(n, len(e.places)-1)
}

func hint(what string) string {
	for _, h := range [][2]string{
		{"expected bool", "make it a condition, such as p95 > 600"},
		{"expected float64", "make it a number"},
		{"expected string", "make it a text"},
		{"mismatched types", "compare values of one type"},
		{"exceeds maximum allowed nodes", fmt.Sprintf("keep it within %d operators and values", maxExprNodes)},
		{"unexpected token EOF", "finish the expression"},
		{"unexpected token", "check what stands before it"},
		{"bad number syntax", `write numbers without units, durations as duration("5m")`},
		{"invalid duration", `write it like duration("5m")`},
	} {
		if strings.Contains(what, h[0]) {
			return h[1]
		}
	}
	return ""
}

// known are the names that an expression may use.
func known(env reflect.Type, funcs []Func) []string {
	out := fieldNames(env)
	for _, f := range funcs {
		out = append(out, f.Name)
	}
	out = append(out, builtins...)
	slices.Sort(out)
	return out
}
