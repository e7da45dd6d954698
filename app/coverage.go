package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"leadline/rules"
	"leadline/rules/measure"
	"leadline/source"
)

// lookBack is the time over which rules are held against what was stored.
const lookBack = 7 * 24 * time.Hour

// coveredBy are the labels of which no value should be without a rule: those that the rollup has, so that a week is read
// from its hours.
var coveredBy = []struct {
	source measure.Source
	label  string
}{
	{measure.Events, "partner"}, {measure.Events, "campaign"}, {measure.Spans, "stage"},
}

// Uncovered is a label's value that was there and that no rule looks at.
type Uncovered struct {
	Label, Value string
	Events       int // in the last seven days
}

func (u Uncovered) String() string {
	events := fmt.Sprintf("%d events", u.Events)
	if u.Events == 1 {
		events = "1 event"
	}
	return fmt.Sprintf("no rule looks at %s %q, which had %s in 7 days", u.Label, u.Value, events)
}

// coverage holds the rules against the events of the seven days before end: notes on those that matched none, and what
// none looks at. Rules with SQL of their own and those on schemas are passed over: finding nothing is their good news.
func coverage(ctx context.Context, asker rules.Asker, groups []*rules.Group, end time.Time) (notes source.Errors, missed []Uncovered, err error) {
	type question struct {
		rule *rules.Rule // nil: everything that was there
		of   int         // index into coveredBy
		ask  *measure.Ask
	}
	var all []question
	ask := func(r *rules.Rule, of int, counts []measure.Measure) {
		if len(counts) > 0 {
			a := &measure.Ask{Name: "check", Measures: counts, By: []string{coveredBy[of].label}, Interval: time.Minute}
			all = append(all, question{r, of, a})
		}
	}
	for of, w := range coveredBy {
		ask(nil, of, []measure.Measure{{Name: "n", Kind: measure.Count, Source: w.source, Window: lookBack}})
		for _, g := range groups {
			for _, r := range g.Rules {
				ask(r, of, universe(r, w.label))
			}
		}
	}
	asks := make([]*measure.Ask, len(all))
	for i, q := range all {
		asks[i] = q.ask
	}
	answers := asker.Fetch(ctx, asks, end)
	there := make([]map[string]int, len(coveredBy))
	covered := make([]map[string]bool, len(coveredBy))
	for of := range coveredBy {
		there[of], covered[of] = map[string]int{}, map[string]bool{}
	}
	matched := map[*rules.Rule]int{}
	for _, q := range all {
		rows, err := answers.Rows(q.ask)
		if err != nil {
			return nil, nil, err
		}
		if q.rule != nil {
			matched[q.rule] += 0 // it was asked
		}
		for i := range rows {
			value, n := rows[i].Labels[coveredBy[q.of].label], int(slices.Max(rows[i].Values))
			if q.rule == nil {
				there[q.of][value] = n
				continue
			}
			matched[q.rule] += n
			covered[q.of][value] = covered[q.of][value] || n > 0
		}
	}
	for r, n := range matched {
		if n == 0 {
			notes = append(notes, r.Pos().Error(r.Name+" matched nothing in 7 days", "see whether its where names what there is"))
		}
	}
	for of, w := range coveredBy {
		for value, n := range there[of] {
			if !covered[of][value] && value != "" {
				missed = append(missed, Uncovered{w.label, value, n})
			}
		}
	}
	slices.SortFunc(missed, func(a, b Uncovered) int { return cmp.Or(cmp.Compare(a.Label, b.Label), cmp.Compare(a.Value, b.Value)) })
	return notes.Sorted(), missed, nil
}

// universe counts, for each measure of a rule whose rows have a label, those that it looks at: of a ratio those of its
// denominator.
func universe(r *rules.Rule, label string) (counts []measure.Measure) {
	if r.Ask.Custom != nil {
		return nil
	}
	for i := range r.Ask.Measures {
		m := &r.Ask.Measures[i]
		if !m.Source.Known() || !slices.Contains(m.Source.Labels(), label) {
			continue
		}
		where := m.Where
		if m.Kind == measure.Ratio {
			where = m.Den
		}
		counts = append(counts, measure.Measure{Name: m.Name, Kind: measure.Count, Source: m.Source, Window: lookBack, Where: where})
	}
	return counts
}

// Coverage holds the rules that were checked against what is stored.
func (d *Data) Coverage(ctx context.Context, c Checked) (notes source.Errors, missed []Uncovered, err error) {
	end := time.Now().Add(time.Minute) // the minute that has begun counts, too
	return coverage(ctx, measure.New(d), c.rules, end)
}
