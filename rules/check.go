package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"leadline"
	"leadline/rules/measure"
	"leadline/source"
)

// Bounds of a group. Slots closer than a second would only repeat the answer of the last.
const (
	minInterval = time.Second
	maxInterval = time.Hour
	maxOffset   = time.Hour
	maxLimit    = 10_000
)

// Check reports what is wrong between groups that are each well-formed.
func Check(groups []*Group) source.Errors {
	var errs source.Errors
	byName := map[string]*Group{}
	for _, g := range groups {
		if first := byName[g.Name]; first != nil && g.Name != "" {
			errs = append(errs, g.pos.Error(fmt.Sprintf("group %q is there twice", g.Name), fmt.Sprintf("rename it, the first is at %s", place(first.pos))))
			continue
		}
		if g.Name == leadline.SelfGroup {
			errs = append(errs, g.pos.Error(fmt.Sprintf("the name %q is that of the built-in group", g.Name), "rename it"))
		}
		byName[g.Name] = g
		seen := map[string]*Rule{}
		for _, r := range g.Rules {
			if first := seen[r.Name]; first != nil && r.Name != "" {
				errs = append(errs, r.pos.Error(fmt.Sprintf("alert %q is in the group twice", r.Name), fmt.Sprintf("rename it, the first is at %s", place(first.pos))))
				continue
			}
			seen[r.Name] = r
		}
	}
	return errs.Sorted()
}

func place(p source.Pos) string {
	e := p.Error("", "")
	return fmt.Sprintf("%s:%d", e.File, e.Line)
}

func (c *compiler) bounds() {
	s := c.spec
	if v := s.Interval; v.Value < minInterval || v.Value > maxInterval {
		c.fail(v.Pos, fmt.Sprintf("interval %s is not between 1s and 1h", source.FormatDuration(v.Value)), "use 30s")
	}
	if v := s.QueryOffset; v.Value > maxOffset {
		c.fail(v.Pos, "query_offset is longer than 1h", "use 5s: it only has to cover the way into ClickHouse")
	}
	if v := s.Limit; v.Value < 1 || v.Value > maxLimit {
		c.fail(v.Pos, fmt.Sprintf("limit %d is not between 1 and %d", v.Value, maxLimit), "use 500")
	}
	if name := c.group.Name; !c.group.pos.IsZero() && (name == "" || len(name) > 100) {
		c.fail(c.group.pos, "the name of a group has 1 to 100 bytes", "shorten it")
	}
}

func (c *compiler) someRules() {
	if len(c.spec.Rules) == 0 && !c.group.pos.IsZero() && len(c.errs) == 0 {
		c.fail(c.group.pos, "the group has no rules", "add one or remove the group")
	}
}

func (c *compiler) alertName(s *ruleSpec) {
	if name := s.Alert; !name.Pos.IsZero() && (name.Value == "" || len(name.Value) > 100) {
		c.fail(name.Pos, "the name of an alert has 1 to 100 bytes", "shorten it")
	}
}

func (c *compiler) window(w source.Duration) {
	interval := c.spec.Interval.Value
	if !w.Pos.IsZero() && w.Value < 2*interval {
		c.fail(w.Pos, fmt.Sprintf("the window is shorter than two intervals of %s, a late slot would miss events", source.FormatDuration(interval)), "use a longer window or a shorter interval")
	}
}

func (c *compiler) timing(s *ruleSpec) {
	interval := c.spec.Interval.Value
	for _, d := range []struct {
		name  string
		value source.Duration
	}{{"for", s.For}, {"keep_firing_for", s.KeepFiringFor}, {"no_data.for", s.NoData.For}} {
		if !d.value.Pos.IsZero() && d.value.Value > 0 && d.value.Value < interval {
			c.fail(d.value.Pos, fmt.Sprintf("%s is shorter than the interval of %s, nobody looks in between", d.name, source.FormatDuration(interval)), "use a multiple of the interval, or 0s")
		}
	}
	if d := s.NoData.For; !d.Pos.IsZero() && d.Value == 0 {
		c.fail(d.Pos, "no_data.for is 0, one empty window would be no data", "use a few intervals")
	}
}

func (c *compiler) floors(s *ruleSpec, r *Rule) {
	for _, e := range s.MinSamples {
		i := slices.IndexFunc(r.Ask.Measures, func(m measure.Measure) bool { return m.Name == e.Name.Value })
		var counts []string
		for _, m := range r.Ask.Measures {
			if counted(&m) {
				counts = append(counts, m.Name)
			}
		}
		switch {
		case len(counts) == 0:
			c.fail(e.Name.Pos, fmt.Sprintf("%q is not a count of this rule", e.Name.Value), "add a measure such as n: {count: event, window: 5m}")
		case i < 0, !counted(&r.Ask.Measures[i]):
			c.fail(e.Name.Pos, fmt.Sprintf("%q is not a count of this rule", e.Name.Value), source.Suggest(e.Name.Value, counts))
		case e.Value.Value < 1:
			c.fail(e.Value.Pos, "min_samples must be 1 or more", "remove it or raise it")
		default:
			r.minSamples = append(r.minSamples, floor{i, float64(e.Value.Value)})
		}
	}
}

// counted reports whether a measure says how many there are.
func counted(m *measure.Measure) bool { return m.Kind == measure.Count && m.Baseline == nil }

// unused reports measures that nothing looks at: they cost a query and are most often a typing mistake.
func (c *compiler) unused(s *ruleSpec, r *Rule) {
	if r.Objective != nil {
		return // its words and values use all
	}
	for i, m := range r.Ask.Measures {
		used := r.Recover != nil && r.Recover.Uses(m.Name)
		for _, l := range r.Levels {
			used = used || l.When.Uses(m.Name)
		}
		for _, f := range r.minSamples {
			used = used || f.measure == i
		}
		for _, a := range s.Annotations {
			used = used || strings.Contains(a.Value.Text, ".Values."+m.Name)
		}
		at := s.SQL.Pos
		if r.Ask.Custom == nil {
			at = s.Measure[i].Name.Pos
		}
		if !used {
			c.fail(at, fmt.Sprintf("measure %s is never used", m.Name), "use it in a condition, min_samples or an annotation, or remove it")
		}
	}
}

// reach reports what looks further back than rows are kept: it would see nothing there, and no error would say so.
func (c *compiler) reach(s *ruleSpec, r *Rule) {
	for i := range s.Measure {
		m := &r.Ask.Measures[i]
		back, kept, table := m.Reach(r.Ask.By)
		if back <= kept {
			continue
		}
		at, do := s.Measure[i].Value.Window.Pos, "use a shorter window"
		if m.Baseline != nil {
			at, do = s.Measure[i].Value.Baseline.Pos, "use fewer periods, a shorter season or a shorter window"
		}
		c.fail(at, fmt.Sprintf("measure %s looks %s back, %s is kept for %s", m.Name, source.FormatDuration(back), table, source.FormatDuration(kept)), do)
	}
}
