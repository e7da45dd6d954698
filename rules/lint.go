package rules

import (
	"fmt"
	"math"
	"reflect"
	"time"

	"github.com/expr-lang/expr/ast"

	"leadline"
	"leadline/rules/measure"
	"leadline/source"
)

// Lint finds what is well-formed and still not meant. Mistakes make a rule useless; notes may be intended.
func Lint(g *Group) (mistakes, notes source.Errors) {
	for _, r := range g.Rules {
		l := &linter{rule: r}
		l.levels()
		l.recovery()
		l.single()
		l.forgotten()
		mistakes, notes = append(mistakes, l.mistakes...), append(notes, l.notes...)
	}
	return mistakes.Sorted(), notes.Sorted()
}

// Pos is where the rule's name stands.
func (r *Rule) Pos() source.Pos { return r.pos }

type linter struct {
	rule            *Rule
	mistakes, notes source.Errors
}

// tree is the syntax of a condition; nil where it cannot be had, which Parse has reported.
func (r *Rule) tree(p *source.Program) ast.Node {
	tree, errs := p.Expr().Tree(reflect.Zero(r.env).Interface())
	if len(errs) > 0 {
		return nil
	}
	return tree
}

// levels finds conditions that never hold, that never are the first to hold, and that always do.
func (l *linter) levels() {
	within := l.rule.enough()
	for i, level := range l.rule.Levels {
		tree, at := l.rule.tree(level.When), level.When.Expr().Pos
		if tree == nil {
			return
		}
		switch {
		case !l.rule.enough().possible(tree, true):
			l.mistakes = append(l.mistakes, at.Error("the condition never holds", "a share is from 0 to 1, counts and times are not negative, min_samples must be reached: correct the threshold"))
		case within == nil || within.narrowed(tree, true) == nil || !within.possible(tree, true):
			l.mistakes = append(l.mistakes, at.Error(fmt.Sprintf("the level %s never counts: where it holds, one before it does", level.Severity), "the first level that holds counts: begin with the worst"))
		case !l.rule.extents().possible(tree, false):
			l.notes = append(l.notes, at.Error("the condition always holds", "it fires as long as there is data"))
		}
		if i < len(l.rule.Levels)-1 {
			within = within.narrowed(tree, false)
		}
	}
}

// recovery finds a recover_expr that never holds where no level does: what fires would fire for ever.
func (l *linter) recovery() {
	if l.rule.Recover == nil {
		return
	}
	within := l.rule.enough()
	for _, level := range l.rule.Levels {
		if tree := l.rule.tree(level.When); tree != nil {
			within = within.narrowed(tree, false)
		}
	}
	tree := l.rule.tree(l.rule.Recover)
	if within == nil || tree == nil {
		return
	}
	if n := within.narrowed(tree, true); n == nil || !within.possible(tree, true) {
		l.mistakes = append(l.mistakes, l.rule.Recover.Expr().Pos.Error("recover_expr never holds where no level does: the alert would never resolve", "it must be true for good values, such as p95 < 450 where levels begin at 500"))
	}
}

// single finds rules that one event can fire: one bad of one is 100 %, and one slow of one is the P95. A floor of 1 says
// that this is meant.
func (l *linter) single() {
	r := l.rule
	if len(r.minSamples) > 0 || r.Ask.Custom != nil {
		return
	}
	one := measure.Row{Labels: leadline.Labels{}, Values: make([]float64, len(r.Ask.Measures))}
	none := one
	none.Values = make([]float64, len(r.Ask.Measures))
	lasts := time.Duration(0) // how long the event is in a window that a condition looks at
	counted := ""
	for i := range r.Ask.Measures {
		m := &r.Ask.Measures[i]
		if m.Baseline != nil || !m.Source.Known() {
			return // compared with what is usual, or a verdict on one item
		}
		switch m.Kind {
		case measure.Count:
			one.Values[i], counted = 1, m.Name
		case measure.Ratio:
			one.Values[i], none.Values[i] = 1, math.NaN()
		case measure.Quantile:
			one.Values[i], none.Values[i] = float64(time.Hour/time.Millisecond), math.NaN()
		default:
			return
		}
		lasts = max(lasts, m.Window)
	}
	x := newExaminer(r)
	if x.examine(&one, nil, time.Time{}).Kind != ObsLevel || x.examine(&none, nil, time.Time{}).Kind == ObsLevel || r.Timing.For >= lasts {
		return
	}
	do := "add a count such as n: {count: event, window: 5m} and min_samples: {n: 100}; min_samples of 1 says that it is meant"
	if counted != "" {
		do = fmt.Sprintf("add min_samples, such as {%s: 100}; 1 says that it is meant", counted)
	}
	l.notes = append(l.notes, r.pos.Error(fmt.Sprintf("%s fires on a single event", r.Name), do))
}

// forgotten finds a `for` that outlasts the series that are expected: one that falls silent is no longer expected before
// it can fire.
func (l *linter) forgotten() {
	if r := l.rule; r.Ask.Expect > 0 && r.Timing.For >= r.Ask.Expect {
		what := fmt.Sprintf("for %s is not shorter than series are expected, %s: one that falls silent is forgotten before it fires", source.FormatDuration(r.Timing.For), source.FormatDuration(r.Ask.Expect))
		l.notes = append(l.notes, r.pos.Error(what, "expect series for longer"))
	}
}
