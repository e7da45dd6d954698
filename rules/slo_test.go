package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leadline/internal/golden"
	"leadline/source"
)

const sloHead = "apiVersion: leadline/v1\nkind: SLO\nmetadata: {name: fast, labels: {team: pipeline}}\nspec:\n"

func parseSLO(t *testing.T, name, text string) (*Group, source.Errors) {
	t.Helper()
	docs, err := source.Documents(name, []byte(text))
	if err != nil || len(docs) != 1 {
		t.Fatalf("%d documents, %v", len(docs), err)
	}
	return ParseSLO(docs[0])
}

func oneSLO(t *testing.T, spec string) *Group {
	t.Helper()
	g, errs := parseSLO(t, "slo.yaml", sloHead+spec)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return g
}

// shown is a group as its rules would be written.
func shown(g *Group) string {
	var b strings.Builder
	fmt.Fprintf(&b, "group %s every %v, limit %d\n", g.Name, g.Interval, g.Limit)
	for _, r := range g.Rules {
		fmt.Fprintf(&b, "\nalert %s by %v labels %v expect %v window %v\n", r.Name, r.Ask.By, r.Labels, r.Ask.Expect, r.window())
		fmt.Fprintf(&b, "  for %v, keep_firing_for %v, no data for %v\n", r.Timing.For, r.Timing.KeepFiringFor, r.Timing.NoDataFor)
		for _, m := range r.Ask.Measures {
			fmt.Fprintf(&b, "  %-14s kind %d of %s %s %v over %v", m.Name, m.Kind, m.Source, m.Of, m.Level, m.Window)
			if m.Begin != nil {
				fmt.Fprintf(&b, " from %v", m.Begin(noon).UTC().Format(time.RFC3339))
			}
			_, kept, table := m.Reach(r.Ask.By)
			fmt.Fprintf(&b, " where %s in %s for %v\n", m.Where, table, kept)
		}
		for _, l := range r.Levels {
			fmt.Fprintf(&b, "  %s %v\n    %s\n", l.Severity, l.Labels, strings.ReplaceAll(l.When.Expr().Text, "\n", "\n    "))
			for _, a := range l.Annotations {
				fmt.Fprintf(&b, "    %s: %s\n", a.Name, a.tmpl.Root)
			}
		}
		if r.Recover != nil {
			fmt.Fprintf(&b, "  recovered\n    %s\n", strings.ReplaceAll(r.Recover.Expr().Text, "\n", "\n    "))
		}
		for _, f := range r.minSamples {
			fmt.Fprintf(&b, "  at least %v %s\n", f.least, r.Ask.Measures[f.measure].Name)
		}
		for _, a := range r.Annotations {
			fmt.Fprintf(&b, "  %s: %s\n", a.Name, a.tmpl.Root)
		}
	}
	return b.String()
}

func TestSLOBecomesRules(t *testing.T) {
	t.Parallel()
	f := func(name, spec string) {
		t.Helper()
		golden.Bytes(t, []byte(shown(oneSLO(t, spec))), "slo/"+name+".golden")
	}
	f("latency", `
  service: intake
  description: 99 % of leads are stored within {{ 600 ms }}
  objective: 99
  period: 30d
  budgeting: occurrences
  sli:
    latency: {of: event.e2e_ms, threshold: 600}
  by: [partner]
  interval: 1m
  alerting:
    windows: google-30d
    min_bad_events: 10
    min_samples: 300
    absent: true
    page:
      labels: {urgency: high}
      annotations: {action: 'Look at the bottleneck.', summary: '{{ .Labels.partner }} at {{ .Values.burn_1h | number }}: {{ .Budget }}'}
    ticket: {annotations: {action: Look tomorrow.}}
`)
	f("geoip", `
  objective: 99.9
  period: {calendar: 1M, timeZone: Europe/Kyiv}
  sli:
    events: {of: span, bad: 'status != "ok"', total: 'stage == "enrich.geoip"'}
`)
	f("campaign", `
  objective: 95
  period: {campaign: 6h}
  sli:
    latency: {of: span.total_ms, threshold: 250.5, where: stage == "write" // the last one}
  by: [campaign]
`)
	f("listed", `
  objective: 97.5
  period: 7d
  sli:
    latency: {of: event.e2e_ms, threshold: 600}
  alerting:
    windows:
      - {severity: page, budget: 5, long: 2h, short: 10m}
      - {severity: ticket, budget: 20, long: 1d, short: 2h}
`)
}

