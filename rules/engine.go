package rules

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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
	Slots(ctx context.Context) ([]leadline.GroupSlot, error) // of every group that it knows
}

// Options are what an Engine needs.
type Options struct {
	Groups    []*Group // without errors of Parse and Check
	Asker     Asker
	Sink      Sink
	Watermark func() time.Time // everything stored before it can be read; nil: everything always can
	Review    *Review          // nil: missed slots are not looked at
	Log       *slog.Logger
}

// Engine evaluates groups of rules at their slots, and the built-in group that watches it.
type Engine struct {
	opts    Options
	log     *slog.Logger
	next    chan []*Group // newest set of Replace that Run has not taken up
	turns   chan struct{} // of judging a slot: an outcome is large where thousands of instances appear at once
	self    *run          // the built-in group
	reload  atomic.Pointer[string]
	step    atomic.Pointer[clockStep]
	cause   cause // of the built-in group's goroutine
	began   time.Time
	leaving []string // groups that are there no more and whose end is not kept yet

	mu   sync.Mutex
	runs []*run // in the order of the groups
}

// New prepares an engine; Run starts it.
func New(o Options) *Engine {
	e := &Engine{opts: o, log: o.Log, next: make(chan []*Group, 1), turns: make(chan struct{}, runtime.GOMAXPROCS(0))}
	if e.log == nil {
		e.log = slog.New(slog.DiscardHandler)
	}
	for _, g := range o.Groups {
		e.runs = append(e.runs, e.newRun(g, o.Asker, o.Watermark))
	}
	e.self = e.newRun(selfGroup(e), selfAsker{e}, nil)
	e.self.turns, e.self.reviewer = make(chan struct{}, 1), nil // it waits for nobody, and knows nothing of the past
	return e
}

// applyTimeout bounds one call of the sink: a local transaction takes milliseconds. fetchGrace is what the queries of a
// slot have beyond the interval: ClickHouse ends them itself by then and says why. leaveAgain is the pause between two
// tries to keep the end of a group.
const (
	applyTimeout = 10 * time.Second
	fetchGrace   = 2 * time.Second
	leaveAgain   = 5 * time.Second
)

// Run loads what the groups remember and evaluates until ctx ends. The error says that the memory cannot be read.
func (e *Engine) Run(ctx context.Context) error {
	if err := e.begin(ctx); err != nil {
		return err
	}
	defer func() {
		for _, r := range e.all() {
			r.halt()
		}
	}()
	for _, r := range e.all() {
		r.start(ctx)
	}
	e.dissolve(ctx)
	for ctx.Err() == nil {
		e.shift(ctx)
	}
	return nil
}

// begin loads the memory of all groups, and finds those that vanished while nobody looked.
func (e *Engine) begin(ctx context.Context) error {
	e.began = time.Now()
	lctx, cancel := context.WithTimeout(ctx, applyTimeout)
	slots, err := e.opts.Sink.Slots(lctx)
	cancel()
	if err != nil {
		return fmt.Errorf("load slots of groups: %w", err)
	}
	known := map[string]leadline.GroupSlot{}
	for _, s := range slots {
		known[s.Group] = s
	}
	var errs []error
	for _, r := range e.all() {
		s := known[r.group.Name]
		if s.Spec != "" && s.Spec != r.spec {
			e.log.Info("group of rules was edited while nobody looked", "group", r.group.Name, "was", s.Spec, "now", r.spec)
		}
		delete(known, r.group.Name)
		errs = append(errs, r.load(ctx, s.Slot))
	}
	for name := range known {
		e.leaving = append(e.leaving, name)
	}
	slices.Sort(e.leaving)
	return errors.Join(errs...)
}

