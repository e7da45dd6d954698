package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"leadline/rules/measure"
	"leadline/source"
)

func (c *compiler) measures(s *ruleSpec, a *measure.Ask) []measure.Measure {
	if a.Custom != nil {
		return []measure.Measure{{Name: measure.Value, Window: a.Custom.Window}}
	}
	var out []measure.Measure
	if len(s.Measure) == 0 && s.SQL.Pos.IsZero() && !s.Alert.Pos.IsZero() {
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
		m := c.measure(&e.Value, a)
		m.Name = e.Name.Value
		out = append(out, m)
	}
	return out
}

func (c *compiler) measure(s *measureSpec, a *measure.Ask) measure.Measure {
	m := measure.Measure{Window: s.Window.Value, Begin: s.begin}
	c.window(s.Window)
	given := 0
	for _, p := range []source.Pos{s.Quantile.Pos, s.Count.Pos, s.Ratio.Pos, s.Age.Pos, s.Schema.Pos} {
		if !p.IsZero() {
			given++
		}
	}
	if given != 1 {
		c.fail(s.Pos, fmt.Sprintf("a measure is one of quantile, count, ratio, age and schema, this has %d of them", given), "write it like {quantile: 0.95, of: event.e2e_ms, window: 5m}")
		return m
	}
	if s.Quantile.Pos.IsZero() && !s.Of.Pos.IsZero() {
		c.fail(s.Of.Pos, "only a quantile is of a field", "remove it")
	}
	if s.Window.Pos.IsZero() && s.Window.Value == 0 && s.Age.Pos.IsZero() {
		c.fail(s.Pos, "the measure has no window", "add window: 5m")
	}
	switch {
	case !s.Quantile.Pos.IsZero():
		c.quantile(s, &m)
	case !s.Count.Pos.IsZero():
		m.Kind = measure.Count
		m.Source = c.source(s.Count)
		m.Where = c.where(s.Where, m.Source)
	case !s.Age.Pos.IsZero():
		c.age(s, &m, a)
	case !s.Schema.Pos.IsZero():
		c.schema(s, &m)
	default:
		c.ratio(s, &m)
	}
	m.Baseline = c.baseline(s, &m)
	return m
}

// aged is how far back an age looks where the rule expects no series.
const aged = 24 * time.Hour

func (c *compiler) age(s *measureSpec, m *measure.Measure, a *measure.Ask) {
	m.Kind = measure.Age
	m.Source = c.source(s.Age)
	m.Where = c.where(s.Where, m.Source)
	if !s.Window.Pos.IsZero() {
		c.fail(s.Window.Pos, "an age has no window: it looks a day back, or as long as series are expected", "remove it")
	}
	m.Window = cmp.Or(a.Expect, aged)
}

func (c *compiler) schema(s *measureSpec, m *measure.Measure) {
	const ratio = measure.Rejected + "_ratio"
	m.Source, m.Of = measure.Schema, s.Schema.Value
	switch s.Schema.Value {
	case measure.UnknownFields, measure.Rejected:
		m.Kind = measure.Count
	case ratio:
		m.Kind, m.Of = measure.Ratio, measure.Rejected
	default:
		c.fail(s.Schema.Pos, fmt.Sprintf("schemas do not tell %q", s.Schema.Value), source.Suggest(s.Schema.Value, []string{measure.UnknownFields, measure.Rejected, ratio}))
	}
	if !s.Where.IsZero() {
		c.fail(s.Where.Pos, "what schemas said has no where", "tell items apart with `by`: "+strings.Join(measure.Schema.Labels(), ", "))
	}
}

// maxPeriods bounds the seasons of a baseline: each is a query.
const maxPeriods = 52

func (c *compiler) baseline(s *measureSpec, m *measure.Measure) *measure.Baseline {
	b := s.Baseline
	if b.Pos.IsZero() {
		return nil
	}
	stats := []string{string(measure.Median), string(measure.RobustZ)}
	switch {
	case b.Season.Pos.IsZero() || b.Periods.Pos.IsZero() || b.Stat.Pos.IsZero():
		return nil // reported as missing
	case !slices.Contains(stats, b.Stat.Value):
		c.fail(b.Stat.Pos, fmt.Sprintf("unknown stat %q", b.Stat.Value), source.Suggest(b.Stat.Value, stats))
	case b.Periods.Value < 2 || b.Periods.Value > maxPeriods:
		c.fail(b.Periods.Pos, fmt.Sprintf("%d periods are not between 2 and %d", b.Periods.Value, maxPeriods), "use 4: one season alone says nothing about what is normal")
	case m.Kind == measure.Age:
		c.fail(b.Pos, "an age has no baseline: it looks further back than a window", "compare counts")
	case b.Season.Value < m.Window || b.Season.Value%time.Minute != 0:
		c.fail(b.Season.Pos, "the season is shorter than the window, or not whole minutes", "use 1d or 7d")
	}
	return &measure.Baseline{Season: b.Season.Value, Periods: b.Periods.Value, Stat: measure.Stat(b.Stat.Value)}
}

var seenWithin = regexp.MustCompile(`^seen_within\(\s*([^\s()]+)\s*\)$`)

// maxExpect is below the time that minutes of the rollup are kept.
const maxExpect = 30 * 24 * time.Hour

// expect is the time within which an expected series was seen.
func (c *compiler) expect(s *ruleSpec) time.Duration {
	e := s.Series.Expect
	switch {
	case s.expect > 0 && len(s.By) > 0:
		return min(s.expect, maxExpect)
	case e.Pos.IsZero():
		return 0
	}
	d := time.Duration(0)
	if found := seenWithin.FindStringSubmatch(e.Value); found != nil {
		d, _ = source.ParseDuration(found[1])
	}
	switch {
	case d <= 0:
		c.fail(e.Pos, fmt.Sprintf("cannot expect %q", e.Value), "write seen_within(7d)")
	case d < time.Hour || d > maxExpect:
		c.fail(e.Pos, fmt.Sprintf("series cannot be expected for %s", source.FormatDuration(d)), "use 1h to 30d")
	case len(s.By) == 0:
		c.fail(e.Pos, "a rule without `by` has one series, which is always there", "remove series")
	case !s.SQL.Pos.IsZero():
		c.fail(e.Pos, "of a query of its own, only the series of its answer are known", "remove series")
	}
	return d
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
		if r.Ask.Custom != nil && (!identifier.MatchString(b.Value) || b.Value == measure.Value) {
			c.fail(b.Pos, fmt.Sprintf("%q is not the name of a text column", b.Value), "name the columns of sql that are labels")
			ok = false
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
