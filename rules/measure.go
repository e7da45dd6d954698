package rules

import (
	"fmt"
	"slices"
	"strings"

	"leadline/rules/measure"
	"leadline/source"
)

func (c *compiler) measures(s *ruleSpec) []measure.Measure {
	var out []measure.Measure
	if len(s.Measure) == 0 && !s.Alert.Pos.IsZero() {
		c.fail(s.Pos, "the rule measures nothing", "add measure: {n: {count: event, window: 5m}}")
	}
	for _, e := range s.Measure {
		switch name := e.Name.Value; {
		case slices.Contains(reserved, name):
			c.fail(e.Name.Pos, fmt.Sprintf("the name %s is taken by the expression language", name), "rename the measure")
			continue
		case !identifier.MatchString(name):
			c.fail(e.Name.Pos, fmt.Sprintf("%q is not a name", name), "use letters, digits and _, such as p95")
			continue
		}
		m := c.measure(&e.Value)
		m.Name = e.Name.Value
		out = append(out, m)
	}
	return out
}

func (c *compiler) measure(s *measureSpec) measure.Measure {
	m := measure.Measure{Window: s.Window.Value, Begin: s.begin}
	c.window(s.Window)
	given := 0
	for _, p := range []source.Pos{s.Quantile.Pos, s.Count.Pos, s.Ratio.Pos} {
		if !p.IsZero() {
			given++
		}
	}
	if given != 1 {
		c.fail(s.Pos, fmt.Sprintf("a measure is one of quantile, count and ratio, this has %d of them", given), "write it like {quantile: 0.95, of: event.e2e_ms, window: 5m}")
		return m
	}
	if s.Quantile.Pos.IsZero() && !s.Of.Pos.IsZero() {
		c.fail(s.Of.Pos, "only a quantile is of a field", "remove it")
	}
	switch {
	case !s.Quantile.Pos.IsZero():
		c.quantile(s, &m)
	case !s.Count.Pos.IsZero():
		m.Kind = measure.Count
		m.Source = c.source(s.Count)
		m.Where = c.where(s.Where, m.Source)
	default:
		c.ratio(s, &m)
	}
	return m
}

func (c *compiler) quantile(s *measureSpec, m *measure.Measure) {
	m.Kind, m.Level = measure.Quantile, s.Quantile.Value
	if !(m.Level > 0 && m.Level < 1) {
		c.fail(s.Quantile.Pos, fmt.Sprintf("quantile %v is not between 0 and 1", s.Quantile.Value), "write P95 as 0.95")
	}
	if s.Of.Pos.IsZero() {
		c.fail(s.Pos, "the quantile has no field", "add of: event.e2e_ms or of: span.duration_ms")
		return
	}
	name, field, _ := strings.Cut(s.Of.Value, ".")
	m.Source, m.Of = measure.Source(name), field
	if !slices.Contains(m.Source.Numbers(), field) {
		var known []string
		for _, from := range measure.Sources() {
			for _, n := range from.Numbers() {
				known = append(known, string(from)+"."+n)
			}
		}
		c.fail(s.Of.Pos, fmt.Sprintf("unknown field %q", s.Of.Value), source.Suggest(s.Of.Value, known))
		m.Source = ""
		return
	}
	m.Where = c.where(s.Where, m.Source)
}

func (c *compiler) ratio(s *measureSpec, m *measure.Measure) {
	m.Kind = measure.Ratio
	if s.Ratio.Num.Count.Pos.IsZero() || s.Ratio.Den.Count.Pos.IsZero() {
		return // reported as missing
	}
	if !s.Where.IsZero() {
		c.fail(s.Where.Pos, "a ratio has a where in num and one in den", "move it there")
	}
	m.Source = c.source(s.Ratio.Num.Count)
	den := c.source(s.Ratio.Den.Count)
	if den != m.Source && den != "" && m.Source != "" {
		c.fail(s.Ratio.Den.Count.Pos, "num and den count different things", "count spans or events in both")
	}
	m.Where = c.where(s.Ratio.Num.Where, m.Source)
	m.Den = c.where(s.Ratio.Den.Where, den)
}

// source is "" where the name is wrong; what hangs on it is not looked at then.
func (c *compiler) source(s source.At[string]) measure.Source {
	if !measure.Source(s.Value).Known() {
		c.fail(s.Pos, fmt.Sprintf("cannot count %q", s.Value), source.Suggest(s.Value, []string{string(measure.Events), string(measure.Spans)}))
		return ""
	}
	return measure.Source(s.Value)
}

func (c *compiler) where(e source.Expr, from measure.Source) measure.Predicate {
	if from == "" {
		return measure.Predicate{}
	}
	p, errs := measure.Where(e, from)
	c.add(errs)
	return p
}

// by must name fields that every source of the rule has.
func (c *compiler) by(s *ruleSpec, r *Rule) []string {
	var out []string
	for _, b := range s.By {
		ok := true
		for _, m := range r.Ask.Measures {
			if m.Source == "" {
				continue
			}
			if known := m.Source.Labels(); !slices.Contains(known, b.Value) {
				c.fail(b.Pos, fmt.Sprintf("%s of measure %s has no label %q", m.Source, m.Name, b.Value), source.Suggest(b.Value, known))
				ok = false
				break
			}
		}
		switch _, static := r.Labels[b.Value]; {
		case static:
			c.fail(b.Pos, fmt.Sprintf("%q is a static label too", b.Value), "rename the label")
		case slices.Contains(out, b.Value):
			c.fail(b.Pos, fmt.Sprintf("%q is given twice", b.Value), "remove one")
		case ok:
			out = append(out, b.Value)
		}
	}
	return out
}
