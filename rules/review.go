package rules

import (
	"context"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// maxReview is how far back missed slots are looked at: longer outages are a backtest's business.
const maxReview = time.Hour

// reviewTimeout bounds one look back. It is beside the evaluations, not before them.
const reviewTimeout = time.Minute

// Past answers asks at moments that are over, one after the other.
type Past interface {
	At(ctx context.Context, end time.Time) (measure.Answers, error)
}

// Review looks at slots that nobody evaluated in time, because Leadline was down or too slow. What they would have said
// goes into the journal and to nobody's phone: only the newest slot decides who is told.
type Review struct {
	// History prepares the answers for the ends from, from + interval, …, before to.
	History func(ctx context.Context, asks []*measure.Ask, from, to time.Time) (Past, error)
	// Journal writes down what would have changed.
	Journal func(ctx context.Context, missed []leadline.Transition) error
}

// review looks at the slots between the memory's and next, where they are not older than maxReview, beside the loop. One
// look at a time: what is missed meanwhile is left to a backtest.
func (r *run) review(ctx context.Context, memory Memory, next time.Time) {
	first := memory.slot.Add(r.group.Interval)
	if early := next.Add(-maxReview).Sub(first); early > 0 {
		first = first.Add((early + r.group.Interval - 1) / r.group.Interval * r.group.Interval)
	}
	if r.reviewer == nil || memory.slot.IsZero() || !first.Before(next) {
		return
	}
	select {
	case r.reviewing <- struct{}{}:
	default:
		return
	}
	group, asks := r.group, r.asks
	go func() {
		defer func() { <-r.reviewing }()
		ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
		defer cancel()
		err := calmly(func() error { return r.reviewer.look(ctx, group, asks, &memory, first, next) })
		if err != nil && ctx.Err() == nil {
			r.log.Warn("missed slots could not be looked at", "from", first, "to", next, "err", err)
		}
	}()
}

func (v *Review) look(ctx context.Context, g *Group, asks []*measure.Ask, m *Memory, first, next time.Time) error {
	past, err := v.History(ctx, asks, first.Add(-g.QueryOffset), next.Add(-g.QueryOffset))
	if err != nil {
		return err
	}
	var missed []leadline.Transition
	for slot := first; slot.Before(next); slot = slot.Add(g.Interval) {
		answers, err := past.At(ctx, slot.Add(-g.QueryOffset))
		if err != nil {
			return err
		}
		o := g.Evaluate(m, answers, slot)
		m.Keep(o)
		missed = append(missed, o.Transitions...)
	}
	if len(missed) == 0 {
		return nil
	}
	return v.Journal(ctx, missed)
}
