package ruletest

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"leadline"
	"leadline/source"
)

// feed is what one label set of one rule has, slot by slot.
type feed struct {
	alert  Alert
	labels leadline.Labels
	key    string
	values [][]sample // one a measure, in the rule's order
	past   [][]float64
	pos    source.Pos // of its first series
}

// feeds gives every series to the rules of the test that have its measure and labels.
func (b *binder) feeds(s *testSpec, t *test) {
	before := len(b.errs)
	for i := range s.Series {
		if !pattern(&s.Series[i]) {
			b.series(&s.Series[i], t)
		}
	}
	for i := range s.Series { // for the measures that have none of their own
		if pattern(&s.Series[i]) {
			b.series(&s.Series[i], t)
		}
	}
	if len(b.errs) > before {
		return
	}
	for _, f := range t.feeds {
		for i, m := range f.alert.Rule.Ask.Measures {
			if f.values[i] == nil {
				b.fail(f.pos, fmt.Sprintf("%s has no series of measure %s", title(f.alert, f.labels), m.Name),
					fmt.Sprintf("add one, such as {%smeasure: %s, values: '%s'}", flow(f.labels), m.Name, "100x20"))
			}
		}
	}
}

// flow is labels as they are written in a series.
func flow(l leadline.Labels) string {
	if len(l) == 0 {
		return ""
	}
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(l)) {
		pairs = append(pairs, name+": "+l[name])
	}
	return "labels: {" + strings.Join(pairs, ", ") + "}, "
}

// pattern reports whether a series is of all measures with names like bad_*, as an SLO's rules have.
func pattern(s *seriesSpec) bool { return strings.Contains(s.Measure.Value, "*") }

// of reports whether a series is of a measure.
func (s *seriesSpec) of(measure string) bool {
	ok, err := path.Match(s.Measure.Value, measure)
	return ok && err == nil
}

func (b *binder) series(s *seriesSpec, t *test) {
	values, errs := parseSeries(s.Values)
	b.errs = append(b.errs, errs...)
	past, errs := parsePast(s.Past)
	b.errs = append(b.errs, errs...)
	labels := leadline.Labels{}
	for _, e := range s.Labels {
		labels[e.Name.Value] = e.Value.Value
	}
	used := false
	for _, a := range t.alerts {
		if !slices.Equal(slices.Sorted(maps.Keys(labels)), slices.Sorted(slices.Values(a.Rule.Ask.By))) {
			continue
		}
		for i, name := range measureNames(a.Rule) {
			if !s.of(name) {
				continue
			}
			used = true
			f := t.feed(a, labels, s.Pos)
			switch {
			case f.values[i] != nil && pattern(s):
				continue
			case f.values[i] != nil:
				b.fail(s.Measure.Pos, fmt.Sprintf("%s has measure %s twice", title(a, labels), name), "remove one")
				continue
			}
			f.values[i] = slices.Concat([]sample{}, values) // not nil: it was given
			if past != nil && len(errs) == 0 {
				f.past[i] = b.past(s, a, i, past)
			}
		}
	}
	if !used {
		b.useless(s, t)
	}
}

func (t *test) feed(a Alert, labels leadline.Labels, at source.Pos) *feed {
	key := labels.Key()
	for _, f := range t.feeds {
		if f.alert == a && f.key == key {
			return f
		}
	}
	n := len(a.Rule.Ask.Measures)
	f := &feed{alert: a, labels: labels, key: key, values: make([][]sample, n), past: make([][]float64, n), pos: at}
	t.feeds = append(t.feeds, f)
	return f
}

// parsePast reads the earlier windows of a baseline: one value a season, the newest first, or one for all of them. They
// are the same at every slot of the test.
func parsePast(p source.Passage) ([]float64, source.Errors) {
	if p.IsZero() {
		return nil, nil
	}
	samples, errs := parseSeries(p)
	out := make([]float64, len(samples))
	for i, s := range samples {
		if s.failed {
			errs = append(errs, p.Pos.Error("the past cannot fail", "write _ for a season without values"))
			break
		}
		out[i] = s.value
	}
	return out, errs
}

// past is what a measure's baseline gets to see.
func (b *binder) past(s *seriesSpec, a Alert, measure int, past []float64) []float64 {
	switch base := a.Rule.Ask.Measures[measure].Baseline; {
	case base == nil:
		b.fail(s.Past.Pos, fmt.Sprintf("measure %s has no baseline", s.Measure.Value), "remove past")
	case len(past) > base.Periods:
		b.fail(s.Past.Pos, fmt.Sprintf("%d seasons, the baseline of %s looks back %d", len(past), s.Measure.Value, base.Periods), "write one value a season")
	case len(past) == 1:
		return slices.Repeat(past, base.Periods)
	}
	return past
}

// useless reports a series that none of the test's alerts has.
func (b *binder) useless(s *seriesSpec, t *test) {
	var measures []string
	for _, a := range t.alerts {
		measures = append(measures, measureNames(a.Rule)...)
	}
	if !slices.ContainsFunc(measures, s.of) {
		b.fail(s.Measure.Pos, fmt.Sprintf("no alert of the test has a measure %q", s.Measure.Value), source.Suggest(s.Measure.Value, measures))
		return
	}
	for _, a := range t.alerts {
		if !slices.ContainsFunc(measureNames(a.Rule), s.of) {
			continue
		}
		by := a.Rule.Ask.By
		for _, e := range s.Labels {
			switch _, static := a.Rule.Labels[e.Name.Value]; {
			case static:
				b.fail(e.Name.Pos, fmt.Sprintf("label %s is the rule's own", e.Name.Value), "remove it")
				return
			case !slices.Contains(by, e.Name.Value):
				do := "remove it: the rule has no `by`"
				if len(by) > 0 {
					do = source.Suggest(e.Name.Value, by)
				}
				b.fail(e.Name.Pos, fmt.Sprintf("%s has no label %q", a.Rule.Name, e.Name.Value), do)
				return
			}
		}
		for _, l := range by {
			if _, ok := s.Labels.Get(l); !ok {
				b.fail(s.Pos, fmt.Sprintf("the series has no label %s, %s is by %s", l, a.Rule.Name, strings.Join(by, ", ")), "add it to labels")
				return
			}
		}
	}
}
