package foreign_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
	"github.com/expr-lang/expr"
	"go.yaml.in/yaml/v4"
	"pgregory.net/rapid"
)

// world is how many events there were in the window, by the where that counts them.
type world map[string]float64

// counters are expressions of PromQL and the where of the events that they count.
var counters = map[string]string{
	`leads_total`:              ``,
	`leads_failed_total`:       `worst != "ok"`,
	`leads_total{partner="a"}`: `partner == "a"`,
}

// TestMeaning: for any numbers of events, the imported condition says what the expression of PromQL says.
func TestMeaning(t *testing.T) {
	t.Parallel()
	compared := 0
	rapid.Check(t, func(t *rapid.T) {
		promql := condition(t, 2)
		r := one(t, promql)
		if r.YAML == nil {
			t.Fatalf("%s is refused: %s", promql, told(r))
		}
		all := rapid.Float64Range(10, 1000).Draw(t, "all")
		failed, acme := all*rapid.Float64Range(0.01, 0.99).Draw(t, "failed"), all*rapid.Float64Range(0.01, 0.99).Draw(t, "acme")
		w := world{``: all, `worst != "ok"`: failed, `worst == "ok"`: all - failed, `partner == "a"`: acme, `partner != "a"`: all - acme}
		tree, err := metricsql.Parse(promql)
		if err != nil {
			t.Fatal(err)
		}
		want := w.truth(tree)
		if math.IsNaN(want) {
			return // too near to the threshold for floats
		}
		if got := w.imported(t, r.YAML); got != (want != 0) {
			t.Fatalf("%s\nis %v, imported it is %v with %v\n%s", promql, want != 0, got, w, r.YAML)
		}
		compared++
	})
	if compared < 50 {
		t.Errorf("only %d conditions were compared", compared)
	}
}

// condition draws a condition of PromQL.
func condition(t *rapid.T, depth int) string {
	if depth > 0 && rapid.Bool().Draw(t, "joined") {
		op := rapid.SampledFrom([]string{"and", "or", "unless"}).Draw(t, "op")
		return fmt.Sprintf("(%s) %s (%s)", condition(t, depth-1), op, condition(t, depth-1))
	}
	op := rapid.SampledFrom([]string{"<", "<=", ">", ">="}).Draw(t, "comparison")
	sides := []string{number(t, 2), fmt.Sprint(rapid.Float64Range(-2, 400).Draw(t, "threshold"))}
	if rapid.IntRange(0, 3).Draw(t, "both") == 0 {
		sides[1] = number(t, 1)
	}
	if rapid.Bool().Draw(t, "turned") {
		sides[0], sides[1] = sides[1], sides[0]
	}
	return sides[0] + " " + op + " " + sides[1]
}

// number draws a number of PromQL: counts, their sums, ratios and multiples.
func number(t *rapid.T, depth int) string {
	names := rapid.Permutation([]string{`leads_total`, `leads_failed_total`, `leads_total{partner="a"}`}).Draw(t, "counters")
	counter := func(i int) string {
		return fmt.Sprintf("sum(%s(%s[5m]))", rapid.SampledFrom([]string{"rate", "increase"}).Draw(t, "function"), names[i])
	}
	factor := fmt.Sprint(rapid.Float64Range(0.5, 100).Draw(t, "factor"))
	if depth == 0 {
		return counter(0)
	}
	switch rapid.IntRange(0, 7).Draw(t, "form") {
	case 0:
		return "(" + number(t, depth-1) + " * " + factor + ")"
	case 1:
		return "(" + factor + " * " + number(t, depth-1) + ")"
	case 2:
		return "(" + number(t, depth-1) + " / " + factor + ")"
	case 3:
		return "(" + factor + " - " + number(t, depth-1) + ")"
	case 4:
		return "(" + counter(0) + " + " + counter(1) + ")"
	case 5:
		return "(" + counter(0) + " / " + counter(1) + ")"
	case 6:
		return "((" + counter(0) + " - " + counter(1) + ") / " + counter(rapid.IntRange(0, 2).Draw(t, "by")) + ")"
	default:
		return "(1 - " + counter(0) + " / " + counter(1) + ")"
	}
}

// truth is 1 or 0, NaN where floats may differ from what is right.
func (w world) truth(e metricsql.Expr) float64 {
	b := e.(*metricsql.BinaryOpExpr)
	yes := func(x bool) float64 {
		if x {
			return 1
		}
		return 0
	}
	switch b.Op {
	case "and":
		return w.truth(b.Left) * w.truth(b.Right)
	case "or":
		return max(w.truth(b.Left), w.truth(b.Right))
	case "unless":
		return w.truth(b.Left) * (1 - w.truth(b.Right))
	}
	l, r := w.value(b.Left), w.value(b.Right)
	if math.Abs(l-r) < 1e-6*max(1, math.Abs(l), math.Abs(r)) {
		return math.NaN()
	}
	return yes(strings.HasPrefix(b.Op, "<") == (l < r))
}

func (w world) value(e metricsql.Expr) float64 {
	switch e := e.(type) {
	case *metricsql.NumberExpr:
		return e.N
	case *metricsql.AggrFuncExpr:
		return w.value(e.Args[0])
	case *metricsql.FuncExpr:
		n := w[counters[string(e.Args[0].(*metricsql.RollupExpr).Expr.AppendString(nil))]]
		if e.Name == "rate" {
			n /= 300
		}
		return n
	case *metricsql.BinaryOpExpr:
		l, r := w.value(e.Left), w.value(e.Right)
		switch e.Op {
		case "+":
			return l + r
		case "-":
			return l - r
		case "*":
			return l * r
		default:
			return l / r
		}
	}
	panic(fmt.Sprintf("%T", e))
}

// imported evaluates the imported condition.
func (w world) imported(t *rapid.T, text []byte) bool {
	type count struct{ Where string }
	var doc struct {
		Spec struct {
			Rules []struct {
				Expr    string
				Measure map[string]struct {
					Count, Where string
					Ratio        struct{ Num, Den count }
				}
			}
		}
	}
	if err := yaml.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	has := func(where string) float64 {
		n, ok := w[where]
		if !ok {
			t.Fatalf("nobody said how many have %s", where)
		}
		return n
	}
	env := map[string]any{}
	rule := doc.Spec.Rules[0]
	for name, m := range rule.Measure {
		if m.Count != "" {
			env[name] = has(m.Where)
		} else {
			env[name] = has(m.Ratio.Num.Where) / has(m.Ratio.Den.Where)
		}
	}
	got, err := expr.Eval(rule.Expr, env)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return got.(bool)
}