// shift lets the clock run until the groups change or ctx ends.
func (e *Engine) shift(ctx context.Context) {
	groups := []*Group{e.self.group}
	for _, r := range e.users() {
		groups = append(groups, r.group)
	}
	clock, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { runClock(clock, grid{groups}, grid{groups}.period(), e.log, e.beat, e.stepped) })
	defer running.Wait()
	defer stop()
	again := time.NewTicker(leaveAgain)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			e.dissolve(ctx)
		case next := <-e.next:
			e.swap(ctx, next)
			return
		}
	}
}

// Replace has these groups evaluated from now on, and returns at once. Groups that say the same as before go on
// untouched, changed ones with the state they have; what fires of a removed one resolves.
func (e *Engine) Replace(groups []*Group) {
	for {
		select {
		case e.next <- groups:
			return
		case <-e.next: // nobody has taken up the set before
		}
	}
}

// swap takes up a new set of groups.
func (e *Engine) swap(ctx context.Context, groups []*Group) {
	old := map[string]*run{}
	for _, r := range e.users() {
		old[r.group.Name] = r
	}
	var runs []*run
	for _, g := range groups {
		r := old[g.Name]
		delete(old, g.Name)
		switch {
		case r == nil:
			e.log.Info("group of rules added", "group", g.Name, "spec", g.Spec())
			e.leaving = slices.DeleteFunc(e.leaving, func(name string) bool { return name == g.Name })
			r = e.newRun(g, e.opts.Asker, e.opts.Watermark)
			r.stale = true // it may have been there before
			r.start(ctx)
		case r.spec != g.Spec():
			r.halt()
			e.edited(r.group, g)
			r.take(g)
			r.start(ctx)
		}
		runs = append(runs, r)
	}
	for name, r := range old {
		r.halt()
		e.leaving = append(e.leaving, name)
	}
	slices.Sort(e.leaving)
	e.mu.Lock()
	e.runs = runs
	e.mu.Unlock()
	e.dissolve(ctx)
}

// edited logs what changed in a group.
func (e *Engine) edited(was, now *Group) {
	e.log.Info("group of rules edited", "group", now.Name, "was", was.Spec(), "now", now.Spec())
	before := map[string]*Rule{}
	for _, r := range was.Rules {
		before[r.Name] = r
	}
	for _, r := range now.Rules {
		b := before[r.Name]
		delete(before, r.Name)
		switch {
		case b == nil:
			e.log.Info("rule added", "group", now.Name, "rule", r.Name, "spec", r.Spec())
		case b.Spec() != r.Spec():
			e.log.Info("rule edited", "group", now.Name, "rule", r.Name, "was", b.Spec(), "now", r.Spec())
		}
	}
	for name, r := range before {
		e.log.Info("rule removed", "group", now.Name, "rule", name, "spec", r.Spec())
	}
}

// dissolve keeps the end of the groups that are there no more. What fails is tried again.
func (e *Engine) dissolve(ctx context.Context) {
	e.leaving = slices.DeleteFunc(e.leaving, func(name string) bool {
		ctx, cancel := context.WithTimeout(ctx, applyTimeout)
		defer cancel()
		list, err := e.opts.Sink.Instances(ctx, name)
		if err == nil {
			err = e.opts.Sink.Apply(ctx, NewMemory(time.Time{}, list).Dissolve(name, time.Now().UTC()).Evaluation)
		}
		if err != nil && ctx.Err() == nil {
			e.log.Error("end of a group of rules was not kept, trying again", "group", name, "err", err)
		}
		if err == nil {
			e.log.Info("group of rules removed", "group", name, "instances", len(list))
		}
		return err == nil
	})
}

// beat wakes every group. One that is still evaluating finds out afterwards what it missed.
func (e *Engine) beat() {
	for _, r := range e.all() {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

// users are the runs of the groups that people wrote, all those and the built-in one.
func (e *Engine) users() []*run {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.runs)
}

func (e *Engine) all() []*run { return append(e.users(), e.self) }

// Status is a snapshot of all groups, the built-in one last.
func (e *Engine) Status() []GroupStatus {
	var out []GroupStatus
	for _, r := range e.all() {
		out = append(out, r.snapshot())
	}
	return out
}
