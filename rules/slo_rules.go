package rules

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadline/rules/budget"
	"leadline/source"
)

// rules are the rules of the objective, as if they had been written.
func (s *slo) rules() []ruleSpec {
	out := []ruleSpec{s.burns()}
	if s.sli.field != "" && s.objective.Target <= quantileUpTo {
		out = append(out, s.quantileHigh())
	}
	if s.spec.Alerting.Absent.Value {
		out = append(out, s.absent())
	}
	return out
}

// quantileUpTo is the target up to which the quantile itself is watched: 14.4 times the twentieth that may be slow at
// 95 % is three quarters of all events.
const quantileUpTo budget.Target = 990_000

// burns is the rule that looks at the pairs.
func (s *slo) burns() ruleSpec {
	o, at := &s.objective, s.spec.Objective.Pos
	r := s.rule("")
	r.objective = o
	for _, w := range o.Windows() {
		s.counters(&r, w)
	}
	for _, w := range o.Ages() {
		if !slices.Contains(o.Windows(), w) {
			s.add(&r, budget.TotalOver(w), s.counting(s.sli.total, w, false))
		}
	}
	s.add(&r, budget.TotalPeriod, s.counting(s.sli.total, o.Period.Longest(), o.Period.Kind == budget.Calendar))
	s.add(&r, budget.BadPeriod, s.counting(s.sli.bad, o.Period.Longest(), o.Period.Kind == budget.Calendar))
	if o.Period.Kind == budget.Calendar {
		s.add(&r, budget.TotalUsual, s.counting(s.sli.total, o.Period.Length, false))
	}
	for _, severity := range []string{SeverityPage, SeverityTicket} {
		if when := s.fires(severity); when != "" {
			own := s.alert(severity)
			r.Levels = append(r.Levels, levelSpec{
				Severity: source.At[string]{Value: severity, Pos: at}, Expr: expression(when, at), labels: own.Labels, annotations: own.Annotations,
			})
		}
	}
	r.RecoverExpr = expression(s.recovered(), at)
	r.KeepFiringFor = source.Duration{Value: s.quiet()}
	s.annotate(&r, "summary", "{{ .Budget }}")
	s.annotate(&r, "budget", "{{ .Budget }}")
	s.annotate(&r, "objective", s.promise())
	return r
}

// quiet is how long a burn must be over before it resolves: as long as its shortest window looks back.
func (s *slo) quiet() time.Duration {
	shortest := s.objective.Windows()[0]
	interval := s.compiler.spec.Interval.Value
	return max(shortest/interval, 1) * interval
}

// quantileHigh is a ticket when the quantile that the objective is about is above the threshold for five minutes.
func (s *slo) quantileHigh() ruleSpec {
	l, target := s.spec.SLI.Latency, s.objective.Target
	percent := literal(target.Percent())
	name := "p" + strings.ReplaceAll(percent, ".", "_")
	window := max(5*time.Minute, 2*s.compiler.spec.Interval.Value)
	r := s.rule("-" + name)
	s.add(&r, name, measureSpec{
		Quantile: source.At[float64]{Value: target.Share(), Pos: l.Of.Pos}, Of: l.Of, Where: l.Where,
		Window: source.Duration{Value: window}, Pos: l.Pos,
	})
	s.add(&r, "n", s.counting(s.sli.total, window, false))
	// So many events that min_bad_events of them are above the quantile.
	enough := max(s.objective.MinTotal, math.Ceil(s.objective.MinBad/target.Allowed()))
	r.MinSamples = source.Map[source.At[int]]{{Name: source.At[string]{Value: "n"}, Value: source.At[int]{Value: int(enough)}}}
	s.level(&r, SeverityTicket, fmt.Sprintf("%s > %s", name, literal(l.Threshold.Value)))
	r.For = source.Duration{Value: 2 * s.compiler.spec.Interval.Value}
	r.KeepFiringFor = source.Duration{Value: window / s.compiler.spec.Interval.Value * s.compiler.spec.Interval.Value}
	s.annotate(&r, "summary", fmt.Sprintf("P%s {{ .Values.%s | ms }} over the last %s, {{ .Values.n | number }} events", percent, name, budget.Span(window)))
	s.annotate(&r, "objective", s.promise())
	return r
}

