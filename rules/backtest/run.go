package backtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/rules/measure"
)

// History answers the asks of one group at its slots. At is called with ascending ends.
type History interface {
	At(ctx context.Context, end time.Time) (measure.Answers, error)
	// Skipped says why an ask is not answered at all; nil where it is.
	Skipped(a *measure.Ask) error
}

// Options are what Run needs.
type Options struct {
	Groups   []*rules.Group // without errors of Parse and Check
	From, To time.Time      // slots from From until before To
	// History prepares the answers for ends from from, one interval apart, until before to.
	History func(ctx context.Context, asks []*measure.Ask, from, to time.Time) (History, error)
	// OnCall says who is on call for an incident with these labels of its rule, "" for nobody, and what the clock shows
	// where they are.
	OnCall func(labels leadline.Labels, at time.Time) (person string, local time.Time)
}

// Run plays the groups over the time and reports what they did. Its errors are of ClickHouse, or of ctx.
func Run(ctx context.Context, o Options) (*Report, error) {
	if !o.From.Before(o.To) {
		return nil, errors.New("the time to play is empty: --from must be before --to")
	}
	r := &Report{From: o.From.UTC(), To: o.To.UTC(), Events: []leadline.Transition{}}
	duties := duties{}
	for _, g := range o.Groups {
		b, err := play(ctx, o, g)
		if err != nil {
			return nil, fmt.Errorf("group %s: %w", g.Name, err)
		}
		r.Events = append(r.Events, b.events...)
		for _, rule := range b.order {
			duties.add(o.OnCall, rule)
			r.Rules = append(r.Rules, rule.report())
		}
	}
	slices.SortStableFunc(r.Events, func(a, b leadline.Transition) int { return a.Slot.Compare(b.Slot) })
	r.People = duties.sorted()
	return r, nil
}

// play walks one group's slots.
func play(ctx context.Context, o Options, g *rules.Group) (*book, error) {
	first := rules.Slot(o.From, g.Interval, g.Name)
	if first.Before(o.From) {
		first = first.Add(g.Interval)
	}
	var asks []*measure.Ask
	for _, rule := range g.Rules {
		asks = append(asks, &rule.Ask)
	}
	h, err := o.History(ctx, asks, first.Add(-g.QueryOffset), o.To.Add(-g.QueryOffset))
	if err != nil {
		return nil, err
	}
	b := newBook(g)
	played := *g
	played.Rules = nil
	for _, rule := range g.Rules {
		if err := h.Skipped(&rule.Ask); err != nil {
			b.rules[rule.Name].skipped = err.Error()
			continue
		}
		played.Rules = append(played.Rules, rule)
	}
	memory := rules.NewMemory(time.Time{}, nil)
	for slot := first; slot.Before(o.To); slot = slot.Add(g.Interval) {
		answers, err := h.At(ctx, slot.Add(-g.QueryOffset))
		if err != nil {
			return nil, fmt.Errorf("slot %s: %w", slot.Format(time.RFC3339), err)
		}
		outcome := played.Evaluate(memory, answers, slot)
		memory.Keep(outcome)
		b.enter(outcome)
	}
	b.close(o.To)
	return b, nil
}

// duties are the pages of each person.
type duties map[string]*Duty

func (d duties) add(onCall func(leadline.Labels, time.Time) (string, time.Time), r *record) {
	for _, at := range r.pages {
		who, local := onCall(r.labels, at)
		p := d[who]
		if p == nil {
			p = &Duty{Person: who}
			d[who] = p
		}
		p.Pages++
		if h := local.Hour(); h < nightEnds || h >= nightBegins {
			p.Night++
		}
	}
}

// The night, on the clock of the one who is woken.
const (
	nightBegins = 22
	nightEnds   = 8
)

func (d duties) sorted() []Duty {
	var out []Duty
	for _, p := range d {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Duty) int { return cmp.Or(b.Pages-a.Pages, cmp.Compare(a.Person, b.Person)) })
	return out
}
