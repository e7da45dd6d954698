package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leadline/internal/golden"
	"leadline/rules/measure"
	"leadline/source"

	"github.com/google/go-cmp/cmp"
)

// load parses and checks one file.
func load(t *testing.T, path string) ([]*Group, source.Errors) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, filepath.Base(path), string(data))
}

func read(t testing.TB, name, text string) ([]*Group, source.Errors) {
	t.Helper()
	docs, err := source.Documents(name, []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var groups []*Group
	var errs source.Errors
	for _, d := range docs {
		if d.Kind.Value != Kind {
			continue
		}
		g, more := Parse(d)
		groups = append(groups, g)
		errs = append(errs, more...)
	}
	return groups, append(errs, Check(groups)...)
}

// one parses a group that must be right.
func one(t testing.TB, text string) *Group {
	t.Helper()
	groups, errs := read(t, "r.yaml", "apiVersion: leadline/v1\nkind: RuleGroup\nmetadata: {name: g}\nspec:\n"+text)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return groups[0]
}

func TestMistakesAreReportedAllAtOnce(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		_, errs := load(t, f)
		golden.Bytes(t, []byte(errs.Error()+"\n"), strings.TrimPrefix(f, "testdata/")+".golden")
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../examples/rules/*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var all []*Group
	for _, f := range files {
		groups, errs := load(t, f)
		if len(errs) > 0 {
			t.Error(errs)
		}
		all = append(all, groups...)
	}
	if errs := Check(all); len(errs) > 0 {
		t.Error(errs)
	}
	pages := 0
	for _, g := range all {
		for _, r := range g.Rules {
			for _, l := range r.Levels {
				if l.Severity == SeverityPage {
					pages++
				}
			}
			for _, want := range []string{"summary", "objective", "action"} {
				if !hasAnnotation(r, want) {
					t.Errorf("%s/%s has no %s: the responder reads it", g.Name, r.Name, want)
				}
			}
		}
	}
	if pages != 1 {
		t.Errorf("the pack has %d levels that page, want the one on end-to-end latency", pages)
	}
}

func hasAnnotation(r *Rule, name string) bool {
	for _, a := range r.Annotations {
		if a.Name == name {
			return true
		}
	}
	return false
}

const full = `
  interval: 10s
  query_offset: 2s
  limit: 7
  labels: {team: pipeline, severity: info}
  rules:
    - alert: Slow
      measure:
        p95: {quantile: 0.95, of: event.e2e_ms, where: 'partner != "test" and not (country in ["", "ZZ"])', window: 5m}
        p95s: {quantile: 0.95, of: event.e2e_ms, window: 1m}
        n: {count: event, window: 5m}
        bad: {ratio: {num: {count: span, where: 'status == "timeout" || duration_ms >= 2000.5'}, den: {count: span}}, window: 1m}
      by: [campaign]
      min_samples: {n: 200}
      levels:
        - {severity: page, expr: 'p95 > 1500 && p95s > 1500 && bad > 0.1'}
        - {severity: ticket, expr: 'p95 > 800 && labels.team == "pipeline" && labels.campaign != "test"'}
      recover_expr: p95 < 650
      for: 30s
      keep_firing_for: 1m
      no_data: {for: 5m}
      annotations:
        summary: 'P95 {{ .Values.p95 | ms }} in {{ .Labels.campaign }} for {{ .Labels.team }}, {{ .Values.bad | percent }} bad'
    - alert: Many
      measure: {n: {count: event, window: 1m}}
      expr: n > 10
`

func TestParse(t *testing.T) {
	t.Parallel()
	g := one(t, full)
	if g.Name != "g" || g.Interval != 10*time.Second || g.QueryOffset != 2*time.Second || g.Limit != 7 || len(g.Rules) != 2 {
		t.Fatalf("group %+v", g)
	}
	r := g.Rules[0]
	want := Timing{Interval: 10 * time.Second, For: 30 * time.Second, KeepFiringFor: time.Minute, NoDataFor: 5 * time.Minute}
	if r.Timing != want || r.Ask.Longest() != 5*time.Minute {
		t.Errorf("timing %+v, window %v", r.Timing, r.Ask.Longest())
	}
	if d := cmp.Diff(map[string]string{"team": "pipeline"}, map[string]string(r.Labels)); d != "" {
		t.Errorf("labels %s", d)
	}
	if l := g.Rules[1].Levels; len(l) != 1 || l[0].Severity != SeverityInfo {
		t.Errorf("a rule with one expr takes the group's severity, got %+v", l)
	}
	if g.Rules[1].Timing.NoDataFor != defaultNoData {
		t.Errorf("no_data.for is %v without being given", g.Rules[1].Timing.NoDataFor)
	}
}

const kinds = `
  interval: 30s
  rules:
    - alert: BotWentQuiet
      measure:
        age: {age: event, where: 'outcome != "test"'}
        n: {count: event, window: 15m}
        base: {count: event, window: 15m, baseline: {season: 7d, periods: 4, stat: median}}
      by: [bot]
      min_samples: {n: 1}
      series: {expect: seen_within(7d)}
      expr: 'age > 600000 || (base >= 50 && n < 0.2 * base)'
      labels: {severity: page}
    - alert: Anomaly
      measure:
        z: {ratio: {num: {count: event, where: 'worst != "ok"'}, den: {count: event}}, window: 30m, baseline: {season: 1d, periods: 6, stat: robust_z}}
      expr: abs(z) > 4
      labels: {severity: ticket}
    - alert: SchemaDrift
      measure:
        unknown: {schema: unknown_fields, window: 10m}
        reject: {schema: rejected_ratio, window: 10m}
      by: [bot, schema]
      min_samples: {unknown: 1}
      expr: unknown > 0 || reject > 0.01
      labels: {severity: ticket}
    - alert: StuckLeads
      sql: |
        SELECT partner, count() AS value -- ; {x:String}
        FROM events WHERE stored_at >= {from:DateTime64(6)} AND stored_at < {to:DateTime64(6, 'UTC')} AND payload != '; {y:String}'
        GROUP BY partner;
      window: 1h
      settings: {max_execution_time: 3, max_bytes_to_read: 2000000000}
      by: [partner]
      expr: value > 25 and labels.partner != "test"
      labels: {severity: ticket}
`

func TestParseKinds(t *testing.T) {
	t.Parallel()
	g := one(t, kinds)
	week, season := 7*24*time.Hour, &measure.Baseline{Season: 24 * time.Hour, Periods: 6, Stat: measure.RobustZ}
	quiet := g.Rules[0].Ask
	if m := quiet.Measures[0]; m.Kind != measure.Age || m.Window != week || quiet.Expect != week || quiet.Longest() != 15*time.Minute {
		t.Errorf("age %+v of series seen within %v, longest %v", m, quiet.Expect, quiet.Longest())
	}
	if d := cmp.Diff(season, g.Rules[1].Ask.Measures[0].Baseline); d != "" {
		t.Error(d)
	}
	if m := g.Rules[2].Ask.Measures; m[0].Kind != measure.Count || m[1].Kind != measure.Ratio || m[1].Of != measure.Rejected || m[1].Source != measure.Schema {
		t.Errorf("drift %+v", m)
	}
	own := g.Rules[3].Ask
	if c := own.Custom; c.Timeout != 3*time.Second || c.MaxBytes != 2_000_000_000 || c.Window != time.Hour || strings.Contains(c.SQL, "partner;") || own.Measures[0].Name != "value" {
		t.Errorf("sql %+v", c)
	}
	for i, want := range []string{
		"age, n: by: bot is not in the rollup: reads 7d of events each slot; base: by: bot is not in the rollup: reads 15m of events each slot, and the same of 4 seasons before",
		"z: reads 30m of latency_1m by nothing each minute, and the same of 6 seasons before, shared by all rules with these labels",
		"unknown, reject: what schemas said is not in the rollup: reads 10m of rejected and events each slot",
		"value: sql of the rule's own: reads 1h of whatever its sql names each slot",
	} {
		if got := g.Rules[i].Ask.Cost().String(); got != want {
			t.Errorf("cost of %s:\n%s\nwant\n%s", g.Rules[i].Name, got, want)
		}
	}
	if got := one(t, full).Rules[0].Ask.Cost().String(); !strings.HasPrefix(got, "p95: where: country is not in the rollup") {
		t.Error(got)
	}
}