// absent pages when a series that had events has none for as long as the most urgent pair would take to see that all of
// them are bad. So many must be missing that they would make min_bad_events.
func (s *slo) absent() ruleSpec {
	o, pair := &s.objective, s.objective.Pairs[0]
	limit, interval := o.Limit(pair), s.compiler.spec.Interval.Value
	silence := time.Duration(math.Ceil(limit*float64(pair.Long)/float64(interval))) * interval
	silence = max(silence, 2*interval)
	missing := o.MinBad * float64(pair.Long) / float64(silence)
	r := s.rule("-absent")
	r.expect = o.Period.Length
	s.add(&r, "recent", s.counting(s.sli.total, silence, false))
	s.add(&r, "before", s.counting(s.sli.total, silence+pair.Long, false))
	s.level(&r, pair.Severity, fmt.Sprintf("recent == 0 and before >= %s", literal(math.Ceil(max(o.MinTotal, missing)))))
	r.RecoverExpr = expression("recent > 0", s.spec.Alerting.Absent.Pos)
	s.annotate(&r, "summary", fmt.Sprintf("nothing for %s, {{ .Values.before | number }} in the %s before", budget.Span(silence), budget.Span(pair.Long)))
	s.annotate(&r, "objective", s.promise())
	return r
}

// promise is the objective in words.
func (s *slo) promise() string {
	if d := s.spec.Description; !d.Pos.IsZero() {
		return strings.ReplaceAll(d.Value, "{{", "{{`{{`}}") // a text, not a template
	}
	percent := literal(s.objective.Target.Percent())
	if s.sli.field != "" {
		return fmt.Sprintf("%s %% within %s ms (%s)", percent, literal(s.spec.SLI.Latency.Threshold.Value), s.spec.SLI.Latency.Of.Value)
	}
	return percent + " % good"
}

// rule begins a rule of the objective.
func (s *slo) rule(suffix string) ruleSpec {
	return ruleSpec{Pos: s.name.Pos, Alert: source.At[string]{Value: s.name.Value + suffix, Pos: s.name.Pos}, By: s.spec.By}
}

// level gives a rule its one condition, and the labels and texts of its severity. Those with values are of the burn rule.
func (s *slo) level(r *ruleSpec, severity, when string) {
	at, own := s.spec.Objective.Pos, s.alert(severity)
	var plain source.Map[source.Passage]
	for _, a := range own.Annotations {
		if !strings.Contains(a.Value.Text, "{{") {
			plain = append(plain, a)
		}
	}
	r.Levels = []levelSpec{{Severity: source.At[string]{Value: severity, Pos: at}, Expr: expression(when, at), labels: own.Labels, annotations: plain}}
}

func (s *slo) alert(severity string) alertSpec {
	if severity == SeverityPage {
		return s.spec.Alerting.Page
	}
	return s.spec.Alerting.Ticket
}

// counters adds what happened in a window, and what of it was bad.
func (s *slo) counters(r *ruleSpec, window time.Duration) {
	s.add(r, budget.TotalOver(window), s.counting(s.sli.total, window, false))
	s.add(r, budget.BadOver(window), s.counting(s.sli.bad, window, false))
}

func (s *slo) counting(where source.Expr, window time.Duration, calendar bool) measureSpec {
	m := measureSpec{Pos: s.spec.SLI.Pos, Count: s.sli.of, Where: where, Window: source.Duration{Value: window}}
	if calendar {
		m.begin = s.objective.Period.Start
	}
	return m
}

func (s *slo) add(r *ruleSpec, name string, m measureSpec) {
	r.Measure = append(r.Measure, source.Entry[measureSpec]{Name: source.At[string]{Value: name, Pos: s.spec.SLI.Pos}, Value: m})
}

func (s *slo) annotate(r *ruleSpec, name, text string) {
	at := source.At[string]{Value: name, Pos: s.name.Pos}
	r.Annotations = append(r.Annotations, source.Entry[source.Passage]{Name: at, Value: source.Passage{Text: text, Pos: s.name.Pos}})
}

// expression is a condition that we wrote, for what stands at a place.
func expression(text string, at source.Pos) source.Expr {
	return source.Expr{Passage: source.Passage{Text: text, Pos: at}}
}

// literal is a number as a condition reads it: without an exponent.
func literal(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
