package rules

import (
	"time"

	"leadline"
	"leadline/rules/measure"
)

// forgetAfter bounds the memory of a label set that is gone and was not firing.
const forgetAfter = 24 * time.Hour

// Outcome is what becomes of a group at one slot, and how its rules fared.
type Outcome struct {
	// Evaluation is for the sink. Its Instances are only those that changed, see Memory.Instances for all.
	leadline.Evaluation
	Rules []RuleOutcome // in the order of the group

	next map[string]*recollection
}

// RuleOutcome says how the judgement of one rule went.
type RuleOutcome struct {
	Err     error // of the question or a condition, or a *PanicError
	Refused int   // new label sets above the group's limit
	Took    time.Duration
}

// Evaluate judges one slot from what was found out about it. It is the only judgement there is: live, in a rule's test
// and over history. It changes nothing: what it returns becomes true when Memory.Keep takes it. A slot that is not after
// the memory's has no outcome.
func (g *Group) Evaluate(m *Memory, a measure.Answers, slot time.Time) Outcome {
	out := Outcome{
		Evaluation: leadline.Evaluation{Group: g.Name, Slot: slot}, Rules: make([]RuleOutcome, len(g.Rules)),
		next: make(map[string]*recollection, len(g.Rules)),
	}
	if !slot.After(m.slot) {
		return out
	}
	for n, rule := range g.Rules {
		started := time.Now()
		known := m.rules[rule.Name]
		if known == nil {
			known = &recollection{}
		}
		v := judge(g, rule, known, a, slot)
		out.Instances = append(out.Instances, v.changed...)
		out.Gone = append(out.Gone, v.gone...)
		out.Transitions = append(out.Transitions, v.transitions...)
		out.next[rule.Name] = v.next
		v.Took = time.Since(started)
		out.Rules[n] = v.RuleOutcome
	}
	for _, name := range m.names() {
		if judged := out.next[name]; judged != nil {
			out.delete(name, m.rules[name], judged.rule)
		} else {
			out.delete(name, m.rules[name], nil)
		}
	}
	return out
}

// Dissolve is what becomes of a group that is there no more: its instances are gone, and what fires resolves.
func (m *Memory) Dissolve(group string, slot time.Time) Outcome {
	out := Outcome{Evaluation: leadline.Evaluation{Group: group, Slot: slot, Dissolved: true}, next: map[string]*recollection{}}
	for _, name := range m.names() {
		out.delete(name, m.rules[name], nil)
	}
	return out
}

// ReasonDeleted is the detail of what resolves because the YAML no longer has it.
const ReasonDeleted = "rule_deleted"

// delete resolves what the YAML no longer has: a rule (nil), or the label sets of an older `by`.
func (o *Outcome) delete(name string, known *recollection, rule *Rule) {
	if rule != nil && known.rule == rule {
		return
	}
	for n := range known.series {
		s := &known.series[n]
		if rule != nil && sameBy(s.labels, rule.Ask.By) {
			continue
		}
		i := s.at(o.Group, name, known.rule)
		o.Gone = append(o.Gone, i)
		if i.State == leadline.StateFiring || i.Was == leadline.StateFiring {
			o.Transitions = append(o.Transitions, leadline.Transition{
				Change: leadline.ChangeResolved, Group: i.Group, Rule: i.Rule, Labels: i.Labels, Severity: i.Severity,
				Slot: o.Slot, Since: i.Since, Values: i.Values, Detail: ReasonDeleted,
			})
		}
	}
}

func sameBy(l leadline.Labels, by []string) bool {
	if len(l) != len(by) {
		return false
	}
	for _, b := range by {
		if _, ok := l[b]; !ok {
			return false
		}
	}
	return true
}

// forgotten reports whether an instance has been without data for long and nobody waits for its end.
func forgotten(i *leadline.Instance, slot time.Time) bool {
	return i.State == leadline.StateNoData && i.Was != leadline.StateFiring && slot.Sub(i.AbsentSince) >= forgetAfter
}
