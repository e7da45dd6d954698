package budget

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"leadline/internal/golden"
)

// counters are those of one window and the period, and nothing in all other windows.
func counters(o *Objective, w time.Duration, window, all Count) map[string]float64 {
	m := map[string]float64{TotalPeriod: all.Total, BadPeriod: all.Bad}
	for _, x := range o.Windows() {
		m[TotalOver(x)], m[BadOver(x)] = 0, 0
		if x <= w { // the short windows burn like the long one
			m[TotalOver(x)], m[BadOver(x)] = window.Total, window.Bad
		}
	}
	return m
}

func TestWords(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	f := func(what string, o *Objective, w time.Duration, window, all Count) {
		fmt.Fprintf(&b, "%-44s %s\n", what, o.Words(counters(o, w, window, all)))
	}
	o := monthly()
	f("page quick", o, hour, Count{1760, 10_000}, Count{1932, 4_292_700})
	f("page slow", o, 6*hour, Count{800, 10_000}, Count{40_000, 10_000_000})
	f("ticket slow", o, 72*hour, Count{120, 10_000}, Count{3000, 1_000_000})
	f("burning, no pair fires", o, hour, Count{40, 10_000}, Count{40, 3_000_000})
	f("burning hardly", o, hour, Count{1, 10_000}, Count{1, 3_000_000})
	f("burning slowly, little left", o, hour, Count{50, 10_000}, Count{29_700, 3_000_000})
	f("all of it gone", o, hour, Count{1800, 10_000}, Count{30_000, 3_000_000})
	f("overspent", o, hour, Count{1800, 10_000}, Count{43_000, 3_000_000})
	f("a total outage", o, hour, Count{10_000, 10_000}, Count{10_000, 3_000_000})
	f("not burning", o, hour, Count{0, 10_000}, Count{800, 3_000_000})
	f("not burning, nothing ever did", o, hour, Count{0, 10_000}, Count{0, 3_000_000})
	f("not burning, a little gone", o, hour, Count{0, 10_000}, Count{1, 3_000_000})
	f("not burning, overspent", o, hour, Count{0, 10_000}, Count{43_000, 3_000_000})
	f("no events lately", o, hour, Count{}, Count{800, 3_000_000})
	f("no events lately, overspent", o, hour, Count{}, Count{43_000, 3_000_000})
	f("no events", o, hour, Count{}, Count{})
	o.Period = Period{Length: 7 * day}
	f("a week", o, hour, Count{1800, 10_000}, Count{2000, 1_000_000})
	for _, u := range []Unit{Week, Month, Quarter} {
		o.Period, _ = Every(u, time.UTC)
		f("by the calendar, "+string(u), o, hour, Count{1800, 10_000}, Count{2000, 1_000_000})
	}
	c := &Objective{Target: 950_000, Period: Period{Kind: ByCampaign, Length: 6 * hour}, Pairs: ForCampaign(6*hour, "page", "ticket")}
	f("a campaign", c, 15*minute, Count{1500, 10_000}, Count{1600, 100_000})
	f("a campaign, slower", c, 45*minute, Count{1100, 10_000}, Count{1600, 100_000})
	f("a campaign, overspent", c, 15*minute, Count{1500, 10_000}, Count{1600, 12_000})
	f("a campaign, not burning", c, 15*minute, Count{0, 10_000}, Count{1600, 100_000})
	young := counters(c, 20*minute, Count{1500, 10_000}, Count{1500, 10_050})
	fmt.Fprintf(&b, "%-44s %s\n", "a campaign that has just begun", c.Words(young))
	golden.Bytes(t, []byte(b.String()), "words.golden")
}

func TestSpan(t *testing.T) {
	t.Parallel()
	f := func(d time.Duration, want string) {
		t.Helper()
		if got := Span(d); got != want {
			t.Errorf("Span(%v) = %q, want %q", d, got, want)
		}
	}
	f(39*hour+59*minute, "1 d 15 h")
	f(48*hour, "2 d")
	f(12*day+23*hour, "12 d")
	f(3*hour+20*minute, "3 h 20 min")
	f(hour, "1 h")
	f(8*minute+59*time.Second, "8 min")
	f(59*time.Second, "less than a minute")
	f(0, "less than a minute")
}

// Whatever the counters say, the words are one line that holds no number that is none, and they say "overspent" exactly
// when nothing is left.
func TestWordsHoldAlways(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := anyObjective().Draw(t, "objective")
		m := map[string]float64{}
		set := func(total, bad string) {
			c := Count{}
			switch rapid.IntRange(0, 3).Draw(t, total) {
			case 0:
				return // not measured
			case 1:
			default:
				c = rush(t, total)
			}
			m[total], m[bad] = c.Total, c.Bad
		}
		for _, w := range o.Windows() {
			set(TotalOver(w), BadOver(w))
		}
		set(TotalPeriod, BadPeriod)
		words := o.Words(m)
		if strings.ContainsAny(words, "\n") || strings.Contains(words, "NaN") || strings.Contains(words, "Inf") || strings.Contains(words, " -") {
			t.Fatal(words)
		}
		left, ok := o.Values(m)[Left]
		if got := strings.Contains(words, "overspent"); got != (ok && left <= 0) {
			t.Fatalf("%v left: %s", left, words)
		}
		for name, v := range o.Values(m) {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				t.Fatalf("%s = %v", name, v)
			}
		}
	})
}
