package rules

import (
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"leadline/source"
)

// TestLint: what is well-formed and cannot be meant. Each line is `kind: place: what`.
func TestLint(t *testing.T) {
	t.Parallel()
	f := func(rule string, want ...string) {
		t.Helper()
		g := one(t, `  rules:
    - alert: A
      measure:
        p95: {quantile: 0.95, of: event.e2e_ms, window: 5m}
        n: {count: event, window: 5m}
        bad: {count: event, where: 'worst != "ok"', window: 10m}
        share: {ratio: {num: {count: event, where: 'worst != "ok"'}, den: {count: event}}, window: 5m}
        mixed: {ratio: {num: {count: event}, den: {count: event, where: 'worst == "ok"'}}, window: 5m}
        inner: {ratio: {num: {count: event, where: 'worst == "ok" and e2e_ms > 5'}, den: {count: event, where: 'worst == "ok"'}}, window: 5m}
      annotations: {s: '{{ .Values.p95 }} {{ .Values.n }} {{ .Values.bad }} {{ .Values.share }} {{ .Values.mixed }} {{ .Values.inner }}'}
      labels: {team: x}
`+rule)
		mistakes, notes := Lint(g)
		var got []string
		for _, e := range mistakes {
			got = append(got, "mistake "+e.What)
		}
		for _, e := range notes {
			got = append(got, "note "+e.What)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%s\ngot  %q\nwant %q", rule, got, want)
		}
	}
	expr := func(e string) string {
		return "      min_samples: {n: 100}\n      levels: [{severity: ticket, expr: '" + e + "'}]\n"
	}
	const never, always = "mistake the condition never holds", "note the condition always holds"
	f(expr("p95 > 600"))
	f(expr("share > 1"), never)
	f(expr("share >= 1"))
	f(expr("share * 100 > 120"), never)
	f(expr("1.1 < share"), never)
	f(expr("mixed > 1"))
	f(expr("inner > 1"), never)
	f(expr("p95 < 0"), never)
	f(expr("p95 < -n"), never)
	f(expr("n < 100"), never) // min_samples
	f(expr("n <= 100"))
	f(expr("p95 > 600 and p95 < 500"), never)
	f(expr("p95 > 600 and not (p95 > 500)"), never)
	f(expr("p95 > 600 and n == 5"), never)
	f(expr("p95 == 600 and p95 != 500"))
	f(expr("p95 > 600 or p95 < 0"))
	f(expr("not (share <= 1)"), never)
	f(expr("bad / n > 0.02"))
	f(expr("bad / n < 0"), never)
	f(expr("bad - n < 0"))
	f(expr("abs(bad - n) < 0"), never)
	f(expr("max(share, 2) > 1"))
	f(expr(`labels.team == "y" and n > 5`))
	f(expr("p95 >= 0"), always)
	f(expr("n >= 100"))
	f(expr("false"), never)
	f(expr("true"), always)

	levels := func(text string) string { return "      min_samples: {n: 100}\n" + text }
	f(levels("      levels: [{severity: page, expr: p95 > 600}, {severity: ticket, expr: p95 > 500}]\n      recover_expr: p95 < 450\n"))
	f(levels("      levels: [{severity: ticket, expr: p95 > 500}, {severity: page, expr: p95 > 600}]\n"), "mistake the level page never counts: where it holds, one before it does")
	f(levels("      levels: [{severity: ticket, expr: p95 > 500}, {severity: page, expr: p95 > 600 or share > 0.5}]\n"))
	f(levels("      levels: [{severity: ticket, expr: p95 > 500}]\n      recover_expr: p95 > 600\n"), "mistake recover_expr never holds where no level does: the alert would never resolve")
	f(levels("      levels: [{severity: ticket, expr: p95 > 500}]\n      recover_expr: p95 < 0\n"), "mistake recover_expr never holds where no level does: the alert would never resolve")
	f(levels("      levels: [{severity: ticket, expr: p95 > 500}]\n      recover_expr: p95 < 600\n"))

	const single = "note A fires on a single event"
	bare := func(e, more string) string {
		return "      levels: [{severity: ticket, expr: '" + e + "'}]\n" + more
	}
	f(bare("share > 0.05", ""), single)
	f(bare("p95 > 600", ""), single)
	f(bare("bad / n > 0.02", ""), single)
	f(bare("bad > 0", ""), single)
	f(bare("bad > 1", ""))
	f(bare("n < 10", "")) // none does so too
	f(bare("share > 0.05 and n > 100", ""))
	f(bare("share > 0.05", "      for: 9m\n"), single)
	f(bare("share > 0.05", "      for: 10m\n")) // the event has left the window
	f(bare("bad > 0", "      min_samples: {bad: 1}\n"))
}

