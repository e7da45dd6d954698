package rules

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// forgetAfter bounds the memory of a label set that is gone and was not firing.
const forgetAfter = 24 * time.Hour

// outcome is an evaluation and how its rules fared.
type outcome struct {
	leadline.Evaluation
	rules []ruleOutcome // in the order of the group
}

type ruleOutcome struct {
	err      error // of the query or a condition
	refused  int   // new label sets above the limit
	duration time.Duration
}

// evaluate works out one slot from what was found out about it. It changes nothing: what it returns becomes true when
// the sink has taken it.
func (r *run) evaluate(answers measure.Answers, slot time.Time) outcome {
	out := outcome{Evaluation: leadline.Evaluation{Group: r.group.Name, Slot: slot}}
	for _, rule := range r.group.Rules {
		started := time.Now()
		ro := r.rule(answers, rule, slot, &out.Evaluation)
		ro.duration = time.Since(started)
		out.rules = append(out.rules, ro)
	}
	r.deleted(slot, &out.Evaluation)
	return out
}

// rule moves all instances of one rule to the slot.
func (r *run) rule(answers measure.Answers, rule *Rule, slot time.Time, into *leadline.Evaluation) (ro ruleOutcome) {
	found, err := r.judge(rule, answers)
	known := r.known[rule.Name]
	var transitions []leadline.Transition
	move := func(i leadline.Instance, o Observation) {
		next, ts := Step(rule.Timing, i, o, slot)
		for t := range ts {
			r.explain(rule, &ts[t])
		}
		transitions = append(transitions, ts...)
		if forgotten(next, slot) {
			into.Gone = append(into.Gone, next)
		} else {
			into.Instances = append(into.Instances, next)
		}
	}
	kept := 0
	for _, key := range slices.Sorted(maps.Keys(known)) {
		i := known[key]
		if !sameBy(i.Labels, rule.Ask.By) {
			continue // of an older `by`: deleted
		}
		kept++
		o := Observation{Kind: ObsAbsent}
		if err != nil {
			o = Observation{Kind: ObsFailed, Detail: err.Error()}
		} else if f, ok := found[key]; ok {
			o = f.Observation
			ro.err = cmp.Or(ro.err, failure(o))
		}
		move(i, o)
	}
	ro.err = cmp.Or(err, ro.err)
	added := fresh(found, known)
	room := max(0, r.group.Limit-kept)
	ro.refused = max(0, len(added)-room)
	for _, f := range added[:min(room, len(added))] {
		ro.err = cmp.Or(ro.err, failure(f.Observation))
		move(leadline.Instance{Group: r.group.Name, Rule: rule.Name, Labels: f.labels, State: leadline.StateOK}, f.Observation)
	}
	into.Transitions = append(into.Transitions, r.troubles(rule, slot, transitions, ro)...)
	return ro
}

// finding is one label set of an answer and the judgement on it.
type finding struct {
	key    string
	labels leadline.Labels
	Observation
}

// judge reads what was found out about a rule. A panic here is one rule's failure, not the group's.
func (r *run) judge(rule *Rule, answers measure.Answers) (out map[string]finding, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("rule panicked", "rule", rule.Name, "panic", p, "stack", string(debug.Stack()))
			out, err = nil, fmt.Errorf("panic: %v", p)
		}
	}()
	rows, err := answers.Rows(&rule.Ask)
	if err != nil {
		return nil, err
	}
	out = make(map[string]finding, len(rows))
	for i := range rows {
		out[rows[i].Key] = finding{rows[i].Key, rows[i].Labels, rule.observe(&rows[i])}
	}
	return out, nil
}

// fresh are the findings on label sets that are not known yet, those with a level first: they must not be refused for
// the sake of others.
func fresh(found map[string]finding, known map[string]leadline.Instance) []finding {
	var out []finding
	for key, f := range found {
		if _, ok := known[key]; !ok {
			out = append(out, f)
		}
	}
	slices.SortFunc(out, func(a, b finding) int { return cmp.Or(rank(a)-rank(b), cmp.Compare(a.key, b.key)) })
	return out
}

func rank(f finding) int {
	if f.Kind == ObsLevel {
		return 0
	}
	return 1
}

// troubles reports a rule's failure once, not once an instance, and a limit when it is first exceeded.
func (r *run) troubles(rule *Rule, slot time.Time, ts []leadline.Transition, ro ruleOutcome) []leadline.Transition {
	ts = slices.DeleteFunc(ts, func(t leadline.Transition) bool { return t.Change == leadline.ChangeError })
	report := func(detail string) {
		ts = append(ts, leadline.Transition{
			Change: leadline.ChangeError, Group: r.group.Name, Rule: rule.Name, Labels: leadline.Labels{},
			Severity: SeverityTicket, Slot: slot, Since: slot, Window: rule.Ask.Longest(), RuleLabels: rule.Labels, Detail: detail,
		})
	}
	if ro.err != nil && r.failures[rule.Name]+1 == failuresToTell {
		report(ro.err.Error())
	}
	if ro.refused > 0 && !r.overfull[rule.Name] {
		report(fmt.Sprintf("limit of %d instances reached, %d new label sets are not watched: narrow `by` or raise limit", r.group.Limit, ro.refused))
	}
	return ts
}

// explain adds what only the rule knows: its labels, window and texts.
func (r *run) explain(rule *Rule, t *leadline.Transition) {
	t.RuleLabels, t.Window = rule.Labels, rule.Ask.Longest()
	t.Annotations = make(map[string]string, len(rule.Annotations))
	data := rule.texts(r.group.Name, t.Severity, t.Labels, t.Values)
	for i := range rule.Annotations {
		a := &rule.Annotations[i]
		text, err := a.render(data)
		if err != nil {
			text = "(" + templateError(err) + ")"
		}
		t.Annotations[a.Name] = text
	}
}

// deleted resolves what the YAML no longer has: a rule, or the label sets of an older `by`.
func (r *run) deleted(slot time.Time, into *leadline.Evaluation) {
	for _, name := range slices.Sorted(maps.Keys(r.known)) {
		at := slices.IndexFunc(r.group.Rules, func(x *Rule) bool { return x.Name == name })
		for _, key := range slices.Sorted(maps.Keys(r.known[name])) {
			i := r.known[name][key]
			if at >= 0 && sameBy(i.Labels, r.group.Rules[at].Ask.By) {
				continue
			}
			into.Gone = append(into.Gone, i)
			if i.State == leadline.StateFiring || i.Was == leadline.StateFiring {
				into.Transitions = append(into.Transitions, leadline.Transition{
					Change: leadline.ChangeResolved, Group: i.Group, Rule: i.Rule, Labels: i.Labels, Severity: i.Severity,
					Slot: slot, Since: i.Since, Values: i.Values, Detail: "rule_deleted",
				})
			}
		}
	}
}

func failure(o Observation) error {
	if o.Kind != ObsFailed {
		return nil
	}
	return errors.New(o.Detail)
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
func forgotten(i leadline.Instance, slot time.Time) bool {
	return i.State == leadline.StateNoData && i.Was != leadline.StateFiring && slot.Sub(i.AbsentSince) >= forgetAfter
}
