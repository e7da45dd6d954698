package rules

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leadline"

	"pgregory.net/rapid"
)

// edges are nights in which clocks are set, both ways: by an hour, at midnight, and by half an hour.
var edges = map[string][]string{
	"Europe/Kyiv":         {"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"},
	"America/Sao_Paulo":   {"2018-02-18T02:00:00Z", "2018-11-04T03:00:00Z"},
	"Australia/Lord_Howe": {"2026-04-04T15:00:00Z", "2026-10-03T15:30:00Z"},
}

func eachEdge(t *testing.T, f func(zone *time.Location, edge time.Time)) {
	t.Helper()
	for name, list := range edges {
		zone, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range list {
			edge, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			_, before := edge.Add(-time.Minute).In(zone).Zone()
			_, after := edge.Add(time.Minute).In(zone).Zone()
			if before == after {
				t.Fatalf("no clock is set in %s at %s", name, text)
			}
			f(zone, edge)
		}
	}
}

// The clock of rules runs through a night in which people's clocks are set as through any other.
func TestSlotsDoNotKnowDaylightSaving(t *testing.T) {
	t.Parallel()
	g := one(t, strings.NewReplacer("interval: 10s", "interval: 29s", "20s", "1m").Replace(simple))
	eachEdge(t, func(zone *time.Location, edge time.Time) {
		at := edge.Add(-3 * time.Hour).In(zone)
		for n := (grid{[]*Group{g}}).Next(at); n.Before(edge.Add(3 * time.Hour)); {
			next := grid{[]*Group{g}}.Next(n.In(zone))
			if next.Sub(n) != g.Interval || !Slot(n.In(zone), g.Interval, g.Name).Equal(n) {
				t.Fatalf("%s: %v after %v", zone, next, n)
			}
			n = next
		}
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(edge.Add(-3 * time.Hour)))
			w := &world{series: map[string][2]float64{"spring": {100, 50}}}
			e, stop := live(t, w, g)
			pass(6 * time.Hour)
			stop()
			if s := e.Status()[0]; s.Missed != 0 || s.Evaluations < int(6*time.Hour/g.Interval) {
				t.Errorf("%s at %v: %+v", zone, edge, s)
			}
			for i := 1; i < len(w.slots); i++ {
				if w.slots[i].Sub(w.slots[i-1]) != g.Interval {
					t.Errorf("%s: slot %v after %v", zone, w.slots[i], w.slots[i-1])
				}
			}
		})
	})
}

// Whatever the wall clock does, no slot is evaluated twice, and no step of it makes a condition out of one observation:
// between two looks at most two intervals are credited.
func TestClockSteps(t *testing.T) {
	t.Parallel()
	g := one(t, strings.Replace(simple, "for: 20s", "for: 10m", 1))
	rapid.Check(t, func(rt *rapid.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
		r := New(Options{Groups: []*Group{g}, Asker: w, Sink: w}).runs[0]
		wall, looks := epoch, 0
		for range rapid.IntRange(1, 150).Draw(rt, "beats") {
			wall = wall.Add(g.Interval)
			switch rapid.IntRange(0, 20).Draw(rt, "step") {
			case 0:
				wall = wall.Add(time.Hour)
			case 1:
				wall = wall.Add(-time.Hour)
			case 2:
				wall = wall.Add(time.Duration(rapid.IntRange(-30, 30).Draw(rt, "seconds")) * time.Second)
			}
			before := len(w.slots)
			r.tick(context.Background(), wall)
			looks += len(w.slots) - before
			if behind := wall.Before(r.last.Add(-g.Interval)); behind && !r.snapshot().ClockBehind {
				rt.Fatal("the clock is behind and nobody says so")
			}
			i := w.kept[`Slow/campaign="spring"`]
			if credited := i.Slot.Sub(i.Since); i.State != "" && credited > time.Duration(2*looks)*g.Interval {
				rt.Fatalf("%v credited for %d looks", credited, looks)
			}
			if i.State == leadline.StateFiring && looks < int(g.Rules[0].Timing.For/(2*g.Interval)) {
				rt.Fatalf("fired after %d looks", looks)
			}
		}
		for i := 1; i < len(w.slots); i++ {
			if !w.slots[i].After(w.slots[i-1]) {
				rt.Fatalf("slot %v after %v", w.slots[i], w.slots[i-1])
			}
		}
	})
}

// After an hour back nothing is evaluated until the clock has caught up, and the watchdog, which goes by the monotonic
// clock, keeps looking.
func TestAnHourBack(t *testing.T) {
	t.Parallel()
	g := one(t, strings.Replace(simple, "for: 20s", "for: 40s", 1))
	w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
	r := New(Options{Groups: []*Group{g}, Asker: w, Sink: w}).runs[0]
	tick := func(at time.Time) int {
		before := len(w.slots)
		r.tick(t.Context(), at)
		return len(w.slots) - before
	}
	if tick(epoch) != 1 || tick(epoch) != 0 {
		t.Error("the first slot is evaluated once")
	}
	for back := time.Hour; back > 0; back -= g.Interval {
		if tick(epoch.Add(-back)) != 0 {
			t.Fatalf("evaluated %v before the newest slot", back)
		}
	}
	if s := r.snapshot(); s.ClockBehind {
		t.Error("the clock has caught up")
	}
	if tick(epoch.Add(g.Interval)) != 1 {
		t.Error("it goes on after it")
	}
	if tick(epoch.Add(g.Interval+time.Hour)) != 1 || w.kept[`Slow/campaign="spring"`].State != leadline.StatePending {
		t.Errorf("an hour ahead: %+v", w.kept)
	}
}
