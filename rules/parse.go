package rules

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"leadline"
	"leadline/rules/measure"
	"leadline/source"
)

// Parse reads and compiles one document of the kind RuleGroup. With errors, the group holds what could be read; it is
// for Check only.
func Parse(doc source.Document) (*Group, source.Errors) {
	spec := defaultGroup()
	meta, errs := doc.Spec(&spec)
	g := &Group{
		Name:        meta.Name.Value,
		Interval:    spec.Interval.Value,
		QueryOffset: spec.QueryOffset.Value,
		Limit:       spec.Limit.Value,
		pos:         meta.Name.Pos,
	}
	c := &compiler{group: g, spec: &spec, errs: errs}
	if len(meta.Labels) > 0 {
		c.fail(meta.Labels[0].Name.Pos, "a RuleGroup has its labels in spec", "move them to spec.labels")
	}
	c.bounds()
	c.someRules()
	c.labels, c.severity = c.static(spec.Labels)
	for i := range spec.Rules {
		g.Rules = append(g.Rules, c.rule(&spec.Rules[i]))
	}
	return g, c.errs.Sorted()
}

// compiler turns the YAML of one group into rules and collects every mistake.
type compiler struct {
	group    *Group
	spec     *groupSpec
	labels   leadline.Labels // the group's
	severity string          // the group's label of that name
	errs     source.Errors
}

func (c *compiler) fail(at source.Pos, what, do string) {
	c.errs = append(c.errs, at.Error(what, do))
}

func (c *compiler) add(errs source.Errors) bool {
	c.errs = append(c.errs, errs...)
	return len(errs) == 0
}

func (c *compiler) rule(s *ruleSpec) *Rule {
	before := len(c.errs)
	r := &Rule{
		Name: s.Alert.Value,
		Timing: Timing{
			Interval:      c.spec.Interval.Value,
			For:           s.For.Value,
			KeepFiringFor: s.KeepFiringFor.Value,
			NoDataFor:     s.NoData.For.Value,
		},
		Objective: s.objective,
		pos:       s.Alert.Pos,
	}
	if s.NoData.For.Pos.IsZero() {
		r.Timing.NoDataFor = max(defaultNoData, 3*r.Timing.Interval)
	}
	c.alertName(s)
	c.timing(s)
	r.Ask = measure.Ask{Name: c.group.Name + "/" + r.Name, Interval: r.Timing.Interval}
	r.Ask.Expect = c.expect(s)
	r.Ask.Custom = c.custom(s)
	r.Ask.Measures = c.measures(s, &r.Ask)
	own, severity := c.static(s.Labels)
	r.Labels = maps.Clone(c.labels)
	maps.Copy(r.Labels, own)
	r.Ask.By = c.by(s, r)
	c.floors(s, r)
	r.env = makeEnv(r.Ask.Measures, labelNames(r.Ask.By, r.Labels))
	c.levels(s, r, cmp.Or(severity, c.severity))
	r.Recover = c.condition(s.RecoverExpr, r)
	r.Annotations = c.texts(s.Annotations, r)
	if len(c.errs) == before { // what did not compile names nothing and cannot be planned
		c.unused(s, r)
		c.reach(s, r)
	}
	return r
}

// condition compiles an expression, nil where there is none or it is wrong.
func (c *compiler) condition(e source.Expr, r *Rule) *source.Program {
	if e.IsZero() {
		return nil
	}
	p, errs := e.Compile(reflect.Zero(r.env).Interface(), source.Bool)
	c.add(errs)
	return p
}

// levels compiles the conditions. A rule with one expr says how bad it is in labels.severity, as rules for Prometheus.
func (c *compiler) levels(s *ruleSpec, r *Rule, severity string) {
	static, ofRule := s.Labels.Get(severityLabel)
	switch {
	case !s.Expr.IsZero() && len(s.Levels) > 0:
		c.fail(s.Expr.Pos, "both expr and levels are given", "keep one of them")
	case s.Expr.IsZero() && len(s.Levels) == 0:
		c.fail(s.Pos, "the rule has no condition", "add expr, or levels with a severity and an expr each")
	case len(s.Levels) > 0 && ofRule:
		c.fail(static.Pos, "the severity of a rule with levels comes from them", "remove it from labels")
	case len(s.Levels) == 0 && severity == "":
		c.fail(s.Expr.Pos, "the rule has no severity", "add labels: {severity: page}, or ticket or info")
	}
	if p := c.condition(s.Expr, r); p != nil {
		r.Levels = append(r.Levels, Level{Severity: severity, When: p})
	}
	seen := map[string]bool{}
	for _, l := range s.Levels {
		c.knownSeverity(l.Severity)
		if seen[l.Severity.Value] {
			c.fail(l.Severity.Pos, fmt.Sprintf("severity %s is given twice", l.Severity.Value), "join the conditions with or")
		}
		seen[l.Severity.Value] = true
		if p := c.condition(l.Expr, r); p != nil {
			r.Levels = append(r.Levels, c.level(&l, r, p))
		}
	}
}

// level is a level with what an SLO says of it.
func (c *compiler) level(l *levelSpec, r *Rule, when *source.Program) Level {
	labels, _ := c.static(l.labels)
	if at, ok := l.labels.Get(severityLabel); ok {
		c.fail(at.Pos, "the severity of a page is page, of a ticket ticket", "remove it")
	}
	for name := range labels {
		if slices.Contains(r.Ask.By, name) || name == "slo" || name == "service" {
			at, _ := l.labels.Get(name)
			c.fail(at.Pos, fmt.Sprintf("the label %q tells alerts apart", name), "rename it")
		}
	}
	return Level{Severity: l.Severity.Value, When: when, Labels: labels, Annotations: c.texts(l.annotations, r)}
}

const severityLabel = "severity"

func (c *compiler) knownSeverity(s source.At[string]) {
	known := []string{SeverityPage, SeverityTicket, SeverityInfo}
	if !s.Pos.IsZero() && !slices.Contains(known, s.Value) {
		c.fail(s.Pos, fmt.Sprintf("unknown severity %q", s.Value), source.Suggest(s.Value, known))
	}
}

// static reads labels and takes the severity out of them.
func (c *compiler) static(m source.Map[source.At[string]]) (labels leadline.Labels, severity string) {
	labels = leadline.Labels{}
	for _, e := range m {
		switch name, value := e.Name.Value, e.Value.Value; {
		case !identifier.MatchString(name):
			c.fail(e.Name.Pos, fmt.Sprintf("%q is not a label name", name), "use letters, digits and _")
		case strings.Contains(value, "{{") || strings.Contains(value, "$value"):
			c.fail(e.Value.Pos, "a label cannot hold a value that changes: labels are the alert's identity", "put it in annotations")
		case name == severityLabel:
			c.knownSeverity(e.Value)
			severity = value
		default:
			labels[name] = value
		}
	}
	return labels, severity
}

func (c *compiler) texts(annotations source.Map[source.Passage], r *Rule) (out []Annotation) {
	labels, values := leadline.Labels{}, map[string]float64{}
	for _, l := range r.Ask.By {
		labels[l] = "x"
	}
	for _, name := range r.ValueNames() {
		values[name] = 1
	}
	data := r.texts(c.group.Name, SeverityPage, labels, values)
	for _, e := range annotations {
		a, errs := compileAnnotation(e.Name.Value, e.Value, data)
		if c.add(errs) {
			out = append(out, a)
		}
	}
	return out
}
