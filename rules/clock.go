package rules

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/robfig/cron/v3"
)

// silence is the number of periods without a beat after which the watchdog beats itself.
const silence = 3

// grid is a cron.Schedule: the next slot of any group.
type grid struct{ groups []*Group }

// Next is the first slot after t.
func (g grid) Next(t time.Time) time.Time {
	var next time.Time
	for _, x := range g.groups {
		if n := Slot(t, x.Interval, x.Name).Add(x.Interval); next.IsZero() || n.Before(next) {
			next = n
		}
	}
	return next
}

// period is the shortest interval of the groups.
func (g grid) period() time.Duration {
	p := maxInterval
	for _, x := range g.groups {
		p = min(p, x.Interval)
	}
	return p
}

// runClock calls beat at every time of the schedule until ctx ends. cron sleeps until a wall-clock time, so after a
// step back by an hour it would sleep for an hour; a monotonic ticker beside it beats in its place then and says so. It
// also reports every step of the clock that is longer than the period.
func runClock(ctx context.Context, schedule cron.Schedule, period time.Duration, log *slog.Logger, beat func(), stepped func(time.Duration)) {
	var last atomic.Pointer[time.Time]
	ticked := func() {
		now := time.Now()
		last.Store(&now)
	}
	ticked()
	logger := cronLog{log}
	// Skip stands outside Recover: the other way round a job that panics counts as running for ever.
	c := cron.New(cron.WithLocation(time.UTC), cron.WithLogger(logger), cron.WithChain(cron.SkipIfStillRunning(logger), cron.Recover(logger)))
	c.Schedule(schedule, cron.FuncJob(func() {
		ticked()
		beat()
	}))
	c.Start()
	defer func() { <-c.Stop().Done() }()
	watchdog := time.NewTicker(period)
	defer watchdog.Stop()
	began := time.Now()
	before := look(began)
	for {
		select {
		case <-ctx.Done():
			return
		case <-watchdog.C:
			now := look(began)
			if by := now.stepSince(before); by.Abs() > period {
				log.Warn("the clock was set", "by", by)
				stepped(by)
			}
			before = now
			if quiet := time.Since(*last.Load()); quiet > silence*period {
				log.Warn("rule clock has not ticked, watchdog evaluates", "quiet", quiet)
				beat()
			}
		}
	}
}

// clock is what the two clocks of the machine say at one moment.
type clock struct {
	wall  time.Time     // without the monotonic reading
	since time.Duration // by the monotonic clock
}

func look(began time.Time) clock { return clock{time.Now().Round(0), time.Since(began)} }

// stepSince is how far the wall clock was set between two looks, beyond the time that went by.
func (c clock) stepSince(before clock) time.Duration {
	return c.wall.Sub(before.wall) - (c.since - before.since)
}

// clockStep is a step of the wall clock, and when it was seen.
type clockStep struct {
	by time.Duration
	at time.Time
}

func (e *Engine) stepped(by time.Duration) { e.step.Store(&clockStep{by, time.Now()}) }

// recentStep is how far the clock was set within the last minute.
func (e *Engine) recentStep() time.Duration {
	if s := e.step.Load(); s != nil && time.Since(s.at) < time.Minute {
		return s.by
	}
	return 0
}

// cronLog passes on what cron reports, which is panics only: a skipped beat shows in the missed slots.
type cronLog struct{ log *slog.Logger }

// Info implements cron.Logger.
func (cronLog) Info(string, ...any) {}

// Error implements cron.Logger.
func (l cronLog) Error(err error, _ string, _ ...any) {
	l.log.Error("rule clock's beat panicked", "err", err)
}