// Every mistake is reported at its place: the files under testdata/slo hold many each.
func TestSLOMistakes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/slo/bad*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := source.Documents(filepath.Base(file), data)
		if err != nil {
			t.Fatal(err)
		}
		var all source.Errors
		for _, d := range docs {
			_, errs := ParseSLO(d)
			if len(errs) == 0 {
				t.Errorf("%s: the document at line %d has no mistake", file, d.Pos.Line)
			}
			all = append(all, errs...)
		}
		golden.Bytes(t, []byte(all.Error()+"\n"), "slo/"+filepath.Base(file)+".golden")
	}
}

func TestSLOExamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../examples/slo/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	var groups []*Group
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs, err := source.Documents(file, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range docs {
			g, errs := ParseSLO(d)
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			groups = append(groups, g)
			for _, r := range g.Rules {
				for _, l := range r.Levels {
					if !hasAnnotation(&Rule{Annotations: r.explanations(l.Severity)}, "action") {
						t.Errorf("%s does not say what to do about a %s", r.Name, l.Severity)
					}
				}
			}
		}
	}
	if errs := Check(groups); len(errs) > 0 {
		t.Error(errs)
	}
}

// FuzzSLO wants no panic, and rules that hold together from every text that is taken.
func FuzzSLO(f *testing.F) {
	for _, spec := range []string{
		burnt,
		"  objective: 99.9\n  period: {calendar: 1Q, timeZone: Asia/Kolkata}\n  sli: {events: {of: span, bad: 'status != \"ok\"'}}\n",
		"  objective: 50\n  period: {campaign: 100m}\n  by: [campaign]\n  sli: {latency: {of: span.wait_ms, threshold: 1e-9}}\n",
		"  objective: 95\n  period: 1d\n  sli: {latency: {of: event.e2e_ms, threshold: 1}}\n  alerting: {windows: [{severity: page, budget: 100, long: 3h, short: 1ms}]}\n",
	} {
		f.Add(spec)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		docs, err := source.Documents("slo.yaml", []byte(sloHead+spec))
		if err != nil || len(docs) != 1 {
			return
		}
		g, errs := ParseSLO(docs[0])
		if len(errs) > 0 {
			return
		}
		if len(g.Rules) == 0 || g.Interval <= 0 {
			t.Fatalf("no mistake and no rules: %+v", g)
		}
		for _, r := range g.Rules {
			if len(r.Levels) == 0 || len(r.Ask.Measures) == 0 || r.Timing.Interval != g.Interval {
				t.Fatalf("rule %+v", r)
			}
			x := r.texts(g.Name, SeverityPage, nil, nil)
			for _, a := range r.Annotations {
				if _, err := a.render(x); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

// An SLO that is read again says the same, also where its time zone was loaded anew; one that says something else has
// another spec, by which a running engine knows that it was edited.
func TestSpecOfAnSLO(t *testing.T) {
	t.Parallel()
	const spec = "  objective: 99\n  period: {calendar: 1M, timeZone: Europe/Kyiv}\n  sli: {latency: {of: event.e2e_ms, threshold: 600}}\n  by: [partner]\n  alerting: {page: {labels: {a: b}, annotations: {action: Run.}}}\n"
	first := oneSLO(t, spec).Spec()
	if again := oneSLO(t, spec).Spec(); again != first {
		t.Errorf("read again it is %s, was %s", again, first)
	}
	for old, new := range map[string]string{"99": "98", "1M": "1w", "Kyiv": "Rome", "600": "601", "by: [partner]": "by: [bot]", "a: b": "a: c", "Run.": "Walk."} {
		if oneSLO(t, strings.Replace(spec, old, new, 1)).Spec() == first {
			t.Errorf("%s for %s changes nothing", new, old)
		}
	}
}
