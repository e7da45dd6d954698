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

const (
	hour   = time.Hour
	minute = time.Minute
)

// monthly is the objective of most examples: 99 % over 30 days.
func monthly() *Objective {
	return &Objective{Target: 990_000, Period: Period{Length: 30 * day}, Pairs: Google("page", "ticket"), MinBad: 10, MinTotal: 300}
}

func TestTarget(t *testing.T) {
	t.Parallel()
	f := func(percent float64, want Target, ok bool) {
		t.Helper()
		if got, k := ParseTarget(percent); got != want || k != ok {
			t.Errorf("ParseTarget(%v) = %d, %v", percent, got, k)
		}
		if ok && want.Percent() != percent {
			t.Errorf("%d is %v %%, want %v", want, want.Percent(), percent)
		}
	}
	f(99, 990_000, true)
	f(99.9, 999_000, true)
	f(99.95, 999_500, true)
	f(99.9999, 999_999, true)
	f(0.0001, 1, true)
	f(99.99999, 0, false)
	f(33.333333, 0, false)
	f(100, 0, false)
	f(0, 0, false)
	f(-1, 0, false)
	f(math.NaN(), 0, false)
	f(math.Inf(1), 0, false)
	if a := Target(999_000).Allowed(); a != 0.001 {
		t.Errorf("99.9 %% allows %v", a)
	}
}

// The factors are those of the SRE workbook at 30 days, and follow the period.
func TestFactors(t *testing.T) {
	t.Parallel()
	f := func(pairs []Pair, period time.Duration, want ...string) {
		t.Helper()
		var got []string
		for _, p := range pairs {
			got = append(got, fmt.Sprintf("%s %.4g over %v and %v", p.Severity, p.Factor(period), p.Long, p.Short))
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("%v:\n%s", period, strings.Join(got, "\n"))
		}
	}
	f(Google("p", "t"), 30*day, "p 14.4 over 1h0m0s and 5m0s", "p 6 over 6h0m0s and 30m0s", "t 3 over 24h0m0s and 2h0m0s", "t 1 over 72h0m0s and 6h0m0s")
	f(Google("p", "t"), 28*day, "p 13.44 over 1h0m0s and 5m0s", "p 5.6 over 6h0m0s and 30m0s", "t 2.8 over 24h0m0s and 2h0m0s", "t 0.9333 over 72h0m0s and 6h0m0s")
	f(ForCampaign(6*hour, "p", "t"), 6*hour, "p 2.4 over 15m0s and 3m0s", "p 2 over 45m0s and 8m0s", "t 1.5 over 2h0m0s and 20m0s")
	f(ForCampaign(24*hour, "p", "t"), 24*hour, "p 2.4 over 1h0m0s and 10m0s", "p 2 over 3h0m0s and 30m0s", "t 1.5 over 8h0m0s and 1h20m0s")
	f(ForCampaign(hour, "p", "t"), hour, "p 1.2 over 5m0s and 1m0s", "p 1.875 over 8m0s and 1m0s", "t 1.5 over 20m0s and 3m0s")
}

// The table of the reference: T × pair → needed bad share, time to see a total outage, events so that 10 are needed.
func TestNeeds(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, percent := range []float64{90, 95, 97, 99, 99.5, 99.9, 99.99} {
		o := monthly()
		o.Target, _ = ParseTarget(percent)
		fmt.Fprintf(&b, "%g %%:", percent)
		for _, p := range o.Pairs {
			limit := o.Limit(p)
			fmt.Fprintf(&b, "  %.4g× %s bad; %v; %.0f", p.Factor(o.Period.Length), share(limit), time.Duration(limit*float64(p.Long)).Round(time.Second), math.Ceil(10/limit-1e-9))
		}
		b.WriteString("\n")
	}
	golden.Bytes(t, []byte(b.String()), "needs.golden")
}

// rush draws a count that can be.
func rush(t *rapid.T, name string) Count {
	total := rapid.Float64Range(1, 1e12).Draw(t, name+" total")
	return Count{rapid.Float64Range(0, 1).Draw(t, name+" bad") * total, total}
}

