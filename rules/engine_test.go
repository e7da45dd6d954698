package rules

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leadline"

	"github.com/google/go-cmp/cmp"
)

const simple = `
  interval: 10s
  query_offset: 2s
  limit: 3
  labels: {team: pipeline, severity: page}
  rules:
    - alert: Slow
      measure:
        v: {quantile: 0.95, of: event.e2e_ms, window: 1m}
        n: {count: event, window: 1m}
      by: [campaign]
      min_samples: {n: 10}
      expr: v > 600
      for: 20s
      keep_firing_for: 20s
      annotations:
        summary: '{{ .Values.v | ms }} in {{ .Labels.campaign }} of {{ .Labels.team }}'
`

// live runs an engine inside a synctest bubble until the returned function is called.
func live(t *testing.T, w *world, groups ...*Group) (*Engine, func()) {
	t.Helper()
	e := New(Options{Groups: groups, Asker: w, Sink: w, Log: slog.New(slog.DiscardHandler)})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Run(ctx) }()
	return e, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	}
}

// pass lets time go by and the engine settle.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func want(t *testing.T, got []string, want ...string) {
	t.Helper()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestEngineFiresAndResolves(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}, "autumn": {100, 50}, "tiny": {9000, 3}}}
		e, stop := live(t, w, g)
		pass(15 * time.Second)
		want(t, w.take())
		pass(10 * time.Second)
		want(t, w.take(), "firing Slow spring page: 1.90 s in spring of pipeline")
		w.set(map[string][2]float64{"spring": {100, 50}, "autumn": {100, 50}})
		pass(25 * time.Second)
		want(t, w.take())
		pass(10 * time.Second)
		want(t, w.take(), "resolved Slow spring page: 100 ms in spring of pipeline (recovered)")
		s := e.Status()[0]
		if s.Evaluations != 6 || s.Missed != 0 || s.Rules[0].Health != HealthGood || s.Rules[0].Instances[leadline.StateOK] != 3 {
			t.Errorf("status %+v", s)
		}
		stop()
		for i, f := range w.fetches {
			if lag := f.at.Sub(f.end); lag != 2*time.Second || len(f.asks) != 1 || f.asks[0].Name != "g/Slow" {
				t.Errorf("fetch %d asks until %v before now, for %d rules", i, lag, len(f.asks))
			}
		}
	})
}

func TestStateSurvivesARestart(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
		_, stop := live(t, w, g)
		pass(15 * time.Second) // pending for two slots
		stop()
		want(t, w.take())
		_, stop = live(t, w, g)
		pass(10 * time.Second)
		want(t, w.take(), "firing Slow spring page: 1.90 s in spring of pipeline")
		w.set(map[string][2]float64{"spring": {100, 50}})
		pass(20 * time.Second) // clear for two slots, keep_firing_for runs
		stop()
		want(t, w.take())
		_, stop = live(t, w, g)
		pass(10 * time.Second)
		want(t, w.take(), "resolved Slow spring page: 100 ms in spring of pipeline (recovered)")
		stop()
	})
}

func TestNothingIsEvaluatedTwice(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
		for range 6 {
			_, stop := live(t, w, g)
			pass(3 * time.Second)
			stop()
		}
		for i := 1; i < len(w.slots); i++ {
			if !w.slots[i].After(w.slots[i-1]) {
				t.Errorf("slots %v", w.slots)
			}
		}
		if len(w.slots) == 0 {
			t.Error("no slot in 18 seconds")
		}
	})
}

func TestQueryErrorsFreezeAndAreToldOnce(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}, "autumn": {1900, 50}}}
		e, stop := live(t, w, g)
		pass(35 * time.Second)
		if got := w.take(); len(got) != 2 {
			t.Fatalf("got %q, want two firing", got)
		}
		w.do(func() { w.fail = errors.New("clickhouse is away") })
		pass(20 * time.Second)
		want(t, w.take())
		if h := e.Status()[0].Rules[0]; h.Health != HealthGood || !strings.Contains(h.Error, "away") {
			t.Errorf("after two failures %+v", h)
		}
		pass(40 * time.Second)
		want(t, w.take(), "eval_error Slow  ticket (clickhouse is away)")
		if h := e.Status()[0].Rules[0]; h.Health != HealthError || h.Instances[leadline.StateFiring] != 2 {
			t.Errorf("after six failures %+v", h)
		}
		w.do(func() { w.fail, w.panics = nil, true })
		pass(20 * time.Second)
		want(t, w.take())
		w.do(func() { w.panics, w.dies = false, true })
		pass(10 * time.Second)
		want(t, w.take())
		if h := e.Status()[0].Rules[0]; !strings.Contains(h.Error, "panic: out of memory") {
			t.Errorf("after a panic of the asker %+v", h)
		}
		w.do(func() { w.dies = false })
		pass(20 * time.Second)
		want(t, w.take())
		if h := e.Status()[0].Rules[0]; h.Health != HealthGood || h.Instances[leadline.StateFiring] != 2 {
			t.Errorf("after the failures %+v", h)
		}
		stop()
	})
}

