package rules

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"leadline"
)

// Memory is what a group remembers between two slots: its instances, and how its rules fared. Only Keep changes it, so
// several evaluations may look at it at once.
type Memory struct {
	group string    // of the instances
	slot  time.Time // newest slot that was kept
	rules map[string]*recollection
}

// recollection is what is remembered of one rule. It is replaced, never changed, and shares what did not change.
type recollection struct {
	rule     *Rule    // that judged it last; nil since the start
	series   []series // by key
	failures int      // slots in a row in which the rule failed
	overfull bool     // more label sets than the limit were there
}

// series is one instance. Nearly all are at rest nearly always, so what is at rest costs no more than what tells it from
// others, and shares that with the rows of answers.
type series struct {
	key      string
	labels   leadline.Labels
	instance *leadline.Instance // nil: at rest, and never fired; else as it stood when it last changed
	values   []float64          // newest, of a rule's measures; nil: those in instance
}

// NewMemory takes up instances that were kept before. slot is the group's newest: what is at rest is not kept again at
// every slot, so it may be newer than all of theirs.
func NewMemory(slot time.Time, instances []leadline.Instance) *Memory {
	m := &Memory{slot: slot, rules: map[string]*recollection{}}
	for _, i := range instances {
		if i.Slot.After(m.slot) {
			m.slot = i.Slot
		}
	}
	for _, i := range instances {
		m.group = i.Group
		c := m.rules[i.Rule]
		if c == nil {
			c = &recollection{}
			m.rules[i.Rule] = c
		}
		i.Slot = m.slot
		c.series = append(c.series, newSeries(i.Labels.Key(), &i))
	}
	for _, c := range m.rules {
		c.sort()
	}
	return m
}

// Slot is the newest slot that was kept, the zero time before the first.
func (m *Memory) Slot() time.Time { return m.slot }

// Instances are a rule's, sorted by their labels' key, as they stand at Slot.
func (m *Memory) Instances(rule string) []leadline.Instance {
	c := m.rules[rule]
	if c == nil {
		return nil
	}
	out := make([]leadline.Instance, len(c.series))
	for i := range c.series {
		out[i] = c.series[i].at(m.group, rule, c.rule)
		out[i].Slot = m.slot
	}
	return out
}

// Rules are the names of the rules of which there are instances.
func (m *Memory) Rules() []string {
	var out []string
	for name, c := range m.rules {
		if len(c.series) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Keep makes an outcome true. It must be one of Evaluate with this memory as it is.
func (m *Memory) Keep(o Outcome) {
	if !o.Slot.After(m.slot) {
		return
	}
	m.group, m.slot, m.rules = o.Group, o.Slot, o.next
}

// counts are a rule's instances by state.
func (m *Memory) counts(rule string) map[leadline.State]int {
	out := map[leadline.State]int{}
	if c := m.rules[rule]; c != nil {
		for i := range c.series {
			out[c.series[i].state()]++
		}
	}
	return out
}

// failures are the slots in a row in which a rule failed.
func (m *Memory) failures(rule string) int {
	if c := m.rules[rule]; c != nil {
		return c.failures
	}
	return 0
}

// names are all rules that were ever heard of, sorted.
func (m *Memory) names() []string { return slices.Sorted(maps.Keys(m.rules)) }

func newSeries(key string, i *leadline.Instance) series {
	if resting(i) && len(i.Fired) == 0 && len(i.Values) == 0 {
		return series{key: key, labels: i.Labels}
	}
	return series{key: key, labels: i.Labels, instance: i}
}

func (s *series) resting() bool { return s.instance == nil || resting(s.instance) }

func (s *series) state() leadline.State {
	if s.instance == nil {
		return leadline.StateOK
	}
	return s.instance.State
}

// at is the instance with its newest values. judge is the rule that its values are of.
func (s *series) at(group, rule string, judge *Rule) leadline.Instance {
	i := leadline.Instance{Group: group, Rule: rule, Labels: s.labels, State: leadline.StateOK}
	if s.instance != nil {
		i = *s.instance
	}
	if s.values != nil && judge != nil {
		i.Values = judge.finite(s.values)
	}
	return i
}

// resting reports whether nothing of an instance depends on time: no timer runs, and nobody waits for it.
func resting(i *leadline.Instance) bool {
	return i.State == leadline.StateOK && i.Since.IsZero() && i.AbsentSince.IsZero() && i.ClearSince.IsZero()
}

func (c *recollection) sort() {
	slices.SortFunc(c.series, func(a, b series) int { return cmp.Compare(a.key, b.key) })
}
