package backtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"leadline/rules/measure"
)

// asked is at least one ask of every kind of measure, source and way to read it.
func asked(t testing.TB, interval time.Duration) []*measure.Ask {
	t.Helper()
	const h, day = time.Hour, 24 * time.Hour
	count := func(window time.Duration, text string) measure.Measure {
		return measure.Measure{Source: measure.Events, Kind: measure.Count, Window: window, Where: where(t, text, measure.Events)}
	}
	quantile := func(from measure.Source, of string, window time.Duration, text string) measure.Measure {
		return measure.Measure{Source: from, Kind: measure.Quantile, Level: 0.95, Of: of, Window: window, Where: where(t, text, from)}
	}
	ratio := func(from measure.Source, window time.Duration, num, den string) measure.Measure {
		return measure.Measure{Source: from, Kind: measure.Ratio, Window: window, Where: where(t, num, from), Den: where(t, den, from)}
	}
	age := func(from measure.Source, window time.Duration, text string) measure.Measure {
		return measure.Measure{Source: from, Kind: measure.Age, Window: window, Where: where(t, text, from)}
	}
	seasonal := func(m measure.Measure, season time.Duration, periods int) measure.Measure {
		m.Baseline = &measure.Baseline{Season: season, Periods: periods, Stat: measure.Median}
		return m
	}
	since := func(m measure.Measure, begin func(time.Time) time.Time) measure.Measure {
		m.Begin = begin
		return m
	}
	schema := func(of string, kind measure.Kind, window time.Duration) measure.Measure {
		return measure.Measure{Source: measure.Schema, Kind: kind, Of: of, Window: window}
	}
	asks := []*measure.Ask{
		{Name: "rollup", By: []string{"partner"}, Measures: []measure.Measure{
			count(5*time.Minute, ""), count(time.Hour, `worst != "ok"`), count(7*time.Hour, `e2e_ms > 600.5 and campaign != "spring"`),
			quantile(measure.Events, "e2e_ms", 10*time.Minute, ""), quantile(measure.Events, "e2e_ms", 3*h, `campaign in ["autumn", "x"]`),
			ratio(measure.Events, 30*time.Minute, `e2e_ms <= 100`, ""), ratio(measure.Events, 2*day, `worst == "ok"`, `campaign == "spring"`),
		}},
		{Name: "long", By: []string{"partner"}, Measures: []measure.Measure{
			count(35*day, ""), ratio(measure.Events, 35*day, `e2e_ms > 300`, ""), quantile(measure.Events, "e2e_ms", 4*day, ""),
		}},
		{Name: "one threshold", By: []string{"campaign"}, Measures: []measure.Measure{
			ratio(measure.Events, 3*h, `e2e_ms > 300.25`, ""), ratio(measure.Events, 30*time.Minute, `e2e_ms <= 300.25`, ""), ratio(measure.Spans, 2*day, `total_ms > 20`, ""),
		}},
		{Name: "under all", By: []string{"campaign", "partner"}, Measures: []measure.Measure{count(time.Hour, "e2e_ms > -1")}},
		{Name: "since", By: []string{"partner"}, Measures: []measure.Measure{
			since(ratio(measure.Events, 31*day, `worst != "ok"`, ""), func(end time.Time) time.Time { return end.Truncate(12 * h) }),
			since(quantile(measure.Events, "e2e_ms", 31*day, ""), func(time.Time) time.Time { return began.Add(48*h + 25*time.Minute) }),
			since(count(90*day, ""), func(time.Time) time.Time { return began.Add(-33 * day) }),
		}},
		{Name: "rollup all", Measures: []measure.Measure{count(15*time.Minute, ""), age(measure.Events, 2*day, "")}},
		{Name: "spans", By: []string{"stage", "campaign"}, Measures: []measure.Measure{
			quantile(measure.Spans, "total_ms", 5*time.Minute, ""), ratio(measure.Spans, 20*time.Minute, `status != "ok" and stage == "enrich.geoip"`, `stage == "enrich.geoip"`),
			{Source: measure.Spans, Kind: measure.Count, Window: 10 * time.Minute},
		}},
		{Name: "stage", By: []string{"partner"}, Measures: []measure.Measure{
			quantile(measure.Spans, "total_ms", 30*time.Minute, `stage == "enrich.geoip"`), count(30*time.Minute, ""),
		}},
		{Name: "seasons", By: []string{"partner"}, Expect: 2 * day, Measures: []measure.Measure{
			seasonal(count(time.Hour, ""), 12*h, 3), seasonal(quantile(measure.Events, "e2e_ms", 20*time.Minute, ""), 6*h, 2),
			seasonal(count(2*time.Minute, `bot == "b1"`), 3*h, 2),
		}},
		{Name: "quiet", By: []string{"partner"}, Expect: 30 * h, Measures: []measure.Measure{age(measure.Events, 30*h, ""), count(30*time.Minute, "")}},
		{Name: "quiet bots", By: []string{"partner", "bot"}, Expect: 5 * h, Measures: []measure.Measure{age(measure.Events, 5*h, ""), count(3*time.Minute, "")}},
		{Name: "raw", By: []string{"bot", "country"}, Measures: []measure.Measure{
			count(time.Minute, ""), quantile(measure.Events, "e2e_ms", 90*time.Second, `outcome == "lost"`), count(26*h, ""),
			ratio(measure.Events, 2*time.Minute, `country == "UA"`, ""), age(measure.Events, h, `country == "PL"`),
		}},
		{Name: "raw all", Measures: []measure.Measure{count(time.Minute, ""), quantile(measure.Spans, "duration_ms", 10*time.Minute, `stage == "enrich.geoip" and wait_ms >= 5`)}},
		{Name: "schema", By: []string{"partner", "type"}, Measures: []measure.Measure{
			schema(measure.UnknownFields, measure.Count, 10*time.Minute), schema(measure.Rejected, measure.Ratio, time.Hour), schema(measure.Rejected, measure.Count, 30*time.Minute),
		}},
	}
	for _, a := range asks {
		a.Interval = interval
	}
	asks = append(asks, &measure.Ask{Name: "own", By: []string{"partner"}, Interval: interval, Measures: []measure.Measure{{Name: measure.Value}}, Custom: &measure.Custom{
		SQL:    "SELECT partner, count() AS value FROM journeys WHERE stored_at >= {from:DateTime64(6, 'UTC')} AND stored_at < {to:DateTime64(6, 'UTC')} GROUP BY partner",
		Window: 10 * time.Minute, Timeout: 5 * time.Second,
	}})
	return asks
}

