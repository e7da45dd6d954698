package rules

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/storetest"
	"leadline/rules/budget"
	"leadline/rules/measure"
	"leadline/store"
)

// raw is what the oracle knows of an event.
type raw struct {
	stored            time.Time
	partner, campaign string
	e2e, write        time.Duration
	answered          bool // GeoIP did
}

// weeks writes 33 days of random events to a ClickHouse of its own: three partners with nights, silent hours and a rush in
// the last three hours, latencies around 600 ms, a GeoIP that fails now and then.
func weeks(t *testing.T, until time.Time) (*store.DB, []raw) {
	t.Helper()
	db, _ := storetest.New(t)
	r := rand.New(rand.NewPCG(99, 7))
	var all []raw
	var events []leadline.Event
	for hour := until.Add(-33 * 24 * time.Hour); hour.Before(until); hour = hour.Add(time.Hour) {
		for p, partner := range []string{"acme", "blue's", "rare"} {
			n := r.IntN([]int{90, 40, 4}[p])
			if until.Sub(hour) <= 3*time.Hour {
				n = []int{4000, 900, 3}[p]
			} else if r.IntN(10) == 0 {
				n = 0
			}
			for range n {
				e, x := someEvent(r, hour.Add(time.Duration(r.Int64N(int64(time.Hour)/1000))*1000), partner, len(all))
				all, events = append(all, x), append(events, e)
			}
		}
	}
	for n := 0; len(events) > 0; n++ {
		size := min(len(events), 20_000)
		if err := storetest.Write(t.Context(), db, &leadline.Batch{Token: fmt.Sprint("weeks", n), Events: events[:size]}); err != nil {
			t.Fatal(err)
		}
		events = events[size:]
	}
	storetest.SumHours(t, db)
	return db, all
}

func someEvent(r *rand.Rand, stored time.Time, partner string, n int) (leadline.Event, raw) {
	micros := func(median, sigma float64) time.Duration {
		return time.Duration(median*math.Exp(sigma*r.NormFloat64())*1000) * time.Microsecond
	}
	x := raw{stored: stored, partner: partner, campaign: []string{"spring", "autumn"}[r.IntN(2)], answered: r.IntN(50) > 0, write: micros(200, 0.3)}
	status, geoip := leadline.StatusOK, micros(250, 0.6)
	if !x.answered {
		status = leadline.StatusTimeout
	}
	e := leadline.Event{ID: fmt.Sprint(n), Partner: partner, Campaign: x.campaign, Type: "lead.created", Payload: []byte("{}")}
	e.Spend(leadline.StageGeoIP, 0, geoip, status)
	e.Spend(leadline.StageWrite, x.write/4, x.write-x.write/4, leadline.StatusOK)
	x.e2e = geoip + x.write
	e.ReceivedAt = stored.Add(-x.e2e)
	return e, x
}