func anyObjective() *rapid.Generator[*Objective] {
	return rapid.Custom(func(t *rapid.T) *Objective {
		o := &Objective{Target: Target(rapid.Int64Range(1, whole-1).Draw(t, "target")), MinBad: 10, MinTotal: 300}
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			o.Period, o.Pairs = Period{Length: time.Duration(rapid.Int64Range(4, 365).Draw(t, "days")) * day}, Google("page", "ticket")
		case 1:
			o.Period, _ = Every(rapid.SampledFrom([]Unit{Week, Month, Quarter}).Draw(t, "unit"), time.UTC)
			o.Pairs = Google("page", "ticket")
		default:
			o.Period = Period{Kind: ByCampaign, Length: time.Duration(rapid.Int64Range(60, 60*24*7).Draw(t, "minutes")) * minute}
			o.Pairs = ForCampaign(o.Period.Length, "page", "ticket")
		}
		return o
	})
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(1, math.Abs(a), math.Abs(b)) }

// What is left and what is spent are the whole; the burn over the period says the same; at a pair's factor and steady
// traffic its share of the budget goes in its long window, and the whole in period / factor.
func TestArithmeticAgreesWithItself(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		o := anyObjective().Draw(t, "objective")
		c := rush(t, "period")
		if left, spent := o.Target.Left(c), o.Target.Spent(c, c); !near(left+spent, 1) || !near(o.Target.Burn(c), spent) {
			t.Fatalf("left %v, spent %v, burn %v", left, spent, o.Target.Burn(c))
		}
		for _, p := range o.Pairs {
			f := p.Factor(o.Period.Length)
			w := Count{Total: c.Total * float64(p.Long) / float64(o.Period.Length)}
			w.Bad = w.Total * f * o.Target.Allowed()
			if !near(o.Target.Burn(w), f) || !near(o.Target.Spent(w, c), p.Share) {
				t.Fatalf("%v at its factor %v burns %v and spends %v", p, f, o.Target.Burn(w), o.Target.Spent(w, c))
			}
			if left := TimeLeft(1, f, o.Period.Length); !near(float64(left)*f/float64(o.Period.Length), 1) {
				t.Fatalf("at %v the budget of %v lasts %v", f, o.Period.Length, left)
			}
		}
	})
}

// More bad events never leave more budget or more time, and the count of a window is split as one likes.
func TestArithmeticIsMonotonicAndAdditive(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		target := Target(rapid.Int64Range(1, whole-1).Draw(t, "target"))
		c := rush(t, "period")
		worse := Count{c.Bad + rapid.Float64Range(0, c.Total-c.Bad).Draw(t, "more"), c.Total}
		if target.Burn(worse) < target.Burn(c) || target.Left(worse) > target.Left(c) {
			t.Fatalf("%v burns %v, %v burns %v", c, target.Burn(c), worse, target.Burn(worse))
		}
		burn := target.Burn(c)
		if TimeLeft(target.Left(worse), target.Burn(worse), day) > TimeLeft(target.Left(c), burn, day) {
			t.Fatal("more bad events leave more time")
		}
		part := rapid.Float64Range(0, c.Bad).Draw(t, "part")
		if a, b := target.Spent(Count{Bad: part}, c), target.Spent(Count{Bad: c.Bad - part}, c); !near(a+b, target.Spent(c, c)) {
			t.Fatalf("%v + %v ≠ %v", a, b, target.Spent(c, c))
		}
	})
}

