package rules

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"leadline/rules/measure"
)

// waitAgain is the pause before a slot whose data is not in yet is looked at again.
const waitAgain = time.Second

// run is one group at work. One goroutine owns it between start and halt; mu guards what Status and SLOs read.
type run struct {
	group     *Group
	spec      string
	asks      []*measure.Ask
	asker     Asker
	sink      Sink
	watermark func() time.Time // nil: all data is in
	log       *slog.Logger
	wake      chan struct{} // holds one beat, so that none is lost and none piles up
	turns     chan struct{} // bounds the groups that are judged at once
	reviewer  *Review       // nil: missed slots are not looked at
	reviewing chan struct{} // holds one while a look back is under way

	last    time.Time // newest slot that is applied or was tried
	memory  *Memory
	stale   bool      // the sink's memory may differ from memory
	behind  bool      // the clock is before last
	waiting time.Time // the slot whose data is not in yet
	waited  int       // slots since last that were given up waiting

	cancel context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	status GroupStatus
	burns  []*Rule // those of objectives
	kept   Memory  // memory as it was recorded; what it refers to is never changed
}

func (e *Engine) newRun(g *Group, asker Asker, watermark func() time.Time) *run {
	r := &run{
		asker: asker, sink: e.opts.Sink, watermark: watermark, log: e.log.With("group", g.Name),
		wake: make(chan struct{}, 1), turns: e.turns, reviewer: e.opts.Review, reviewing: make(chan struct{}, 1), memory: NewMemory(time.Time{}, nil),
	}
	r.take(g)
	return r
}

// take makes a group the run's own, in place of the one that it had.
func (r *run) take(g *Group) {
	r.group, r.spec, r.asks = g, g.Spec(), nil
	r.mu.Lock()
	defer r.mu.Unlock()
	before := map[string]RuleStatus{}
	for _, s := range r.status.Rules {
		before[s.Name] = s
	}
	r.status.Name, r.status.Interval, r.status.Rules, r.burns = g.Name, g.Interval, nil, nil
	for _, rule := range g.Rules {
		r.asks = append(r.asks, &rule.Ask)
		if rule.Objective != nil {
			r.burns = append(r.burns, rule)
		}
		s := before[rule.Name]
		s.Name = rule.Name
		r.status.Rules = append(r.status.Rules, s)
	}
}

// load reads the group's instances from the sink. slot is the newest that was kept.
func (r *run) load(ctx context.Context, slot time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	list, err := r.sink.Instances(ctx, r.group.Name)
	if err != nil {
		return fmt.Errorf("load instances of group %s: %w", r.group.Name, err)
	}
	r.memory = NewMemory(slot, list)
	if r.memory.Slot().After(r.last) {
		r.last = r.memory.Slot()
	}
	r.stale = false
	return nil
}

// reload reads all that the sink knows of the group.
func (r *run) reload(ctx context.Context) error {
	sctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	slots, err := r.sink.Slots(sctx)
	if err != nil {
		return fmt.Errorf("load slots of groups: %w", err)
	}
	for _, s := range slots {
		if s.Group == r.group.Name {
			return r.load(ctx, s.Slot)
		}
	}
	return r.load(ctx, time.Time{})
}

// start lets the run evaluate until halt or the end of ctx.
func (r *run) start(ctx context.Context) {
	ctx, r.cancel = context.WithCancel(ctx)
	r.done = make(chan struct{})
	go func() {
		defer close(r.done)
		r.loop(ctx)
	}()
}

// halt ends what start began and waits for it.
func (r *run) halt() {
	if r.cancel == nil {
		return
	}
	r.cancel()
	<-r.done
	r.reviewing <- struct{}{} // a look back has ended too
	<-r.reviewing
}

func (r *run) loop(ctx context.Context) {
	for {
		var again <-chan time.Time
		if !r.waiting.IsZero() {
			again = time.After(waitAgain)
		}
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		case <-again:
		}
		r.tick(ctx, time.Now())
	}
}

