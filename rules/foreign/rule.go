package foreign

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"leadline/rules"
	"leadline/source"
)

// rule is an alert that has a counterpart.
type rule struct {
	name        string
	pos         source.Pos
	from        []int // the items that it was made of
	by          []string
	levels      []level
	every       time.Duration // `for`
	keep        time.Duration
	labels      []label
	annotations source.Map[source.Passage]
}

type level struct {
	severity string
	when     *condition
}

type label struct{ name, value string }

// severities by what people call them, in Leadline's words.
var severities = map[string]string{
	"page": rules.SeverityPage, "critical": rules.SeverityPage, "crit": rules.SeverityPage, "high": rules.SeverityPage,
	"emergency": rules.SeverityPage, "error": rules.SeverityPage, "p1": rules.SeverityPage, "sev1": rules.SeverityPage,
	"ticket": rules.SeverityTicket, "warning": rules.SeverityTicket, "warn": rules.SeverityTicket, "medium": rules.SeverityTicket,
	"minor": rules.SeverityTicket, "major": rules.SeverityTicket, "p2": rules.SeverityTicket, "sev2": rules.SeverityTicket,
	"info": rules.SeverityInfo, "low": rules.SeverityInfo, "notice": rules.SeverityInfo, "none": rules.SeverityInfo,
	"p3": rules.SeverityInfo, "sev3": rules.SeverityInfo,
}

var worstFirst = []string{rules.SeverityPage, rules.SeverityTicket, rules.SeverityInfo}

// join makes one rule with levels of two alerts of one name that differ in severity and condition only.
func (r *rule) join(o *rule) bool {
	has := func(l level) bool { return l.severity == o.levels[0].severity }
	if r.name != o.name || r.every != o.every || r.keep != o.keep || !slices.Equal(r.by, o.by) || !slices.Equal(r.labels, o.labels) || slices.ContainsFunc(r.levels, has) {
		return false
	}
	r.levels, r.from = append(r.levels, o.levels...), append(r.from, o.from...)
	slices.SortStableFunc(r.levels, func(a, b level) int {
		return cmp.Compare(slices.Index(worstFirst, a.severity), slices.Index(worstFirst, b.severity))
	})
	if o.levels[0].severity == r.levels[0].severity {
		r.annotations, o.annotations = o.annotations, r.annotations
	}
	return true
}

// measures of all levels, each once.
func (r *rule) measures() []measure {
	var out []measure
	for _, l := range r.levels {
		for _, m := range l.when.measures() {
			if !slices.Contains(out, m) {
				out = append(out, m)
			}
		}
	}
	return out
}

// names gives measures names: p95, ratio, n, age; with the window or a number where one is not enough.
func names(all []measure) func(measure) string {
	windows := map[string][]time.Duration{}
	for _, m := range all {
		if !slices.Contains(windows[m.base()], m.window) {
			windows[m.base()] = append(windows[m.base()], m.window)
		}
	}
	out := map[measure]string{}
	used := map[string]bool{}
	for _, m := range all {
		name := m.base()
		if len(windows[name]) > 1 && m.kind != kindAge {
			name += "_" + source.FormatDuration(m.window)
		}
		for i, first := 2, name; used[name]; i++ {
			name = fmt.Sprintf("%s_%d", first, i)
		}
		used[name], out[m] = true, name
	}
	return func(m measure) string { return out[m] }
}

func (m measure) base() string {
	name := ""
	switch m.kind {
	case kindQuantile:
		name = "p" + strings.ReplaceAll(strings.ReplaceAll(digits(100*m.level), ".", "_"), "-", "_")
	case kindRatio:
		name = "ratio"
	case kindAge:
		name = "age"
	default:
		name = "n"
	}
	if m.back > 0 {
		name += "_usual"
	}
	return name
}

// format is the template function that shows the measure.
func (m measure) format() string {
	switch m.kind {
	case kindQuantile, kindAge:
		return "ms"
	case kindRatio:
		return "percent"
	default:
		return "number"
	}
}

func (m measure) write() mapping {
	out := flow()
	switch m.kind {
	case kindQuantile:
		out.number("quantile", m.level)
		out.text("of", m.source+"."+m.of)
		out.text("where", m.where.String())
	case kindRatio:
		pair := flow()
		pair.mapping("num", count(m.source, m.where))
		pair.mapping("den", count(m.source, m.den))
		out.mapping("ratio", pair)
	case kindAge:
		out.text("age", m.source)
		out.text("where", m.where.String())
	default:
		out = count(m.source, m.where)
	}
	out.duration("window", m.window)
	if m.back > 0 {
		base := flow()
		base.duration("season", m.back)
		base.number("periods", seasons)
		base.text("stat", "median")
		out.mapping("baseline", base)
	}
	return out
}

func count(source string, w where) mapping {
	out := flow()
	out.text("count", source)
	out.text("where", w.String())
	return out
}

// write is the rule's YAML.
func (r *rule) write(note func(at source.Pos, what, do string)) *yaml.Node {
	all := r.measures()
	name := names(all)
	out := block()
	out.text("alert", r.name)
	measures := block()
	for _, m := range all {
		measures.mapping(name(m), m.write())
	}
	out.mapping("measure", measures)
	out.list("by", r.by)
	if silent := slices.ContainsFunc(r.levels, func(l level) bool { return l.when.onSilence() }); silent && len(r.by) > 0 {
		expect := flow()
		expect.text("expect", "seen_within(7d)") // else a series without rows is none
		out.mapping("series", expect)
	}
	labels := flow()
	if len(r.levels) == 1 {
		out.text("expr", r.levels[0].when.text(name))
		labels.text("severity", r.levels[0].severity)
	} else {
		out.add("levels", r.writeLevels(name))
	}
	out.duration("for", r.every)
	out.duration("keep_firing_for", r.keep)
	for _, l := range r.labels {
		labels.text(l.name, l.value)
	}
	out.mapping("labels", labels)
	out.mapping("annotations", r.writeAnnotations(name, note))
	return out.node
}

func (r *rule) writeLevels(name func(measure) string) *yaml.Node {
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, l := range r.levels {
		x := flow()
		x.text("severity", l.severity)
		x.text("expr", l.when.text(name))
		list.Content = append(list.Content, x.node)
	}
	return list
}

func (r *rule) writeAnnotations(name func(measure) string, note func(at source.Pos, what, do string)) mapping {
	out := block()
	known := slices.Clone(r.by)
	for _, l := range r.labels {
		known = append(known, l.name)
	}
	for _, e := range r.annotations {
		a := annotation{passage: e.Value, labels: known, note: note}
		first := r.levels[0].when
		for !first.compares() {
			first = first.left
		}
		if m, _, ok := first.a.single(); ok {
			a.value = ".Values." + name(m) + " | " + m.format()
			if m.kind == kindCount && first.rate {
				a.rate = m.window
			}
		}
		if s, ok := a.translate(); ok {
			out.text(e.Name.Value, s)
		}
	}
	return out
}
