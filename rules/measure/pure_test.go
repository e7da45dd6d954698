package measure

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"leadline/latency"
	"leadline/source"
)

// where compiles a condition that must be right.
func where(tb fataler, from Source, text string) Predicate {
	tb.Helper()
	if text == "" {
		return Predicate{}
	}
	p, errs := Where(source.Expr{Passage: source.Passage{Text: text}}, from)
	if len(errs) > 0 {
		tb.Fatalf("%s: %v", text, errs)
	}
	return p
}

func TestBaselineOf(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	f := func(stat Stat, now float64, want float64, past ...float64) {
		t.Helper()
		b := &Baseline{Season: 7 * 24 * time.Hour, Periods: len(past), Stat: stat}
		got := b.Of(now, past)
		if math.IsInf(got, 0) || math.IsNaN(got) != math.IsNaN(want) || math.Abs(got-want) > 1e-9 {
			t.Errorf("%s of %v after %v is %v, want %v", stat, now, past, got, want)
		}
	}
	f(Median, 9, 2, 1, 2, 3)
	f(Median, nan, 2.5, 4, 1, 2, 3)
	f(Median, 9, 1.5, 1, 2, nan, nan)
	f(Median, 9, nan, 1, nan, nan, nan)
	f(Median, 9, nan, 1)
	f(Median, 9, nan, 1, 2, nan, nan, nan)
	f(Median, 9, nan)
	f(RobustZ, 5, 2/1.4826, 1, 2, 3, 4, 5)
	f(RobustZ, 1, -2/1.4826, 1, 2, 3, 4, 5)
	f(RobustZ, 7, 0, 7, 7, 7, 7)
	f(RobustZ, 8, nan, 7, 7, 7, 7)
	f(RobustZ, nan, nan, 1, 2, 3, 4)
	f(RobustZ, 4, nan, 1, math.Inf(1), nan, nan)
	f(Median, 0, math.MaxFloat64, math.MaxFloat64, math.MaxFloat64)
}

// TestCut compares what the rollup can answer of a condition with the condition itself, event by event.
func TestCut(t *testing.T) {
	t.Parallel()
	type event struct {
		partner, stage, status string
		us                     uint64
	}
	var events []event
	for _, partner := range []string{"acme", "blue's"} {
		for _, stage := range []string{"write", "spool"} {
			for _, status := range []string{"ok", "error"} {
				for _, us := range []uint64{0, 5, 7, 8, 63} { // buckets of their own, so thresholds are exact
					events = append(events, event{partner, stage, status, us})
				}
			}
		}
	}
	f := func(text, names string, takes func(e event) bool) {
		t.Helper()
		p := where(t, Spans, text)
		if p.events != "" {
			t.Errorf("%s: not for the rollup: %s", text, p.events)
			return
		}
		if got := strings.Join(p.cut.names, " "); got != names {
			t.Errorf("%s names %q, want %q", text, got, names)
		}
		var s sum
		want := 0.0
		for _, e := range events {
			if takes(e) {
				want++
			}
			if !p.cut.takes(func(name string) string { return map[string]string{"partner": e.partner, "stage": e.stage}[name] }) {
				continue
			}
			x := tally{events: 1, buckets: []uint16{latency.Bucket(e.us)}, counts: []uint64{1}}
			if e.status != "ok" {
				x.failed = 1
			}
			s.add(&x)
		}
		if got := p.cut.count(&s); got != want {
			t.Errorf("%s takes %v, want %v", text, got, want)
		}
	}
	f(``, "", func(event) bool { return true })
	f(`partner == "acme"`, "partner", func(e event) bool { return e.partner == "acme" })
	f(`"acme" == partner and not (stage in ["spool", "x"])`, "partner stage", func(e event) bool { return e.partner == "acme" && e.stage != "spool" })
	f(`partner != "acme" or stage > "spool"`, "partner stage", func(e event) bool { return e.partner != "acme" || e.stage > "spool" })
	f(`stage == "write" && total_ms > 0.006 && partner in ["acme"]`, "partner stage", func(e event) bool { return e.stage == "write" && e.us > 6 && e.partner == "acme" })
	f(`total_ms >= 0.007`, "", func(e event) bool { return e.us >= 7 })
	f(`total_ms < 0.007`, "", func(e event) bool { return e.us < 7 })
	f(`0.007 >= total_ms`, "", func(e event) bool { return e.us <= 7 })
	f(`not (total_ms >= 0.0071)`, "", func(e event) bool { return e.us < 8 })
	f(`total_ms > -1`, "", func(event) bool { return true })
	f(`total_ms < -0.5`, "", func(event) bool { return false })
	f(`status != "ok" and stage == "write"`, "stage", func(e event) bool { return e.status != "ok" && e.stage == "write" })
	f(`not (status != "ok")`, "", func(e event) bool { return e.status == "ok" })

	refused := func(text, why string) {
		t.Helper()
		if got := where(t, Spans, text).events; !strings.Contains(got, why) {
			t.Errorf("%s: %q, want %q", text, got, why)
		}
	}
	refused(`bot == "x" and partner == "acme"`, "bot is not in the rollup")
	refused(`status == "timeout"`, "of status the rollup answers")
	refused(`status != "ok" and total_ms > 5`, "not both at once")
	refused(`total_ms > 5 and total_ms < 7`, "not both at once")
	refused(`total_ms > 5 or stage == "x"`, "of total_ms the rollup answers")
	refused(`total_ms == 5`, "of total_ms")
	refused(`duration_ms > 5`, "duration_ms is not in the rollup")
	refused(`total_ms > wait_ms`, "of total_ms")
	refused(`1 == 1`, "cannot be asked")
}

