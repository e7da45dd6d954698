package rules

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/internal/storetest"
	"leadline/rules/measure"
	"leadline/store"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// seeded is a ClickHouse with ten minutes of events before noon: the campaign spring is slow in the last two of them,
// because of GeoIP, which also times out then.
func seeded(t *testing.T) (*store.DB, *chtest.DB) {
	t.Helper()
	db, ch := storetest.New(t)
	r := rand.New(rand.NewPCG(7, 7))
	batch := &leadline.Batch{Token: "seed"}
	for n := range 30_000 {
		stored := noon.Add(-time.Duration(30_000-n) * 20 * time.Millisecond)
		campaign := []string{"spring", "autumn", "winter"}[n%3]
		geoip, status := 60*math.Exp(0.4*r.NormFloat64()), leadline.StatusOK
		if campaign == "spring" && noon.Sub(stored) <= 2*time.Minute {
			geoip = 900 * math.Exp(0.3*r.NormFloat64())
			if geoip > 1000 {
				geoip, status = 1000, leadline.StatusTimeout
			}
		}
		e := leadline.Event{ID: fmt.Sprint(n), Partner: []string{"acme", "blue's"}[n%2], Campaign: campaign, Type: "lead.created", Payload: []byte("{}")}
		e.Spend(leadline.StageReceive, 0, time.Duration(r.IntN(3000))*time.Microsecond, leadline.StatusOK)
		e.Spend(leadline.StageGeoIP, time.Duration(r.IntN(20_000))*time.Microsecond, time.Duration(geoip*1000)*time.Microsecond, status)
		e.ReceivedAt = stored.Add(-e.Elapsed())
		batch.Events = append(batch.Events, e)
	}
	if err := storetest.Write(t.Context(), db, batch); err != nil {
		t.Fatal(err)
	}
	return db, ch
}

// judged is a rule with one measure of every kind.
const judged = `
  interval: 10s
  query_offset: 5s
  rules:
    - alert: Slow
      measure:
        p95: {quantile: 0.95, of: event.e2e_ms, window: 1m}
        p99: {quantile: 0.99, of: event.e2e_ms, where: 'partner == "blue''s"', window: 4m}
        n: {count: event, window: 1m}
        slow: {count: event, where: 'e2e_ms > 600.5 and not (campaign in ["winter"])', window: 4m}
        geoip: {quantile: 0.95, of: span.duration_ms, where: stage == "enrich.geoip", window: 1m}
        wait: {quantile: 0.5, of: span.wait_ms, where: stage == "enrich.geoip" and wait_ms >= 5, window: 2m}
        timeouts:
          ratio:
            num: {count: span, where: stage == "enrich.geoip" and status == "timeout"}
            den: {count: span, where: stage == "enrich.geoip"}
          window: 1m
        never:
          ratio: {num: {count: span}, den: {count: span, where: stage == "none"}}
          window: 1m
      by: [campaign]
      min_samples: {n: 200}
      expr: p95 > 600 and p99 > 0 and slow > 0 and geoip > 0 and wait > 0 and timeouts > 0.01
      recover_expr: never > 0
      labels: {severity: page}
      for: 20s
`