// TestHistoryIsWhatFetchSays walks some hours with the one and the other and wants the same rows, bit by bit. The walks
// begin, and step, off the minute.
func TestHistoryIsWhatFetchSays(t *testing.T) {
	t.Parallel()
	db := lived(t).open(t)
	f := func(from time.Time, interval time.Duration, slots int) {
		t.Helper()
		asks := asked(t, interval)
		h, err := measure.New(db).History(t.Context(), asks, from, from.Add(time.Duration(slots)*interval), slots)
		if err != nil {
			t.Fatal(err)
		}
		live := measure.New(db)
		rows, differ := map[string]int{}, 0
		for n := range slots {
			end := from.Add(time.Duration(n) * interval)
			past, err := h.At(t.Context(), end)
			if err != nil {
				t.Fatal(err)
			}
			present := live.Fetch(t.Context(), asks, end)
			for _, a := range asks {
				want, err := present.Rows(a)
				if err != nil {
					t.Fatal(err)
				}
				got, err := past.Rows(a)
				if err != nil {
					t.Fatal(err)
				}
				rows[a.Name] += len(want)
				if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" && differ < 5 {
					t.Errorf("%s at %s (-live +history):\n%s", a.Name, end.Format(time.RFC3339Nano), d)
					differ++
				}
			}
		}
		for _, a := range asks {
			if rows[a.Name] == 0 {
				t.Errorf("%s never had a row", a.Name)
			}
		}
		t.Logf("%d slots of %v: %d queries, %v", slots, interval, h.Queries, h.Waited)
	}
	f(began.Add(58*time.Hour+17*time.Second+250*time.Millisecond), 10*time.Second, 20)
	f(began.Add(49*time.Hour+59*time.Minute+45*time.Second), 7*time.Minute+30*time.Second, 16)
	f(began.Add(2*time.Hour+11*time.Second), 5*time.Hour, 22)
}