// TestTiers wants every second of a window in exactly one of its parts, in whole minutes and hours, and none else.
func TestTiers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		end := time.Unix(rapid.Int64Range(1_700_000_000, 1_700_000_000+90_000).Draw(t, "end"), rapid.Int64Range(0, 999_999_999).Draw(t, "ns"))
		window := time.Duration(rapid.Int64Range(5, 3*24*60).Draw(t, "minutes")) * time.Minute
		minutes, hours := tiers(end, window)
		parts := minutes
		if !hours.empty() {
			if hours.from%3600 != 0 || hours.to%3600 != 0 || end.Unix()-hours.to < 300 {
				t.Fatalf("hours %+v", hours)
			}
			parts = append(parts, hours)
		}
		to := end.Unix() - end.Unix()%60
		var sum int64
		for i, p := range parts {
			if p.empty() || p.from%60 != 0 || p.to%60 != 0 || !p.within(span{to - int64(window.Seconds()), to}) {
				t.Fatalf("part %+v", p)
			}
			for _, o := range parts[:i] {
				if p.from < o.to && o.from < p.to {
					t.Fatalf("%+v and %+v overlap", p, o)
				}
			}
			sum += p.to - p.from
		}
		if sum != int64(window.Seconds()) {
			t.Fatalf("%d s of a window of %v", sum, window)
		}
	})
	if minutes, hours := tiers(time.Unix(1_700_000_000, 0), 60*24*time.Hour); len(minutes) != 1 || hours.from%3600 != 0 || hours.from > 1_700_000_000-60*86400 {
		t.Errorf("60 days are %v and %v", minutes, hours)
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	got := cells([]span{{0, 60}, {30, 90}, {30, 60}, {200, 260}})
	if d := cmp.Diff([]span{{0, 30}, {30, 60}, {60, 90}, {200, 260}}, got, cmp.AllowUnexported(span{})); d != "" {
		t.Error(d)
	}
}

func TestParseHistogram(t *testing.T) {
	t.Parallel()
	b, c, err := parseHistogram("{0:1,640:18446744073709551615,1471:3}")
	if err != nil || !cmp.Equal(b, []uint16{0, 640, 1471}) || !cmp.Equal(c, []uint64{1, math.MaxUint64, 3}) {
		t.Error(b, c, err)
	}
	if b, c, err := parseHistogram("{}"); err != nil || b != nil || c != nil {
		t.Error(b, c, err)
	}
	for _, bad := range []string{"", "{", "[1]", "{1}", "{1:}", "{:1}", "{1:2,}", "{2:1,1:1}", "{1:1,1:1}", "{1472:1}", "{-1:1}", "{1:-1}", "{65536:1}"} {
		if _, _, err := parseHistogram(bad); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