// TestMeasuresAgreeWithExactAnswers compares every measure with the exact answer to the same question, asked in plain
// SQL with literals.
func TestMeasuresAgreeWithExactAnswers(t *testing.T) {
	t.Parallel()
	db, ch := seeded(t)
	rule := one(t, judged).Rules[0]
	to := noon.Add(-7 * time.Second) // inside a minute, and inside the slow time
	rows, err := measure.New(db).Fetch(t.Context(), []*measure.Ask{&rule.Ask}, to).Rows(&rule.Ask)
	if err != nil {
		t.Fatal(err)
	}
	samples := map[string]*measure.Row{}
	for i := range rows {
		samples[rows[i].Key] = &rows[i]
	}
	if len(samples) != 3 {
		t.Fatalf("%d label sets, want 3: %v", len(samples), sortedKeys(samples))
	}
	f := func(measure, campaign, aggregate, from string, window time.Duration, where string, tolerance float64) {
		t.Helper()
		var want float64
		answer := ch.Query(t, fmt.Sprintf("SELECT toFloat64(%s) FROM %s WHERE campaign = '%s' AND %s AND stored_at >= fromUnixTimestamp64Micro(%d) AND stored_at < fromUnixTimestamp64Micro(%d)",
			aggregate, from, campaign, where, to.Add(-window).UnixMicro(), to.UnixMicro()))
		if _, err := fmt.Sscan(answer, &want); err != nil {
			t.Fatal(err)
		}
		got := math.NaN()
		for i, m := range rule.Ask.Measures {
			if m.Name == measure {
				got = samples[leadline.Labels{"campaign": campaign}.Key()].Values[i]
			}
		}
		if math.IsNaN(want) != math.IsNaN(got) || math.Abs(got-want) > tolerance*want {
			t.Errorf("%s of %s = %v, exactly %v", measure, campaign, got, want)
		}
	}
	const geoip = "stage = 'enrich.geoip'"
	for _, c := range []string{"spring", "autumn", "winter"} {
		f("p95", c, "quantileExact(0.95)(e2e_ms)", "journeys", time.Minute, "1", 1.0/64)
		f("p99", c, "quantileExact(0.99)(e2e_ms)", "journeys", 4*time.Minute, "partner = 'blue''s'", 1.0/64)
		f("n", c, "count()", "journeys", time.Minute, "1", 0)
		f("slow", c, "count()", "journeys", 4*time.Minute, "e2e_ms > 600.5 AND campaign != 'winter'", 0)
		f("geoip", c, "quantileExact(0.95)(duration_ms)", "all_spans", time.Minute, geoip, 1.0/64)
		f("wait", c, "quantileExact(0.5)(wait_ms)", "all_spans", 2*time.Minute, geoip+" AND wait_ms >= 5", 1.0/64)
		f("timeouts", c, "countIf(status = 'timeout') / count()", "all_spans", time.Minute, geoip, 0)
	}
	s := samples[`campaign="spring"`]
	if v := rule.finite(s.Values); v["p95"] < 900 || v["slow"] < 1500 || v["timeouts"] < 0.1 {
		t.Errorf("the slow campaign is not slow: %v", v)
	}
	if _, ok := rule.finite(s.Values)["never"]; ok {
		t.Error("a ratio over nothing has a value")
	}
	if o := observe(rule, s); o.Kind != ObsLevel {
		t.Errorf("observed %+v", o)
	}
	if o := observe(rule, samples[`campaign="autumn"`]); o.Kind != ObsHold {
		t.Errorf("observed %+v although recover_expr has no value", o)
	}
}

// TestAlertOverClickHouse walks the slots around the slow-down and wants it to fire for the slow campaign, after `for`.
func TestAlertOverClickHouse(t *testing.T) {
	t.Parallel()
	db, _ := seeded(t)
	g := one(t, judged)
	w := &world{}
	r := New(Options{Groups: []*Group{g}, Asker: measure.New(db), Sink: w}).runs[0]
	if err := r.load(t.Context(), time.Time{}); err != nil {
		t.Fatal(err)
	}
	var fired time.Time
	for slot := Slot(noon.Add(-4*time.Minute), g.Interval, g.Name); slot.Before(noon); slot = slot.Add(g.Interval) {
		r.tick(context.Background(), slot)
		if s := r.snapshot(); s.Error != "" || s.Rules[0].Error != "" {
			t.Fatalf("status %+v", s)
		}
		for _, line := range w.take() {
			if line != "firing Slow spring page" || !fired.IsZero() {
				t.Fatalf("at %v: %s", slot, line)
			}
			fired = slot
		}
	}
	i := w.kept[`Slow/campaign="spring"`]
	if i.State != leadline.StateFiring || fired.Sub(i.Since) != 20*time.Second {
		t.Errorf("fired at %v, instance %+v", fired, i)
	}
	// The 1 m window sees the slow-down at 11:58:00 as soon as a twentieth of its events is slow: 3 s, and the offset of 5 s.
	if late := i.Since.Sub(noon.Add(-2 * time.Minute)); late < 5*time.Second || late > 20*time.Second {
		t.Errorf("seen %v after it began", late)
	}
	if len(w.kept) != 3 || w.kept[`Slow/campaign="winter"`].State != leadline.StateOK {
		t.Errorf("kept %v", sortedKeys(w.kept))
	}
}
