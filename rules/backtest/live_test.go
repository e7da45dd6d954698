package backtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/rules/measure"
)

// everyKind is at least one rule of every kind, with slots on and off the minute.
const everyKind = `apiVersion: leadline/v1
kind: RuleGroup
metadata: {name: partners}
spec:
  interval: 2m
  query_offset: 7s
  labels: {team: pipeline, severity: ticket}
  rules:
    - alert: Slow
      measure:
        p95: {quantile: 0.95, of: event.e2e_ms, window: 10m}
        base: {quantile: 0.95, of: event.e2e_ms, window: 10m, baseline: {season: 12h, periods: 4, stat: median}}
        n: {count: event, window: 10m}
      by: [partner]
      min_samples: {n: 8}
      expr: p95 > 400 and p95 > 1.5 * base
      recover_expr: p95 < 300
      for: 4m
      keep_firing_for: 6m
      no_data: {for: 30m}
      annotations: {summary: '{{ .Values.p95 | ms }}, normal {{ .Values.base | ms }}'}
    - alert: Burn
      measure:
        long: {ratio: {num: {count: event, where: e2e_ms > 300}, den: {count: event}}, window: 6h}
        short: {ratio: {num: {count: event, where: e2e_ms > 300}, den: {count: event}}, window: 30m}
      by: [partner]
      expr: long > 0.05 and short > 0.1
    - alert: Timeouts
      measure:
        bad: {count: span, where: 'status != "ok" and stage == "enrich.geoip"', window: 20m}
        all: {count: span, where: 'stage == "enrich.geoip"', window: 20m}
      by: [campaign]
      min_samples: {all: 5}
      expr: bad / all > 0.15
    - alert: WentQuiet
      measure:
        age: {age: event}
        n: {count: event, window: 15m}
        base: {count: event, window: 15m, baseline: {season: 6h, periods: 3, stat: median}}
      by: [partner]
      series: {expect: seen_within(24h)}
      expr: age > 2400000 or (base >= 20 and n < 0.2 * base)
      for: 4m
    - alert: QualifiedOdd
      measure:
        z: {ratio: {num: {count: event, where: 'outcome == "qualified"'}, den: {count: event}}, window: 30m, baseline: {season: 2h, periods: 6, stat: robust_z}}
        n: {count: event, window: 30m}
      by: [partner]
      min_samples: {n: 30}
      expr: abs(z) > 2
    - alert: Drift
      measure: {unknown: {schema: unknown_fields, window: 10m}, reject: {schema: rejected_ratio, window: 30m}}
      by: [partner]
      expr: unknown > 1 or reject > 0.05
    - alert: Own
      sql: SELECT partner, count() AS value FROM journeys WHERE stored_at >= {from:DateTime64(6, 'UTC')} AND stored_at < {to:DateTime64(6, 'UTC')} GROUP BY partner
      window: 20m
      by: [partner]
      expr: value > 60
---
apiVersion: leadline/v1
kind: RuleGroup
metadata: {name: bots}
spec:
  interval: 30s
  query_offset: 3s
  labels: {severity: page}
  rules:
    - alert: BotSlow
      measure: {p95: {quantile: 0.9, of: event.e2e_ms, window: 2m}, n: {count: event, window: 2m}}
      by: [bot, country]
      min_samples: {n: 2}
      expr: p95 > 500
      for: 30s
    - alert: Everything
      measure: {n: {count: event, window: 1m}, far: {count: event, window: 3h}}
      expr: n == 0 and far > 100
      for: 1m
`

// TestLiveAndBacktestAreOne walks two rule sets as the engine does, slot by slot over the Reader, and plays them, and
// wants the same list of events byte for byte.
func TestLiveAndBacktestAreOne(t *testing.T) {
	t.Parallel()
	db := lived(t).open(t)
	all := groups(t, everyKind)
	fired := map[string]int{}
	f := func(g *rules.Group, from, to time.Time) {
		t.Helper()
		live := walk(t, g, measure.New(db), from, to)
		r, err := Run(t.Context(), Options{
			Groups: []*rules.Group{g}, From: from, To: to,
			History: func(ctx context.Context, asks []*measure.Ask, from, to time.Time) (History, error) {
				return measure.New(db).History(ctx, asks, from, to, 10_000)
			},
			OnCall: func(leadline.Labels, time.Time) (string, time.Time) { return "", from },
		})
		if err != nil {
			t.Fatal(err)
		}
		was, is := lines(t, live), lines(t, r.Events)
		for i := range max(len(was), len(is)) {
			if i >= len(was) || i >= len(is) || was[i] != is[i] {
				t.Fatalf("%s: of %d events live and %d played, event %d differs:\nlive   %s\nplayed %s", g.Name, len(was), len(is), i, at(was, i), at(is, i))
			}
		}
		for _, rule := range r.Rules {
			fired[rule.Full()] += rule.Firings
			if rule.Errors > 0 || rule.Skipped != "" {
				t.Errorf("%s: %d errors %q, skipped %q", rule.Full(), rule.Errors, rule.Error, rule.Skipped)
			}
		}
		t.Logf("%s: %d events", g.Name, len(is))
	}
	f(all[0], began.Add(98*time.Hour+13*time.Second), began.Add(100*time.Hour+50*time.Minute))
	f(all[1], began.Add(50*time.Hour+50*time.Minute), began.Add(51*time.Hour+10*time.Minute))
	f(all[1], began.Add(68*time.Hour+15*time.Minute), began.Add(68*time.Hour+45*time.Minute))
	for _, g := range all {
		for _, rule := range g.Rules {
			if name := g.Name + "/" + rule.Name; fired[name] == 0 {
				t.Errorf("%s proves nothing: it never fired", name)
			}
		}
	}
}

// walk is the live engine without its clock.
func walk(t *testing.T, g *rules.Group, r *measure.Reader, from, to time.Time) (events []leadline.Transition) {
	t.Helper()
	var asks []*measure.Ask
	for _, rule := range g.Rules {
		asks = append(asks, &rule.Ask)
	}
	slot := rules.Slot(from, g.Interval, g.Name)
	if slot.Before(from) {
		slot = slot.Add(g.Interval)
	}
	memory := rules.NewMemory(time.Time{}, nil)
	for ; slot.Before(to); slot = slot.Add(g.Interval) {
		outcome := g.Evaluate(memory, r.Fetch(t.Context(), asks, slot.Add(-g.QueryOffset)), slot)
		memory.Keep(outcome)
		events = append(events, outcome.Transitions...)
	}
	return events
}

func lines(t *testing.T, events []leadline.Transition) (out []string) {
	t.Helper()
	for _, e := range events {
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(text))
	}
	return out
}

func at(all []string, i int) string {
	if i >= len(all) {
		return fmt.Sprintf("(none after %s)", strings.Join(all[max(0, len(all)-1):], ""))
	}
	return all[i]
}
