package rules

import (
	"cmp"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// PanicError is a rule that panicked: its failure, and not its group's.
type PanicError struct {
	Value any
	Stack []byte
}

// Error says what the rule panicked with.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// verdict is what becomes of one rule at one slot.
type verdict struct {
	RuleOutcome
	group *Group
	rule  *Rule
	slot  time.Time

	next        *recollection
	kept        int                 // instances that count for the limit
	changed     []leadline.Instance // in a way that has to be kept
	gone        []leadline.Instance
	transitions []leadline.Transition
}

// judge moves all instances of one rule to the slot.
func judge(g *Group, rule *Rule, known *recollection, a measure.Answers, slot time.Time) *verdict {
	v := newVerdict(g, rule, known, slot)
	err := calmly(func() error {
		rows, err := a.Rows(&rule.Ask)
		if err != nil {
			return err
		}
		if rows, err = distinct(rows); err != nil {
			return err
		}
		v.walk(known, rows)
		return nil
	})
	if err != nil {
		v = newVerdict(g, rule, known, slot)
		v.Err = err
		v.freeze(known)
	}
	v.troubles(known)
	return v
}

func newVerdict(g *Group, rule *Rule, known *recollection, slot time.Time) *verdict {
	return &verdict{
		group: g, rule: rule, slot: slot,
		next: &recollection{rule: rule, series: make([]series, 0, len(known.series))},
	}
}

// calmly turns a panic into an error.
func calmly(do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &PanicError{p, debug.Stack()}
		}
	}()
	return do()
}

// distinct are the rows, sorted by key. Two with one key cannot be told apart.
func distinct(rows []measure.Row) ([]measure.Row, error) {
	for i := 1; i < len(rows); i++ {
		switch cmp.Compare(rows[i-1].Key, rows[i].Key) {
		case 0:
			return nil, fmt.Errorf("two series have the labels {%s}", rows[i].Key)
		case 1:
			rows = slices.Clone(rows)
			slices.SortFunc(rows, func(a, b measure.Row) int { return cmp.Compare(a.Key, b.Key) })
			return distinct(rows)
		}
	}
	return rows, nil
}

// walk goes through the known instances and the rows side by side.
func (v *verdict) walk(known *recollection, rows []measure.Row) {
	x := newExaminer(v.rule)
	var added []finding
	n := 0
	for i := range known.series {
		s := &known.series[i]
		for ; n < len(rows) && rows[n].Key < s.key; n++ {
			added = append(added, finding{&rows[n], x.examine(&rows[n], nil, v.slot)})
		}
		var row *measure.Row
		if n < len(rows) && rows[n].Key == s.key {
			row = &rows[n]
			n++
		}
		if known.rule != v.rule && !sameBy(s.labels, v.rule.Ask.By) {
			continue // of an older `by`: deleted
		}
		v.kept++
		v.move(s, known.rule, x.examine(row, s.instance, v.slot))
	}
	for ; n < len(rows); n++ {
		added = append(added, finding{&rows[n], x.examine(&rows[n], nil, v.slot)})
	}
	v.add(added)
}

// finding is a label set that is not known yet.
type finding struct {
	row *measure.Row
	Observation
}

func (f finding) rank() int {
	if f.Kind == ObsLevel {
		return 0
	}
	return 1
}

// add takes up new label sets as far as there is room, those with a level first: they must not be refused for the sake
// of others.
func (v *verdict) add(added []finding) {
	if len(added) == 0 {
		return
	}
	slices.SortStableFunc(added, func(a, b finding) int { return a.rank() - b.rank() })
	room := min(max(0, v.group.Limit-v.kept), len(added))
	v.Refused = len(added) - room
	for _, f := range added[:room] {
		// Of a label set that was never seen there is nothing to compare with.
		born := leadline.Instance{Group: v.group.Name, Rule: v.rule.Name, Labels: f.row.Labels}
		v.move(&series{key: f.row.Key, labels: f.row.Labels, instance: &born}, nil, f.Observation)
	}
	v.next.sort()
}