// A campaign that burns at a pair's factor since it began has spent the pair's share of its budget after the long window,
// and its budget is never reckoned from fewer events than it had.
func TestYoungCampaigns(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		length := time.Duration(rapid.Int64Range(60, 60*24*7).Draw(t, "minutes")) * minute
		o := &Objective{Target: 950_000, Period: Period{Kind: ByCampaign, Length: length}, Pairs: ForCampaign(length, "page", "ticket")}
		at := func(age time.Duration, burn float64) map[string]float64 {
			m := map[string]float64{}
			set := func(total, bad string, w time.Duration) {
				m[total] = 1000 * min(age, w).Minutes()
				m[bad] = m[total] * burn * o.Target.Allowed()
			}
			for _, w := range append(o.Windows(), o.Ages()...) {
				set(TotalOver(w), BadOver(w), w)
			}
			set(TotalPeriod, BadPeriod, length)
			return m
		}
		for _, p := range o.Pairs {
			f := p.Factor(length)
			if left := o.Values(at(p.Long, f))[Left]; math.Abs(1-left-p.Share) > 0.011*p.Share {
				t.Fatalf("after %v at %v× of %v there is %v left, want %v", p.Long, f, length, left, 1-p.Share)
			}
		}
		age := time.Duration(rapid.Int64Range(5, int64(length/minute)).Draw(t, "age")) * minute
		burn := rapid.Float64Range(0, 3).Draw(t, "burn")
		spent, ideal := 1-o.Values(at(age, burn))[Left], burn*float64(age)/float64(length)
		// A young campaign's age is told by 99 % of its events, and by windows that are at most 3 times as long.
		least := burn * float64(o.Windows()[0]) / float64(length)
		if spent < 0.98*ideal-1e-9 || spent > max(3*ideal, least)+1e-9 {
			t.Fatalf("after %v of %v at %v× it has spent %v, want about %v", age, length, burn, spent, ideal)
		}
	})
}

func TestNothingHappened(t *testing.T) {
	t.Parallel()
	for _, c := range []Count{{}, {0, 0}, {math.NaN(), math.NaN()}, {1, -1}} {
		if b := Target(990_000).Burn(c); !math.IsNaN(b) {
			t.Errorf("%v burns %v", c, b)
		}
	}
	if left := TimeLeft(0.5, 0, day); left != math.MaxInt64 {
		t.Errorf("without burning the budget lasts %v", left)
	}
	if left := TimeLeft(-0.5, 3, day); left != 0 {
		t.Errorf("an overspent budget lasts %v", left)
	}
	if v := monthly().Values(map[string]float64{"total_1h": 0, "bad_1h": 0, TotalPeriod: 100, BadPeriod: 1}); len(v) != 1 || !near(v[Left], 0) {
		t.Errorf("values %v", v)
	}
}

func TestValues(t *testing.T) {
	t.Parallel()
	o := monthly()
	got := o.Values(map[string]float64{"total_1h": 1000, "bad_1h": 180, "total_5m": 10, "bad_5m": 0.5, "total_6h": 6000, "bad_6h": 180, TotalPeriod: 1e6, BadPeriod: 400})
	want := map[string]float64{"burn_1h": 18, "burn_5m": 5, "burn_6h": 3, Left: 0.96}
	for name, v := range want {
		if !near(got[name], v) {
			t.Errorf("%s = %v, want %v", name, got[name], v)
		}
	}
	if len(got) != len(want) {
		t.Errorf("values %v", got)
	}
	// A month that has just begun has the budget of what a month usually brings.
	o.Period, _ = Every(Month, time.UTC)
	got = o.Values(map[string]float64{TotalPeriod: 100, BadPeriod: 10, TotalUsual: 10_000})
	if !near(got[Left], 0.9) {
		t.Errorf("left %v", got[Left])
	}
	got = o.Values(map[string]float64{TotalPeriod: 20_000, BadPeriod: 10, TotalUsual: 10_000})
	if !near(got[Left], 0.95) {
		t.Errorf("left %v", got[Left])
	}
}

func TestWindows(t *testing.T) {
	t.Parallel()
	f := func(o *Objective, want string) {
		t.Helper()
		if got := fmt.Sprint(o.Windows()); got != want {
			t.Errorf("windows %s", got)
		}
	}
	f(monthly(), "[5m0s 30m0s 1h0m0s 2h0m0s 6h0m0s 24h0m0s 72h0m0s]")
	f(&Objective{Period: Period{Kind: ByCampaign, Length: 4 * hour}, Pairs: ForCampaign(4*hour, "p", "t")}, "[2m0s 5m0s 10m0s 13m0s 30m0s 1h0m0s 1h20m0s]")
}