func TestSilenceIsNoData(t *testing.T) {
	t.Parallel()
	g := one(t, strings.Replace(simple, "keep_firing_for: 20s", "no_data: {for: 30s}", 1))
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}, "autumn": {100, 50}}}
		_, stop := live(t, w, g)
		pass(35 * time.Second)
		w.take()
		w.set(nil)
		pass(40 * time.Second)
		want(t, w.take(), "no_data Slow autumn : 100 ms in autumn of pipeline", "no_data Slow spring page: 1.90 s in spring of pipeline")
		pass(30 * time.Hour)
		want(t, w.take())
		if len(w.kept) != 1 {
			t.Errorf("kept %v, want only the one that was firing", sortedKeys(w.kept))
		}
		w.set(map[string][2]float64{"spring": {100, 50}})
		pass(10 * time.Second)
		want(t, w.take(), "data_back Slow spring page: 100 ms in spring of pipeline", "resolved Slow spring page: 100 ms in spring of pipeline (recovered)")
		stop()
	})
}

func TestTooFewSamplesHoldAnAlert(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
		_, stop := live(t, w, g)
		pass(35 * time.Second)
		w.take()
		w.set(map[string][2]float64{"spring": {100, 9}})
		pass(10 * time.Minute)
		want(t, w.take())
		stop()
	})
}

func TestLimitKeepsWhatIsKnown(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"a": {1900, 50}, "b": {100, 50}}}
		e, stop := live(t, w, g)
		pass(35 * time.Second)
		want(t, w.take(), "firing Slow a page: 1.90 s in a of pipeline")
		w.set(map[string][2]float64{"a": {1900, 50}, "b": {100, 50}, "c": {100, 50}, "d": {100, 50}, "e": {1900, 50}})
		pass(30 * time.Second)
		want(t, w.take(), "eval_error Slow  ticket (limit of 3 instances reached, 2 new label sets are not watched: narrow `by` or raise limit)",
			"firing Slow e page: 1.90 s in e of pipeline")
		if s := e.Status()[0].Rules[0]; s.Health != HealthError || s.Refused != 2 || s.Instances[leadline.StateFiring] != 2 || s.Instances[leadline.StateOK] != 1 {
			t.Errorf("status %+v", s)
		}
		stop()
	})
}

func TestRemovedRulesResolve(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	renamed := one(t, strings.Replace(simple, "alert: Slow", "alert: Slower", 1))
	otherBy := one(t, strings.NewReplacer("by: [campaign]", "by: [campaign, partner]", "{{ .Labels.campaign }}", "x").Replace(simple))
	synctest.Test(t, func(t *testing.T) {
		for _, next := range []*Group{renamed, otherBy} {
			w := &world{series: map[string][2]float64{"spring": {1900, 50}, "autumn": {1, 50}}}
			_, stop := live(t, w, g)
			pass(35 * time.Second)
			w.take()
			stop()
			w.do(func() { w.fail = errors.New("none") })
			_, stop = live(t, w, next)
			pass(10 * time.Second)
			want(t, w.take(), "resolved Slow spring page (rule_deleted)")
			if len(w.kept) > 0 {
				t.Errorf("still kept: %v", sortedKeys(w.kept))
			}
			stop()
		}
	})
}

func TestWhatTheSinkRefusesIsTriedAgain(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
		e, stop := live(t, w, g)
		pass(15 * time.Second)
		w.do(func() { w.noApply = true })
		pass(20 * time.Second)
		if s := e.Status()[0]; !strings.Contains(s.Error, "disk full") {
			t.Errorf("status %+v", s)
		}
		w.do(func() { w.noApply = false })
		pass(10 * time.Second)
		want(t, w.take(), "firing Slow spring page: 1.90 s in spring of pipeline")
		if s := e.Status()[0]; s.Error != "" {
			t.Errorf("status %+v", s)
		}
		stop()
	})
}

func TestASlowGroupSkipsAndCounts(t *testing.T) {
	t.Parallel()
	slow, quick := one(t, simple), one(t, strings.Replace(simple, "limit: 3", "limit: 4", 1))
	quick.Name = "quick"
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1, 50}}, block: 10*time.Second - time.Millisecond}
		e, stop := live(t, w, slow)
		pass(2 * time.Minute)
		if s := e.Status()[0]; s.Evaluations < 11 || s.Missed != 0 {
			t.Errorf("a query of just an interval: %+v", s)
		}
		w.do(func() { w.block = 11 * time.Second })
		pass(4 * time.Minute)
		s := e.Status()[0]
		if s.Missed < 2 || s.Evaluations+s.Missed < 33 {
			t.Errorf("a query longer than the interval: %+v", s)
		}
		stop()
		w = &world{series: map[string][2]float64{"spring": {1, 50}}}
		e, stop = live(t, w, slow, quick)
		pass(time.Minute)
		if s := e.Status(); s[0].Evaluations != 6 || s[1].Evaluations != 7 { // the first beat finds its last slot, too
			t.Errorf("two groups: %+v", s)
		}
		stop()
	})
}

func TestRunReportsAnUnreadableMemory(t *testing.T) {
	t.Parallel()
	e := New(Options{Groups: []*Group{one(t, simple)}, Asker: &world{}, Sink: brokenSink{}})
	if err := e.Run(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "load instances of group g: torn page") {
		t.Errorf("got %v", err)
	}
}

type brokenSink struct{}

func (brokenSink) Apply(context.Context, leadline.Evaluation) error { return nil }

func (brokenSink) Slots(context.Context) ([]leadline.GroupSlot, error) { return nil, nil }

func (brokenSink) Instances(context.Context, string) ([]leadline.Instance, error) {
	return nil, errors.New("torn page")
}