// freeze keeps everything as it is: the rule could not be judged.
func (v *verdict) freeze(known *recollection) {
	for i := range known.series {
		s := &known.series[i]
		if known.rule != v.rule && !sameBy(s.labels, v.rule.Ask.By) {
			continue
		}
		v.kept++
		v.move(s, known.rule, Observation{Kind: ObsFailed})
	}
}

// move takes an instance one slot on. before is the rule that judged it last.
func (v *verdict) move(s *series, before *Rule, o Observation) {
	if o.Kind == ObsFailed && o.Detail != "" {
		v.Err = cmp.Or(v.Err, errors.New(o.Detail))
	}
	if s.resting() { // what Step would do, without making anything: an instance at rest has no timers
		switch {
		case o.Kind == ObsClear || o.Kind == ObsHold:
			kept := s.instance
			if kept != nil && len(kept.Fired) == 0 {
				kept = nil
			}
			v.next.series = append(v.next.series, series{s.key, s.labels, kept, o.row})
			return
		case o.Kind == ObsFailed && before == v.rule:
			v.next.series = append(v.next.series, *s)
			return
		}
	}
	was := s.at(v.group.Name, v.rule.Name, before)
	o.Values = o.values(v.rule)
	next, ts := Step(v.rule.Timing, was, o, v.slot)
	for t := range ts {
		v.explain(&ts[t])
	}
	v.transitions = append(v.transitions, ts...)
	if forgotten(&next, v.slot) {
		v.gone = append(v.gone, next)
		return
	}
	if worthKeeping(&was, &next) {
		v.changed = append(v.changed, next)
	}
	if row := o.row; row != nil && resting(&next) && len(next.Fired) == 0 {
		v.next.series = append(v.next.series, series{key: s.key, labels: s.labels, values: row})
		return
	}
	v.next.series = append(v.next.series, newSeries(s.key, &next))
}

// worthKeeping reports whether an instance would be another one after a restart if it were not kept again. Its slot is
// the group's, and the values of what does not fire are for people only.
func worthKeeping(was, now *leadline.Instance) bool {
	return now.State == leadline.StatePending || now.State == leadline.StateFiring || was.State != now.State || was.Was != now.Was ||
		!was.Since.Equal(now.Since) || !was.ClearSince.Equal(now.ClearSince) || !was.AbsentSince.Equal(now.AbsentSince)
}

// troubles reports a rule's failure once, not once an instance, and a limit when it is first exceeded.
func (v *verdict) troubles(known *recollection) {
	report := func(detail string) {
		v.transitions = append(v.transitions, leadline.Transition{
			Change: leadline.ChangeError, Group: v.group.Name, Rule: v.rule.Name, Labels: leadline.Labels{}, Severity: SeverityTicket,
			Slot: v.slot, Since: v.slot, Window: v.rule.window(), RuleLabels: v.rule.Labels, Detail: detail,
		})
	}
	v.next.overfull = v.Refused > 0
	if v.Err != nil {
		v.next.failures = known.failures + 1
		v.next.overfull = known.overfull // not known in this slot
	}
	if v.next.failures == failuresToTell {
		report(v.Err.Error())
	}
	if v.Refused > 0 && !known.overfull {
		report(fmt.Sprintf("limit of %d instances reached, %d new label sets are not watched: narrow `by` or raise limit", v.group.Limit, v.Refused))
	}
}

// explain adds what only the rule knows: its labels, window and texts.
func (v *verdict) explain(t *leadline.Transition) {
	t.RuleLabels, t.Window = v.rule.labelled(t.Severity), v.rule.window()
	t.Annotations = v.rule.Texts(v.group.Name, t.Severity, t.Labels, t.Values)
	if v.rule.remark != nil && t.Change != leadline.ChangeResolved {
		t.Annotations["summary"] += ": " + v.rule.remark()
	}
}
