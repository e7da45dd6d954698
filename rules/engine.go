package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// Asker finds out what rules ask about the time before end. It returns by the deadline of ctx.
type Asker interface {
	Fetch(ctx context.Context, asks []*measure.Ask, end time.Time) measure.Answers
}

// Sink keeps the instances and acts on the transitions. Apply takes an evaluation as a whole or not at all.
type Sink interface {
	Apply(ctx context.Context, e leadline.Evaluation) error
	Instances(ctx context.Context, group string) ([]leadline.Instance, error)
}

// Options are what an Engine needs.
type Options struct {
	Groups []*Group // without errors of Parse and Check
	Asker  Asker
	Sink   Sink
	Log    *slog.Logger
}

// Engine evaluates groups of rules at their slots.
type Engine struct {
	runs []*run
	log  *slog.Logger
	grid grid
}

// New prepares an engine; Run starts it.
func New(o Options) *Engine {
	e := &Engine{log: o.Log, grid: grid{o.Groups}}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	for _, g := range o.Groups {
		e.runs = append(e.runs, newRun(g, o, e.log))
	}
	return e
}

// Run loads what the groups remember and evaluates until ctx ends. The error says that the memory cannot be read.
func (e *Engine) Run(ctx context.Context) error {
	var errs []error
	for _, r := range e.runs {
		errs = append(errs, r.load(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(e.runs) == 0 {
		<-ctx.Done()
		return nil
	}
	var wg sync.WaitGroup
	for _, r := range e.runs {
		wg.Go(func() { r.loop(ctx) })
	}
	runClock(ctx, e.grid, e.grid.period(), e.log, e.beat)
	wg.Wait()
	return nil
}

// beat wakes every group. One that is still evaluating finds out afterwards what it missed.
func (e *Engine) beat() {
	for _, r := range e.runs {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// Status is a snapshot of all groups.
func (e *Engine) Status() []GroupStatus {
	out := make([]GroupStatus, len(e.runs))
	for i, r := range e.runs {
		out[i] = r.snapshot()
	}
	return out
}

// applyTimeout bounds one call of the sink: a local transaction takes milliseconds. fetchGrace is what the queries of a
// slot have beyond the interval: ClickHouse ends them itself by then and says why.
const (
	applyTimeout = 10 * time.Second
	fetchGrace   = 2 * time.Second
)

// run is one group at work. One goroutine owns it; mu guards what Status reads.
type run struct {
	group *Group
	asks  []*measure.Ask
	asker Asker
	sink  Sink
	log   *slog.Logger
	wake  chan struct{} // holds one beat, so that none is lost and none piles up

	last   time.Time // newest slot that is applied or was tried
	memory *Memory
	stale  bool // the sink's memory may differ from memory
	behind bool // the clock is before last

	mu     sync.Mutex
	status GroupStatus
}

func newRun(g *Group, o Options, log *slog.Logger) *run {
	r := &run{
		group: g, asker: o.Asker, sink: o.Sink, log: log.With("group", g.Name), wake: make(chan struct{}, 1),
	}
	r.status = GroupStatus{Name: g.Name, Interval: g.Interval}
	for _, rule := range g.Rules {
		r.status.Rules = append(r.status.Rules, RuleStatus{Name: rule.Name})
		r.asks = append(r.asks, &rule.Ask)
	}
	return r
}

// load reads the group's instances from the sink.
func (r *run) load(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, applyTimeout)
	defer cancel()
	list, err := r.sink.Instances(ctx, r.group.Name)
	if err != nil {
		return fmt.Errorf("load instances of group %s: %w", r.group.Name, err)
	}
	r.memory = NewMemory(time.Time{}, list)
	if r.memory.Slot().After(r.last) {
		r.last = r.memory.Slot()
	}
	r.stale = false
	return nil
}

func (r *run) loop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
			r.tick(ctx, time.Now())
		}
	}
}

// tick evaluates the newest slot if it is due.
func (r *run) tick(ctx context.Context, now time.Time) {
	slot, missed, ok := due(now, r.last, r.group.Interval, r.group.Name)
	if !ok {
		r.watchClock(slot)
		return
	}
	r.behind = false
	if r.stale {
		if err := r.load(ctx); err != nil {
			r.failed(ctx, slot, err)
			return
		}
	}
	started := time.Now()
	result := r.group.Evaluate(r.memory, r.fetch(ctx, slot), slot)
	if ctx.Err() != nil {
		return // stopping: half an answer is none
	}
	r.last = slot
	actx, cancel := context.WithTimeout(ctx, applyTimeout)
	err := r.sink.Apply(actx, result.Evaluation)
	cancel()
	if err != nil {
		r.stale = true
		r.failed(ctx, slot, fmt.Errorf("apply: %w", err))
		return
	}
	r.memory.Keep(result)
	r.record(slot, missed, time.Since(started), result)
}

// fetch asks for all rules at once.
func (r *run) fetch(ctx context.Context, slot time.Time) measure.Answers {
	ctx, cancel := context.WithTimeout(ctx, r.group.Interval+fetchGrace)
	defer cancel()
	return r.asker.Fetch(ctx, r.asks, slot.Add(-r.group.QueryOffset))
}

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
