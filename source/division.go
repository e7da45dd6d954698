package source

import (
	"math"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"
)

// divider puts a value in the place of every division by 0. In expr-lang as in Go such a one is ±Inf or NaN, and what
// compares with it is true or false without an error.
type divider struct {
	instead float64
	found   bool
}

// Visit implements ast.Visitor. What it has replaced is not visited again: ast.Walk goes from the leaves up.
func (d *divider) Visit(node *ast.Node) {
	n, ok := (*node).(*ast.BinaryNode)
	if !ok || n.Operator != "/" || nonZero(n.Right) {
		return
	}
	d.found = true
	ast.Patch(node, &ast.ConditionalNode{
		Cond: &ast.BinaryNode{Operator: "==", Left: n.Right, Right: &ast.IntegerNode{Value: 0}},
		Exp1: &ast.FloatNode{Value: d.instead},
		Exp2: &ast.BinaryNode{Operator: "/", Left: n.Left, Right: n.Right},
	})
}

func nonZero(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.IntegerNode:
		return n.Value != 0
	case *ast.FloatNode:
		return n.Value != 0
	}
	return false
}

// divided compiles an expression twice, with −Inf and with +Inf in the place of every division by 0; nil where it
// divides by constants only.
func (e Expr) divided(opts []expr.Option) (codes []*vm.Program, err error) {
	for _, instead := range []float64{math.Inf(-1), math.Inf(1)} {
		d := &divider{instead: instead}
		code, err := expr.Compile(e.Text, append(opts, expr.Patch(d))...)
		if err != nil {
			return nil, err
		}
		if !d.found {
			return nil, nil
		}
		codes = append(codes, code)
	}
	return codes, nil
}

// Decide is Bool, and whether the answer stands whatever is taken for a division by 0.
func (p *Program) Decide(env any) (yes, certain bool, err error) {
	if p.divided == nil {
		yes, err = p.Bool(env)
		return yes, true, err
	}
	low, err := runCode[bool](p, p.divided[0], env)
	if err != nil {
		return false, false, err
	}
	high, err := runCode[bool](p, p.divided[1], env)
	return low, low == high, err
}
