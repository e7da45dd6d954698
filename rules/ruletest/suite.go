package ruletest

import (
	"fmt"
	"slices"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/source"
)

// Suite is one RuleTest document, ready to run.
type Suite struct {
	Name   string
	File   string // that the document is in
	Alerts []Alert

	start time.Time
	tests []*test
}

// Alert is a rule and its group.
type Alert struct {
	Group *rules.Group
	Rule  *rules.Rule
}

// Groups are the rule groups of a file that a document names; the path is as it is written there. The mistakes of such
// a file are told with it, so that a document whose rules are broken has them for its own.
type Groups func(file source.At[string]) ([]*rules.Group, source.Errors)

// defaultStart is the first slot of tests that do not care: a Monday.
var defaultStart = time.Date(2026, 1, 5, 0, 0, 0, 0, time.UTC)

// test is one test: what the rules get, and what is expected of them.
type test struct {
	name   string
	pos    source.Pos // of the name
	alerts []Alert    // that it expects something of
	feeds  []*feed
	checks []check
	events *events
}

// check is what is not ok at one moment.
type check struct {
	pos   source.Pos
	at    time.Duration // since the start
	alert Alert
	want  []instance
}

// instance is one wanted instance. What is not given is not looked at.
type instance struct {
	pos         source.Pos
	labels      leadline.Labels
	state       leadline.State
	severity    string
	annotations source.Map[source.At[string]]
	values      source.Map[source.At[float64]]
}

// events are the transitions of one alert, in a whole run.
type events struct {
	pos   source.Pos
	alert Alert
	want  []event
}

// Parse reads and binds one document of the kind RuleTest. With errors the suite is nil.
func Parse(doc source.Document, groups Groups) (*Suite, source.Errors) {
	var spec suiteSpec
	meta, errs := doc.Spec(&spec)
	b := &binder{errs: errs}
	s := &Suite{Name: meta.Name.Value, File: doc.Pos.Error("", "").File, start: defaultStart}
	broken := false
	for _, f := range spec.RuleFiles {
		found, errs := groups(f)
		broken = broken || len(errs) > 0
		b.errs = append(b.errs, errs...)
		b.known = append(b.known, found...)
	}
	if broken || len(b.errs) > 0 {
		return nil, b.errs.Sorted() // what follows from a mistake is none of its own
	}
	b.errs = append(b.errs, rules.Check(b.known)...)
	if at := spec.Start; !at.Pos.IsZero() {
		t, err := time.Parse(time.RFC3339, at.Value)
		if err != nil {
			b.fail(at.Pos, fmt.Sprintf("%q is no time", at.Value), "write it like 2026-03-29T00:30:00Z")
		}
		s.start = t.UTC()
	}
	for i := range spec.Tests {
		s.tests = append(s.tests, b.test(&spec.Tests[i]))
	}
	b.named(spec)
	if len(b.errs) > 0 {
		return nil, b.errs.Sorted()
	}
	for _, t := range s.tests {
		for _, a := range t.alerts {
			if !slices.Contains(s.Alerts, a) {
				s.Alerts = append(s.Alerts, a)
			}
		}
	}
	return s, nil
}

// named reports tests that --run could not tell apart.
func (b *binder) named(spec suiteSpec) {
	first := map[string]source.Pos{}
	for _, t := range spec.Tests {
		if p, ok := first[t.Name.Value]; ok {
			b.fail(t.Name.Pos, fmt.Sprintf("a second test %q", t.Name.Value), fmt.Sprintf("rename it, the first is at line %d", p.Line))
			continue
		}
		first[t.Name.Value] = t.Name.Pos
	}
	if len(spec.Tests) == 0 {
		b.errs = append(b.errs, &source.Error{What: "no tests"})
	}
}