// TestBurnRatesAgainstBruteForce compares every counter and burn rate of four objectives with a walk over all events.
// Counters are exact. A threshold is exact but for the events in its own bucket of a histogram: within 1 % of all.
func TestBurnRatesAgainstBruteForce(t *testing.T) {
	t.Parallel()
	until := noon.Add(-23 * time.Minute)
	db, events := weeks(t, until)
	all := func(raw) bool { return true }
	f := func(name, spec string, exact bool, counts, bad func(raw) bool, by func(raw) string) {
		g := oneSLO(t, spec)
		rule := g.Rules[0]
		for _, end := range []time.Time{until, until.Add(-17 * time.Minute), until.Add(-37 * time.Hour)} {
			rows, err := measure.New(db).Fetch(context.Background(), []*measure.Ask{&rule.Ask}, end).Rows(&rule.Ask)
			if err != nil {
				t.Fatal(err)
			}
			want := brute(rule, events, end, counts, bad, by)
			for _, row := range rows {
				key := row.Labels[append(slices.Clone(rule.Ask.By), "")[0]]
				series := want[key]
				delete(want, key)
				for i, m := range rule.Ask.Measures {
					off := math.Abs(row.Values[i] - series[m.Name])
					total := series["total_"+strings.TrimPrefix(m.Name, "bad_")]
					if allowed := 0.01*total + 2; off > 0 && (exact || !strings.HasPrefix(m.Name, "bad_") || off > allowed) {
						t.Errorf("%s of %q at %v: %s = %v, counted %v", name, key, end, m.Name, row.Values[i], series[m.Name])
					}
				}
				sameBurns(t, fmt.Sprintf("%s of %q at %v", name, key, end), rule.Objective, rule.finite(row.Values), series, exact)
			}
			for key := range want {
				t.Errorf("%s of %q at %v has no row", name, key, end)
			}
		}
	}
	partner := func(x raw) string { return x.partner }
	slow := func(x raw) bool { return x.e2e > 600*time.Millisecond }
	f("latency", "\n  objective: 99\n  period: 30d\n  sli: {latency: {of: event.e2e_ms, threshold: 600}}\n  by: [partner]\n", false, all, slow, partner)
	f("month", "\n  objective: 95\n  period: {calendar: 1M, timeZone: Asia/Kolkata}\n  sli: {latency: {of: event.e2e_ms, threshold: 600}}\n", false, all, slow, func(raw) string { return "" })
	f("geoip", "\n  objective: 99.5\n  period: 28d\n  sli: {events: {of: span, total: 'stage == \"enrich.geoip\"', bad: 'status != \"ok\"'}}\n  by: [partner]\n", true,
		all, func(x raw) bool { return !x.answered }, partner)
	f("campaign", "\n  objective: 95\n  period: {campaign: 6h}\n  sli: {latency: {of: span.total_ms, threshold: 250.5, where: 'stage == \"write\" and partner != \"rare\"'}}\n  by: [campaign]\n", false,
		func(x raw) bool { return x.partner != "rare" }, func(x raw) bool { return x.write > 250500*time.Microsecond }, func(x raw) string { return x.campaign })
}

// brute counts what every measure of a burn rule should be, by series.
func brute(rule *Rule, events []raw, end time.Time, counts, bad func(raw) bool, by func(raw) string) map[string]map[string]float64 {
	out := map[string]map[string]float64{}
	for _, m := range rule.Ask.Measures {
		from := end.Add(-m.Window)
		if m.Begin != nil {
			from = m.Begin(end)
		}
		for _, x := range events {
			if x.stored.Before(from) || !x.stored.Before(end) || !counts(x) {
				continue
			}
			if out[by(x)] == nil {
				out[by(x)] = map[string]float64{}
			}
			if !strings.HasPrefix(m.Name, "bad_") || bad(x) {
				out[by(x)][m.Name]++
			}
		}
	}
	return out
}

// sameBurns compares burn rates and the budget left with those of the counted events.
func sameBurns(t *testing.T, what string, o *budget.Objective, got, counted map[string]float64, exact bool) {
	t.Helper()
	full := map[string]float64{}
	for _, w := range append(o.Windows(), o.Ages()...) {
		for _, name := range []string{budget.TotalOver(w), budget.BadOver(w)} {
			full[name] = counted[name]
		}
	}
	for _, name := range []string{budget.TotalPeriod, budget.BadPeriod, budget.TotalUsual} {
		full[name] = counted[name]
	}
	for name, want := range o.Values(full) {
		total := full["total_"+strings.TrimPrefix(name, "burn_")]
		if name == budget.Left {
			total = max(full[budget.TotalPeriod], full[budget.TotalUsual])
		}
		allowed := (0.01 + 2/total) / o.Target.Allowed()
		if exact {
			allowed = 1e-9
		}
		if v, ok := got[name]; !ok || math.Abs(v-want) > allowed {
			t.Errorf("%s: %s = %v, counted %v", what, name, v, want)
		}
	}
	for name := range got {
		if _, ok := o.Values(full)[name]; !ok && !strings.HasPrefix(name, "total_") && !strings.HasPrefix(name, "bad_") {
			t.Errorf("%s: %s = %v, although nothing happened", what, name, got[name])
		}
	}
}
