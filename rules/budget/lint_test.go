package budget

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"leadline/internal/golden"
)

var rollup = Setting{Interval: minute, Kept: 400 * day, Of: "the rollups"}

func TestLint(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	f := func(what string, in Setting, change func(*Objective)) {
		o := monthly()
		change(o)
		fmt.Fprintf(&b, "%s\n", what)
		for _, p := range o.Lint(in) {
			fmt.Fprintf(&b, "    field %d, pair %d: %s: %s\n", p.Field, p.Pair, p.What, p.Do)
		}
	}
	usual := func(hourly float64) Setting {
		s := rollup
		s.Usual = func(w time.Duration) float64 { return hourly * w.Hours() }
		return s
	}
	events := Setting{Interval: minute, Kept: 90 * day, Of: "events"}
	f("well", rollup, func(*Objective) {})
	f("93 % can never burn 14.4×", rollup, func(o *Objective) { o.Target = 930_000 })
	f("80 %: neither pages", rollup, func(o *Objective) { o.Target = 800_000 })
	f("one bad event is enough", rollup, func(o *Objective) { o.Target, o.MinBad, o.MinTotal = 999_000, 0, 60 })
	f("one of what is usual is enough", usual(60), func(o *Objective) { o.Target, o.MinBad, o.MinTotal = 999_000, 1, 0 })
	f("an interval of 5 m", Setting{Interval: 5 * minute, Kept: 400 * day, Of: "the rollups"}, func(*Objective) {})
	f("a year of events", events, func(o *Objective) { o.Period.Length = 365 * day })
	f("a quarter of events", events, func(o *Objective) { o.Period, _ = Every(Quarter, time.UTC) })
	f("a quarter of the rollups", rollup, func(o *Objective) { o.Period, _ = Every(Quarter, time.UTC) })
	f("windows longer than the period", rollup, func(o *Objective) { o.Period.Length = 2 * day })
	f("a window longer than the data", Setting{Interval: minute, Kept: 2 * day, Of: "spans"}, func(*Objective) {})
	f("short is not shorter", rollup, func(o *Objective) { o.Pairs = []Pair{{"page", 0.02, hour, hour}} })
	f("min_samples is never reached", usual(100), func(*Objective) {})
	f("min_bad_events is never reached", usual(8), func(o *Objective) { o.MinTotal = 0 })
	golden.Bytes(t, []byte(b.String()), "lint.golden")
}

// Half of the month's events in three days are usual enough to be told from.
func TestHints(t *testing.T) {
	t.Parallel()
	f := func(total3d, totalPeriod float64, change func(*Objective), want ...string) {
		t.Helper()
		o := monthly()
		change(o)
		got := o.Hints(map[string]float64{"total_3d": total3d, "bad_3d": 0, TotalPeriod: totalPeriod, BadPeriod: 0})
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v of %v: %q", total3d, totalPeriod, got)
		}
	}
	const never = "100 events in 1h are usual, min_samples of 300 is never reached: lower it, or watch a longer window"
	f(7200, 72_000, func(*Objective) {}, never)
	f(7200, 7_300, func(*Objective) {}) // three days old: who knows
	f(0, 72_000, func(*Objective) {})
	f(72_000, 720_000, func(*Objective) {})
	f(7200, 72_000, func(o *Objective) { o.MinTotal, o.MinBad, o.Target = 1, 1, 999_900 },
		"one bad event would be enough for a page: of 100 events in 1h (as usual), 0.1 % are 0.144: raise min_bad_events to 10",
		"one bad event would be enough for a page: of 600 events in 6h (as usual), 0.1 % are 0.36: raise min_bad_events to 10",
		"one bad event would be enough for a ticket: of 2400 events in 1d (as usual), less than 0.1 % are 0.72: raise min_bad_events to 10",
		"one bad event would be enough for a ticket: of 7200 events in 3d (as usual), less than 0.1 % are 0.72: raise min_bad_events to 10")
}

// A pair that Lint passes can fire: with everything bad its limit is exceeded. One that it says cannot fire does not.
func TestLintKnowsWhatCanFire(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := anyObjective().Draw(t, "objective")
		never := map[int]bool{}
		for _, p := range o.Lint(rollup) {
			never[p.Pair] = never[p.Pair] || strings.Contains(p.What, "never fire")
		}
		all := rapid.Float64Range(1, 1e9).Draw(t, "events")
		for i, p := range o.Pairs {
			if can := o.Fires(p, Count{all, all}, Count{all, all}); can == never[i] && p.Long <= o.Period.Length {
				t.Fatalf("%v: can fire %v, said never %v", p, can, never[i])
			}
		}
	})
}
