package rules

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// guarded runs an engine whose watermark stands still for as long as stalled says since when.
func guarded(t *testing.T, w *world, groups ...*Group) (e *Engine, stalled *atomic.Pointer[time.Time], stop func()) {
	t.Helper()
	stalled = &atomic.Pointer[time.Time]{}
	e = New(Options{Groups: groups, Asker: w, Sink: w, Watermark: func() time.Time {
		if at := stalled.Load(); at != nil {
			return *at
		}
		return time.Now()
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return e, stalled, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func many(t *testing.T) []*Group {
	t.Helper()
	var groups []*Group
	for _, name := range []string{"a", "b", "c", "d"} {
		groups = append(groups, named(one(t, simple), name))
	}
	return groups
}

func (w *world) takeSelf() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.self
	w.self = nil
	return out
}

// ClickHouse away is one incident, whatever comes first and however many rules there are, and it ends by itself.
func TestClickHouseAwayIsOneIncident(t *testing.T) {
	t.Parallel()
	groups := many(t)
	f := func(name string, away, back func(w *world, stalled *atomic.Pointer[time.Time]), rule string) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := &world{series: map[string][2]float64{"spring": {100, 50}}}
			_, stalled, stop := guarded(t, w, groups...)
			defer stop()
			pass(time.Minute)
			if got := w.takeSelf(); len(got) > 0 {
				t.Errorf("%s: told %q in peace", name, got)
			}
			away(w, stalled)
			pass(10 * time.Minute)
			got := w.takeSelf()
			if len(got) != 1 || !strings.HasPrefix(got[0], "firing "+rule+" page: ") {
				t.Errorf("%s: told %q, want %s once", name, got, rule)
			}
			back(w, stalled)
			pass(10 * time.Minute)
			if got = w.takeSelf(); len(got) != 1 || !strings.HasPrefix(got[0], "resolved "+rule) {
				t.Errorf("%s: told %q after the end", name, got)
			}
			for _, line := range w.take() {
				if !strings.HasPrefix(line, "eval_error") {
					t.Errorf("%s: told %s", name, line)
				}
			}
		})
	}
	fail := func(err error) func(*world, *atomic.Pointer[time.Time]) {
		return func(w *world, _ *atomic.Pointer[time.Time]) { w.do(func() { w.fail = err }) }
	}
	stall := func(_ *world, s *atomic.Pointer[time.Time]) { now := time.Now(); s.Store(&now) }
	flow := func(_ *world, s *atomic.Pointer[time.Time]) { s.Store(nil) }
	f("no answers", fail(errTest), fail(nil), "RuleEngineBlind")
	f("no events get in", stall, flow, "IngestStalled")
	f("both, answers first", func(w *world, s *atomic.Pointer[time.Time]) {
		fail(errTest)(w, s)
		pass(40 * time.Second)
		stall(w, s)
	}, func(w *world, s *atomic.Pointer[time.Time]) {
		fail(nil)(w, s)
		pass(2 * time.Minute) // what gathered in the spool takes its time
		flow(w, s)
	}, "RuleEngineBlind")
	f("both, events first", func(w *world, s *atomic.Pointer[time.Time]) {
		stall(w, s)
		fail(errTest)(w, s)
	}, func(w *world, s *atomic.Pointer[time.Time]) {
		flow(w, s)
		pass(15 * time.Second)
		fail(nil)(w, s)
	}, "IngestStalled")
}

func TestLaggingIsTold(t *testing.T) {
	t.Parallel()
	g := one(t, strings.Replace(simple, "interval: 10s", "interval: 1s", 1))
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {100, 50}}}
		_, _, stop := guarded(t, w, g)
		defer stop()
		pass(time.Minute)
		w.do(func() { w.block = 2900 * time.Millisecond })
		pass(time.Minute)
		if got := w.takeSelf(); len(got) > 0 {
			t.Errorf("two slots missed in a row: %q", got)
		}
		w.do(func() { w.block = 0 })
		w.sinkBlocks(6 * time.Second)
		pass(30 * time.Second)
		if got := w.takeSelf(); len(got) != 1 || !strings.HasPrefix(got[0], "firing EngineLagging ticket: a group of rules missed ") {
			t.Errorf("told %q", got)
		}
		w.sinkBlocks(0)
		pass(10 * time.Minute)
		if got := w.takeSelf(); len(got) != 1 || !strings.HasPrefix(got[0], "resolved EngineLagging") {
			t.Errorf("told %q", got)
		}
	})
}

func TestFailedReloadIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		e, _, stop := guarded(t, w)
		defer stop()
		pass(time.Minute)
		e.Reloaded(errors.New("rules.yaml:3:5: unknown field\n    fro: 5m\n    ^"))
		pass(selfInterval)
		want(t, w.takeSelf(), "firing RulesNotReloaded ticket: the changed rule files have mistakes, the rules of before go on: rules.yaml:3:5: unknown field")
		e.Reloaded(nil)
		pass(selfInterval)
		want(t, w.takeSelf(), "resolved RulesNotReloaded ticket: the changed rule files have mistakes, the rules of before go on")
	})
}

func TestAClockThatIsSetIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &world{}
		e, _, stop := guarded(t, w)
		defer stop()
		pass(time.Minute)
		e.stepped(-time.Hour)
		pass(selfInterval)
		want(t, w.takeSelf(), "firing ClockStepped ticket: the machine's clock was set: by -1h0m0s")
		pass(7 * time.Minute)
		want(t, w.takeSelf(), "resolved ClockStepped ticket: the machine's clock was set")
	})
}

// A slot whose events are not all in waits, the next takes its place, and the time that nobody saw is not credited.
func TestSlotsWaitForTheirData(t *testing.T) {
	t.Parallel()
	g := one(t, strings.Replace(simple, "for: 20s", "for: 60s", 1))
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
		e, stalled, stop := guarded(t, w, g)
		defer stop()
		pass(25 * time.Second) // pending for 20 s
		evaluated := e.Status()[0].Evaluations
		stand := time.Now()
		stalled.Store(&stand)
		pass(5 * time.Minute)
		s := e.Status()[0]
		if s.Evaluations > evaluated+1 || !s.Waiting || s.Missed != 0 {
			t.Errorf("while no events get in: %+v", s)
		}
		want(t, w.take())
		stalled.Store(nil)
		pass(waitAgain)
		if s = e.Status()[0]; s.Waiting || s.Missed != 0 || s.Evaluations > evaluated+2 {
			t.Errorf("after it: %+v", s)
		}
		want(t, w.take()) // of five minutes two slots are credited
		pass(40 * time.Second)
		want(t, w.take(), "firing Slow spring page: 1.90 s in spring of pipeline")
		// A watermark that lags by less than the offset delays nothing; by more, exactly until the data is in.
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, f := range w.fetches {
			if lag := f.at.Sub(f.end); lag > 2*time.Second && f.at.Before(stand) {
				t.Errorf("a slot waited %v although its data was in", lag)
			}
		}
	})
}
