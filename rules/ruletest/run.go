package ruletest

import (
	"cmp"
	"errors"
	"math"
	"slices"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/rules/measure"
)

// Result is how one test went.
type Result struct {
	Suite    string
	File     string
	Test     string
	Took     time.Duration
	Failures []Failure
}

// Run runs the tests whose names are wanted, in their order.
func (s *Suite) Run(wanted func(name string) bool) []Result {
	var out []Result
	for _, t := range s.tests {
		if !wanted(t.name) {
			continue
		}
		began := time.Now()
		failures := t.run(s.start)
		out = append(out, Result{Suite: s.Name, File: s.File, Test: t.name, Took: time.Since(began), Failures: failures})
	}
	return out
}

// run evaluates every group of the test on its own: groups know nothing of each other.
func (t *test) run(start time.Time) []Failure {
	var failures []Failure
	var done []*rules.Group
	for _, a := range t.alerts {
		if slices.Contains(done, a.Group) {
			continue
		}
		done = append(done, a.Group)
		failures = append(failures, t.group(a.Group, start)...)
	}
	slices.SortStableFunc(failures, func(a, b Failure) int { return a.Line - b.Line })
	return failures
}

// group runs one group from the first slot to the last that a series or an expectation has.
func (t *test) group(g *rules.Group, start time.Time) (failures []Failure) {
	memory := rules.NewMemory(time.Time{}, nil)
	told := map[*rules.Rule][]event{}
	answers := &answers{}
	for _, f := range t.feeds {
		if f.alert.Group == g {
			answers.feeds = append(answers.feeds, f)
		}
	}
	for k := range t.slots(g) {
		answers.slot = k
		at := time.Duration(k) * g.Interval
		outcome := g.Evaluate(memory, answers, start.Add(at))
		memory.Keep(outcome)
		for _, x := range outcome.Transitions {
			i := slices.IndexFunc(g.Rules, func(r *rules.Rule) bool { return r.Name == x.Rule })
			told[g.Rules[i]] = append(told[g.Rules[i]], event{change: x.Change, severity: x.Severity, at: at, labels: x.Labels, detail: detail(x)})
		}
		for _, c := range t.checks {
			if c.alert.Group == g && c.at == at {
				now := notOK(memory.Instances(c.alert.Rule.Name))
				failures = append(failures, t.compare(&c, now, told[c.alert.Rule])...)
			}
		}
	}
	if e := t.events; e != nil && e.alert.Group == g {
		failures = append(failures, t.compareEvents(told[e.alert.Rule])...)
	}
	return failures
}

func detail(x leadline.Transition) string {
	if x.Change == leadline.ChangeError {
		return x.Detail
	}
	return ""
}

// slots are how many the group is evaluated at.
func (t *test) slots(g *rules.Group) int {
	last := 0
	for _, f := range t.feeds {
		if f.alert.Group != g {
			continue
		}
		for _, v := range f.values {
			last = max(last, len(v)-1)
		}
	}
	for _, c := range t.checks {
		if c.alert.Group == g {
			last = max(last, int(c.at/g.Interval))
		}
	}
	return last + 1
}

func notOK(all []leadline.Instance) []leadline.Instance {
	return slices.DeleteFunc(all, func(i leadline.Instance) bool { return i.State == leadline.StateOK || i.State == "" })
}

// answers are the series of a group's rules at one slot.
type answers struct {
	feeds []*feed
	slot  int
}

var errQuery = errors.New("the query fails, as the test says")

// Rows implements measure.Answers.
func (x *answers) Rows(ask *measure.Ask) (rows []measure.Row, err error) {
	for _, f := range x.feeds {
		if &f.alert.Rule.Ask != ask {
			continue
		}
		row, ok, err := f.row(x.slot)
		if err != nil {
			return nil, err
		}
		if ok {
			rows = append(rows, row)
		}
	}
	slices.SortFunc(rows, func(a, b measure.Row) int { return cmp.Compare(a.Key, b.Key) })
	return rows, nil
}

// row is what a feed has at a slot; false where the window is empty. As in ClickHouse, a series of which one measure has
// a value has 0 for the counts that are not given, and an expected one has a row without any.
func (f *feed) row(slot int) (measure.Row, bool, error) {
	ask := &f.alert.Rule.Ask
	row := ask.Empty(f.labels)
	there := f.expected(slot)
	for i := range f.values {
		s := f.at(i, slot)
		switch {
		case s.failed:
			return row, false, errQuery
		case !s.absent():
			row.Values[i], there = s.value, true
		}
	}
	row.Past = make([][]float64, len(f.past))
	for i, m := range ask.Measures {
		switch {
		case m.Baseline == nil:
		case f.past[i] != nil:
			row.Past[i] = f.past[i]
		default:
			row.Past[i] = seasons(m.Baseline, row.Values[i])
		}
	}
	return row, there, nil
}

// seasons are earlier windows of which a baseline says v. For a robust z, v stands for now too: the median of the seasons
// is 0, and 1.4826 times their median deviation is 1.
func seasons(b *measure.Baseline, v float64) []float64 {
	out := slices.Repeat([]float64{v}, b.Periods)
	if b.Stat == measure.RobustZ {
		for i := range out {
			out[i] = [...]float64{-1 / 1.4826, 1 / 1.4826}[i%2]
		}
		if len(out)%2 == 1 {
			out[len(out)-1] = 0
		}
	}
	return out
}

// at is a measure's sample: none before the series and behind it.
func (f *feed) at(measure, slot int) sample {
	if v := f.values[measure]; slot < len(v) {
		return v[slot]
	}
	return sample{value: math.NaN()}
}

// expected reports whether a series that is not there has a row all the same, see measure.Ask.Expect.
func (f *feed) expected(slot int) bool {
	ask := &f.alert.Rule.Ask
	for k := slot - 1; k >= 0 && time.Duration(slot-k)*ask.Interval <= ask.Expect; k-- {
		for i := range f.values {
			if s := f.at(i, k); !s.absent() && s.value != 0 {
				return true
			}
		}
	}
	return false
}