// tick evaluates the newest slot if it is due and its data is in.
func (r *run) tick(ctx context.Context, now time.Time) {
	slot, missed, ok := due(now, r.last, r.group.Interval, r.group.Name)
	if !ok {
		r.watchClock(slot)
		return
	}
	r.behind = false
	if r.wait(slot) {
		return
	}
	if r.stale {
		if err := r.reload(ctx); err != nil {
			r.failed(ctx, slot, err)
			return
		}
		if !slot.After(r.last) {
			return // it was kept although nobody said so
		}
	}
	r.begin(slot)
	started := time.Now()
	answers := r.fetch(ctx, slot)
	select {
	case r.turns <- struct{}{}:
		defer func() { <-r.turns }()
	case <-ctx.Done():
		return // stopping: half an answer is none
	}
	if ctx.Err() != nil {
		return
	}
	outcome := r.group.Evaluate(r.memory, answers, slot)
	outcome.Spec = r.spec
	r.last = slot
	actx, cancel := context.WithTimeout(ctx, applyTimeout)
	err := r.sink.Apply(actx, outcome.Evaluation)
	cancel()
	if err != nil {
		r.stale = true
		r.failed(ctx, slot, fmt.Errorf("apply: %w", err))
		return
	}
	before := *r.memory
	r.memory.Keep(outcome)
	if missed > 0 {
		r.review(ctx, before, slot)
	}
	r.record(slot, max(0, missed-r.waited), time.Since(started), outcome)
	r.waited = 0
}

// wait reports whether a slot has to wait: ClickHouse does not have all events of its windows yet. The next slot takes
// the place of one that waited in vain; the timers of its instances stand still meanwhile.
func (r *run) wait(slot time.Time) bool {
	if !r.waiting.IsZero() && r.waiting.Before(slot) {
		r.waited++
	}
	if r.watermark == nil || !slot.Add(-r.group.QueryOffset).After(r.watermark()) {
		if !r.waiting.IsZero() {
			r.waiting = time.Time{}
			r.setWaiting()
		}
		return false
	}
	r.waiting = slot
	r.setWaiting()
	return true
}

func (r *run) begin(slot time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Begun = slot
}

func (r *run) setWaiting() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.Waiting, r.status.ClockBehind = !r.waiting.IsZero(), r.behind
}

// fetch asks for all rules at once. A panic of the asker is an error of all of them, and not the end of Leadline.
func (r *run) fetch(ctx context.Context, slot time.Time) (answers measure.Answers) {
	ctx, cancel := context.WithTimeout(ctx, r.group.Interval+fetchGrace)
	defer cancel()
	err := calmly(func() error {
		answers = r.asker.Fetch(ctx, r.asks, slot.Add(-r.group.QueryOffset))
		return nil
	})
	if err != nil {
		return unanswered{err}
	}
	return answers
}

// unanswered are no answers at all.
type unanswered struct{ err error }

// Rows implements measure.Answers.
func (u unanswered) Rows(*measure.Ask) ([]measure.Row, error) { return nil, u.err }

// watchClock tells once that the clock stands before the newest slot: nothing is evaluated until it has caught up.
func (r *run) watchClock(slot time.Time) {
	if behind := slot.Before(r.last.Add(-r.group.Interval)); behind != r.behind {
		r.behind = behind
		if behind {
			r.log.Warn("clock went back, rules wait for it", "slot", slot, "last", r.last)
		}
	}
	r.mu.Lock()
	r.status.ClockBehind = r.behind
	r.mu.Unlock()
}

func (r *run) failed(ctx context.Context, slot time.Time, err error) {
	if ctx.Err() != nil {
		return
	}
	r.log.Error("evaluation was not kept, the next slot tries again", "slot", slot, "err", err)
	r.mu.Lock()
	r.status.Error = err.Error()
	r.mu.Unlock()
}
