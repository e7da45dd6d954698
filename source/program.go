package source

import (
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/vm"
)

// Program is a compiled expression. It may run in several goroutines at once.
type Program struct {
	expr  Expr
	code  *vm.Program
	names []string

	divided []*vm.Program // see Decide
}

// Expr is what was compiled.
func (p *Program) Expr() Expr { return p.expr }

// Uses reports whether the expression names a field of its environment.
func (p *Program) Uses(name string) bool { return slices.Contains(p.names, name) }

// Bool runs a program that was compiled with Bool. env is of the type that it was compiled for, or a pointer to it.
// NaN compares false with everything: check the operands before.
func (p *Program) Bool(env any) (bool, error) { return run[bool](p, env) }

// Float runs a program that was compiled with Float.
func (p *Program) Float(env any) (float64, error) { return run[float64](p, env) }

// Text runs a program that was compiled with String.
func (p *Program) Text(env any) (string, error) { return run[string](p, env) }

// machines are used again: a new one for every run costs as much as a small condition itself.
var machines = sync.Pool{New: func() any { return new(vm.VM) }}

func run[T any](p *Program, env any) (T, error) { return runCode[T](p, p.code, env) }

func runCode[T any](p *Program, code *vm.Program, env any) (T, error) {
	m := machines.Get().(*vm.VM)
	v, err := m.Run(code, env)
	machines.Put(m)
	out, ok := v.(T)
	switch {
	case err != nil:
		return out, p.expr.explain(err)
	case !ok:
		return out, p.expr.At(0).Error(fmt.Sprintf("the result is a %T", v), fmt.Sprintf("make it a %T", out))
	}
	return out, nil
}

// try runs the program on an empty and on a filled environment.
func (p *Program) try(env any) Errors {
	filled := reflect.New(reflect.TypeOf(env)).Elem()
	fill(filled)
	for _, e := range []struct {
		what  string
		value reflect.Value
	}{
		{"where every value is empty or 0", reflect.Zero(filled.Type())},
		{"on ordinary values", filled},
	} {
		if _, err := expr.Run(p.code, e.value.Interface()); err != nil {
			x := p.expr.explain(err)
			x.What = "fails " + e.what + ": " + x.What
			return Errors{x}
		}
	}
	return nil
}

// fill sets everything inside v to something: numbers to 1, texts to "x", one element in lists and maps.
func fill(v reflect.Value) {
	switch {
	case v.Kind() == reflect.Bool:
		v.SetBool(true)
	case v.Kind() == reflect.String:
		v.SetString("x")
	case v.CanInt():
		v.SetInt(1)
	case v.CanUint():
		v.SetUint(1)
	case v.CanFloat():
		v.SetFloat(1)
	case v.Kind() == reflect.Struct:
		for _, f := range v.Fields() {
			fill(f)
		}
	case v.Kind() == reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		fill(v.Index(0))
	case v.Kind() == reflect.Map:
		e := reflect.New(v.Type().Elem()).Elem()
		fill(e)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf("x").Convert(v.Type().Key()), e)
	}
}
