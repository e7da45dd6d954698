package ruletest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"leadline"
	"leadline/source"
)

// Failure is one expectation that did not come true.
type Failure struct {
	*source.Error
	Detail []string // the difference, and what was there
}

// Text is the failure with its place in the document and its detail.
func (f Failure) Text() string {
	lines := []string{f.Error.Error()}
	if f.Snippet != "" {
		lines = append(lines, f.Snippet)
	}
	for _, d := range f.Detail {
		lines = append(lines, "      "+d)
	}
	return strings.Join(lines, "\n")
}

func (t *test) fail(at source.Pos, what string, detail ...string) Failure {
	return Failure{at.Error(fmt.Sprintf("test %q %s", t.name, what), ""), detail}
}

// compare holds a check against the instances that are not ok: first those that are wanted just so, then what is nearest.
func (t *test) compare(c *check, got []leadline.Instance, told []event) (failures []Failure) {
	at := "at " + source.FormatDuration(c.at)
	left, open := slices.Clone(got), slices.Clone(c.want)
	open = slices.DeleteFunc(open, func(w instance) bool {
		i := slices.IndexFunc(left, func(g leadline.Instance) bool { return contains(g.Labels, w.labels) && w.misses(c.alert, &g) == nil })
		if i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
		return i >= 0
	})
	for _, w := range open {
		i := slices.IndexFunc(left, func(g leadline.Instance) bool { return contains(g.Labels, w.labels) })
		if i < 0 {
			failures = append(failures, t.fail(w.pos, fmt.Sprintf("%s: want %s, got ok", at, w.name(c.alert)), t.there(c, w.labels, told)...))
			continue
		}
		g := &left[i]
		detail := append(w.misses(c.alert, g), t.there(c, g.Labels, told)...)
		failures = append(failures, t.fail(w.pos, fmt.Sprintf("%s: want %s, got %s", at, w.name(c.alert), standing(g)), detail...))
		left = slices.Delete(left, i, i+1)
	}
	for i := range left {
		g := &left[i]
		what := fmt.Sprintf("%s: want %s ok, got %s", at, title(c.alert, g.Labels), standing(g))
		failures = append(failures, t.fail(c.pos, what, t.there(c, g.Labels, told)...))
	}
	return failures
}

// standing is where an instance stands: firing page.
func standing(i *leadline.Instance) string { return sentence(string(i.State), i.Severity) }

func (w instance) name(a Alert) string {
	labels := ""
	if len(w.labels) > 0 {
		labels = title(a, w.labels)
	}
	return sentence(labels, string(w.state), w.severity)
}

// misses are the differences between an instance and what is wanted of it, nil where there are none.
func (w instance) misses(a Alert, g *leadline.Instance) (out []string) {
	differ := func(want, got string) { out = append(out, "- "+want, "+ "+got) }
	if w.state != g.State || w.severity != "" && w.severity != g.Severity {
		differ(sentence(title(a, g.Labels), string(w.state), w.severity), sentence(title(a, g.Labels), standing(g)))
	}
	for _, e := range w.values {
		if v, ok := g.Values[e.Name.Value]; !ok || !near(e.Value.Value, v) {
			differ(e.Name.Value+" "+number(e.Value.Value), e.Name.Value+" "+numberIf(v, ok))
		}
	}
	texts := a.Rule.Texts(a.Group.Name, g.Severity, g.Labels, g.Values)
	for _, e := range w.annotations {
		if got := texts[e.Name.Value]; got != e.Value.Value {
			differ(e.Name.Value+": "+e.Value.Value, e.Name.Value+": "+got)
		}
	}
	return out
}

// near allows for the arithmetic of floats: a millionth.
func near(a, b float64) bool {
	return a == b || math.Abs(a-b) <= 1e-6*max(math.Abs(a), math.Abs(b))
}

func number(v float64) string { return fmt.Sprintf("%.6g", v) }

func numberIf(v float64, ok bool) string {
	if !ok || math.IsNaN(v) {
		return "no value"
	}
	return number(v)
}

// there says what a label set had at the time of a check, and what had been told of it by then.
func (t *test) there(c *check, labels leadline.Labels, told []event) []string {
	slot := int(c.at / c.alert.Group.Interval)
	var out []string
	for _, f := range t.feeds {
		if f.alert != c.alert || !contains(f.labels, labels) {
			continue
		}
		var values []string
		for i, m := range c.alert.Rule.Ask.Measures {
			s := f.at(i, slot)
			text := m.Name + " " + numberIf(s.value, true)
			if s.failed {
				text = m.Name + " error"
			}
			values = append(values, text)
		}
		of := ""
		if len(f.labels) > 0 {
			of = "of " + f.labels.Key()
		}
		out = append(out, sentence("values", of, "at "+source.FormatDuration(c.at)+":", strings.Join(values, ", ")))
	}
	if len(out) == 0 {
		out = append(out, "no series has these labels")
	}
	var before []string
	for _, e := range told {
		if contains(e.labels, labels) {
			e.labels = maps.Clone(e.labels)
			maps.DeleteFunc(e.labels, func(name, _ string) bool { _, known := labels[name]; return known })
			before = append(before, e.String())
		}
	}
	if len(before) > 0 {
		out = append(out, "events so far: "+strings.Join(before, ", "))
	}
	return out
}

func (t *test) compareEvents(got []event) []Failure {
	diff, first := compareEvents(t.events.want, got)
	if diff == nil {
		return nil
	}
	if first != nil {
		return []Failure{t.fail(first.pos, fmt.Sprintf("events of %s: want %s, which did not come", t.events.alert.Rule.Name, first), diff...)}
	}
	extra := slices.IndexFunc(diff, func(l string) bool { return strings.HasPrefix(l, "+ ") })
	return []Failure{t.fail(t.events.pos, fmt.Sprintf("events of %s: %s came and is not wanted", t.events.alert.Rule.Name, diff[extra][2:]), diff...)}
}