// TestLintForgotten: what falls silent has to be expected until it has fired.
func TestLintForgotten(t *testing.T) {
	t.Parallel()
	f := func(hold string, want int) {
		t.Helper()
		g := one(t, "  rules:\n    - alert: A\n      measure: {n: {count: event, window: 1h}}\n      by: [partner]\n      series: {expect: seen_within(1d)}\n"+
			"      expr: n == 0\n      for: "+hold+"\n      labels: {severity: ticket}\n")
		if mistakes, notes := Lint(g); len(mistakes) != 0 || len(notes) != want {
			t.Errorf("for %s: %v, %v, want %d notes", hold, mistakes, notes, want)
		}
	}
	f("23h", 0)
	f("1d", 1)
	f("2d", 1)
}

// TestPossibleIsNeverWrong: what a condition says of some values is what arithmetic on extents calls possible.
func TestPossibleIsNeverWrong(t *testing.T) {
	t.Parallel()
	g := one(t, `  rules:
    - alert: A
      measure:
        p95: {quantile: 0.95, of: event.e2e_ms, window: 5m}
        n: {count: event, window: 5m}
        share: {ratio: {num: {count: event, where: 'worst != "ok"'}, den: {count: event}}, window: 5m}
      expr: p95 > 1 and n > 1 and share > 1
      labels: {severity: ticket}
`)
	r := g.Rules[0]
	numbers := []string{"0", "1", "0.5", "2", "100", "-1", "p95", "n", "share"}
	var number, condition func(t *rapid.T, deep int) string
	number = func(t *rapid.T, deep int) string {
		if deep == 0 || rapid.Bool().Draw(t, "plain") {
			return rapid.SampledFrom(numbers).Draw(t, "number")
		}
		op := rapid.SampledFrom([]string{"+", "-", "*", "/"}).Draw(t, "operator")
		return "(" + number(t, deep-1) + " " + op + " " + number(t, deep-1) + ")"
	}
	condition = func(t *rapid.T, deep int) string {
		switch n := rapid.IntRange(0, 5).Draw(t, "shape"); {
		case deep == 0 || n > 2:
			op := rapid.SampledFrom([]string{"<", "<=", ">", ">=", "==", "!="}).Draw(t, "comparison")
			return number(t, 2) + " " + op + " " + number(t, 2)
		case n == 0:
			return "not (" + condition(t, deep-1) + ")"
		case n == 1:
			return "(" + condition(t, deep-1) + ") and (" + condition(t, deep-1) + ")"
		default:
			return "(" + condition(t, deep-1) + ") or (" + condition(t, deep-1) + ")"
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := condition(t, 3)
		p, errs := source.Expr{Passage: source.Passage{Text: text}}.Compile(reflect.Zero(r.env).Interface(), source.Bool)
		if len(errs) > 0 {
			return // such as a constant division by 0
		}
		x := newExaminer(r)
		values := rapid.SampledFrom([]float64{0, 0.25, 0.5, 1, 1.5, 2, 50, 100, 1e6})
		x.fill(nil, []float64{values.Draw(t, "p95"), values.Draw(t, "n"), min(1, values.Draw(t, "share"))})
		got, err := p.Bool(x.env)
		if err != nil {
			return
		}
		tree, within := r.tree(p), r.extents()
		if !within.possible(tree, got) {
			t.Fatalf("%s is %v, which was called impossible", text, got)
		}
		if n := within.narrowed(tree, got); n == nil || !n.possible(tree, got) {
			t.Fatalf("%s is %v, which was called impossible within %v", text, got, n)
		}
	})
}
