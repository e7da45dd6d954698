package ruletest

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"leadline"
	"leadline/rules"
	"leadline/source"
)

// binder finds what the names in tests stand for, and collects every mistake.
type binder struct {
	known []*rules.Group
	errs  source.Errors
}

func (b *binder) fail(at source.Pos, what, do string) {
	b.errs = append(b.errs, at.Error(what, do))
}

func (b *binder) test(s *testSpec) *test {
	t := &test{name: s.Name.Value, pos: s.Name.Pos}
	before := len(b.errs)
	fallback, hasFallback := Alert{}, false
	if !s.Alert.Pos.IsZero() {
		fallback, hasFallback = b.alert(s.Alert)
	}
	for i := range s.At {
		c := &s.At[i]
		switch {
		case !c.Alert.Pos.IsZero():
			if a, ok := b.alert(c.Alert); ok {
				t.expect(a)
				t.checks = append(t.checks, b.check(c, a))
			}
		case hasFallback:
			t.expect(fallback)
			t.checks = append(t.checks, b.check(c, fallback))
		case s.Alert.Pos.IsZero():
			b.fail(c.Pos, "no alert is named", "add alert: to it or to the test")
		}
	}
	b.events(s, t, fallback, hasFallback)
	if len(b.errs) > before {
		return t
	}
	if len(t.alerts) == 0 {
		b.fail(s.Name.Pos, fmt.Sprintf("test %q expects nothing", t.name), "add at: or events:")
		return t
	}
	b.feeds(s, t)
	return t
}

// expect notes an alert that the test is about.
func (t *test) expect(a Alert) {
	if !slices.Contains(t.alerts, a) {
		t.alerts = append(t.alerts, a)
	}
}

// alert finds a rule by its name, or by group/name.
func (b *binder) alert(name source.At[string]) (Alert, bool) {
	var found []Alert
	var names []string
	for _, g := range b.known {
		for _, r := range g.Rules {
			if r.Name == name.Value || g.Name+"/"+r.Name == name.Value {
				found = append(found, Alert{g, r})
			}
			names = append(names, r.Name)
		}
	}
	switch len(found) {
	case 0:
		b.fail(name.Pos, fmt.Sprintf("no alert %q in rule_files", name.Value), source.Suggest(name.Value, names))
		return Alert{}, false
	case 1:
		return found[0], true
	}
	b.fail(name.Pos, fmt.Sprintf("alert %q is in several groups", name.Value), fmt.Sprintf("write %s/%s", found[0].Group.Name, found[0].Rule.Name))
	return Alert{}, false
}

func (b *binder) check(s *checkSpec, a Alert) check {
	c := check{pos: s.Pos, at: s.T.Value, alert: a}
	every := a.Group.Interval
	if c.at%every != 0 || c.at < 0 {
		down := c.at / every * every
		b.fail(s.T.Pos, fmt.Sprintf("%s is no slot of group %s, whose interval is %s", source.FormatDuration(c.at), a.Group.Name, source.FormatDuration(every)),
			fmt.Sprintf("use %s or %s", source.FormatDuration(down), source.FormatDuration(down+every)))
	}
	if c.at/every > maxSlots {
		b.fail(s.T.Pos, fmt.Sprintf("%s is more than %d slots after the start", source.FormatDuration(c.at), maxSlots), "use a shorter time")
	}
	for i := range s.Want.Value {
		c.want = append(c.want, b.instance(&s.Want.Value[i], a))
	}
	return c
}

func (b *binder) instance(s *wantSpec, a Alert) instance {
	i := instance{
		pos: s.Pos, labels: leadline.Labels{}, state: leadline.State(s.State.Value), severity: s.Severity.Value,
		annotations: s.Annotations, values: s.Values,
	}
	states := []string{string(leadline.StatePending), string(leadline.StateFiring), string(leadline.StateNoData)}
	if !slices.Contains(states, s.State.Value) && !s.State.Pos.IsZero() {
		do := source.Suggest(s.State.Value, states)
		if i.state == leadline.StateOK {
			do = "want lists what is not ok: remove it"
		}
		b.fail(s.State.Pos, fmt.Sprintf("no instance is ever %q here", s.State.Value), do)
	}
	if !s.Severity.Pos.IsZero() {
		b.severity(s.Severity, a)
	}
	b.labels(s.Labels, a.Rule.Ask.By, i.labels)
	for _, e := range s.Values {
		if known := a.Rule.ValueNames(); !slices.Contains(known, e.Name.Value) {
			b.fail(e.Name.Pos, fmt.Sprintf("%s has no value %q", a.Rule.Name, e.Name.Value), source.Suggest(e.Name.Value, known))
		}
	}
	for _, e := range s.Annotations {
		names := annotationNames(a.Rule)
		if !slices.Contains(names, e.Name.Value) {
			b.fail(e.Name.Pos, fmt.Sprintf("%s has no annotation %q", a.Rule.Name, e.Name.Value), source.Suggest(e.Name.Value, names))
		}
	}
	return i
}

func (b *binder) severity(s source.At[string], a Alert) {
	if known := severities(a.Rule); !slices.Contains(known, s.Value) {
		b.fail(s.Pos, fmt.Sprintf("%s has no level of severity %q", a.Rule.Name, s.Value), source.Suggest(s.Value, known))
	}
}

// labels reads those that a rule's instances have.
func (b *binder) labels(m source.Map[source.At[string]], by []string, into leadline.Labels) {
	for _, e := range m {
		if !slices.Contains(by, e.Name.Value) {
			do := "remove it: the rule has no `by`"
			if len(by) > 0 {
				do = source.Suggest(e.Name.Value, by)
			}
			b.fail(e.Name.Pos, fmt.Sprintf("instances have no label %q", e.Name.Value), do)
			continue
		}
		into[e.Name.Value] = e.Value.Value
	}
}

func measureNames(r *rules.Rule) []string {
	out := make([]string, len(r.Ask.Measures))
	for i, m := range r.Ask.Measures {
		out[i] = m.Name
	}
	return out
}

// annotationNames are those of all levels.
func annotationNames(r *rules.Rule) []string {
	known := map[string]string{}
	for _, severity := range severities(r) {
		maps.Copy(known, r.Texts("", severity, nil, nil))
	}
	return slices.Sorted(maps.Keys(known))
}

func severities(r *rules.Rule) []string {
	out := make([]string, len(r.Levels))
	for i, l := range r.Levels {
		out[i] = l.Severity
	}
	return out
}

// title is how an instance is written: its alert and its labels.
func title(a Alert, labels leadline.Labels) string {
	if len(labels) == 0 {
		return a.Rule.Name
	}
	return a.Rule.Name + "{" + labels.Key() + "}"
}

// sentence joins words without the empty ones.
func sentence(words ...string) string {
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}
