package rules

import (
	"math"
	"strings"
	"testing"

	"leadline"
	"leadline/rules/measure"
	"leadline/source"
)

func TestObserve(t *testing.T) {
	t.Parallel()
	r := one(t, `
  rules:
    - alert: Slow
      measure:
        p95: {quantile: 0.95, of: event.e2e_ms, window: 5m}
        bad: {ratio: {num: {count: event, where: worst != "ok"}, den: {count: event}}, window: 5m}
        n: {count: event, window: 5m}
      by: [campaign]
      min_samples: {n: 10}
      levels:
        - {severity: page, expr: p95 > 1500 and not (bad <= 0.5)}
        - {severity: ticket, expr: p95 > 800 and labels.campaign != "test"}
        - {severity: info, expr: n > 5000}
      recover_expr: p95 < 600
`).Rules[0]
	nan, inf := math.NaN(), math.Inf(1)
	f := func(p95, bad, n float64, want ObservationKind, severity string) {
		t.Helper()
		o := observe(r, &measure.Row{Labels: leadline.Labels{"campaign": "spring"}, Values: []float64{p95, bad, n}})
		if o.Kind != want || o.Severity != severity {
			t.Errorf("p95 %v, bad %v, n %v: got %v %q %s", p95, bad, n, o.Kind, o.Severity, o.Detail)
		}
		for name, v := range o.Values {
			if !defined(v) {
				t.Errorf("value %s is %v", name, v)
			}
		}
	}
	f(2000, 0.9, 100, ObsLevel, "page")
	f(2000, 0.1, 100, ObsLevel, "ticket")
	f(700, 0.9, 100, ObsHold, "")
	f(500, 0.9, 100, ObsClear, "")
	f(600, 0.9, 100, ObsHold, "")
	f(2000, 0.9, 9, ObsHold, "")
	f(500, 0.9, 9, ObsHold, "")
	f(100, 0.1, 6000, ObsLevel, "info")
	// A missing operand makes its level unanswerable, whatever a comparison with NaN would say; the others still count.
	f(2000, nan, 100, ObsLevel, "ticket")
	f(700, nan, 100, ObsAbsent, "")
	f(nan, nan, 100, ObsAbsent, "")
	f(inf, 0.1, 100, ObsAbsent, "")
	f(nan, 0.9, 6000, ObsLevel, "info")
	f(nan, nan, 0, ObsAbsent, "")

	if o := observe(r, &measure.Row{Labels: leadline.Labels{"campaign": "test"}, Values: []float64{900, 0, 100}}); o.Kind != ObsHold {
		t.Errorf("labels do not reach the condition: %+v", o)
	}
}

// A zero denominator is no value: neither a level nor the end of one.
func TestDivisionByZeroIsAbsent(t *testing.T) {
	t.Parallel()
	r := one(t, `
  rules:
    - alert: Ratio
      measure:
        bad: {count: event, where: worst != "ok", window: 5m}
        n: {count: event, window: 5m}
      levels:
        - {severity: page, expr: bad / n > 0.5}
        - {severity: ticket, expr: n > 0 and bad / n > 0.02}
      recover_expr: bad / n < 0.01
`).Rules[0]
	f := func(bad, n float64, want ObservationKind, severity string) {
		t.Helper()
		if o := observe(r, &measure.Row{Values: []float64{bad, n}}); o.Kind != want || o.Severity != severity {
			t.Errorf("%v of %v: got %v %q", bad, n, o.Kind, o.Severity)
		}
	}
	f(60, 100, ObsLevel, "page")
	f(3, 100, ObsLevel, "ticket")
	f(2, 100, ObsHold, "")
	f(0, 100, ObsClear, "")
	f(0, 0, ObsAbsent, "")
	f(5, 0, ObsAbsent, "")
}

func TestTextsSayWhatIsMissing(t *testing.T) {
	t.Parallel()
	r := one(t, strings.Replace(simple, "'{{ .Values.v | ms }} in", "'{{ if gt .Values.v 1000 }}very {{ end }}slow: {{ .Values.v | ms }}, {{ .Values.n | number }}, {{ .Severity }} of {{ .Rule }} in {{ .Group }},", 1)).Rules[0]
	f := func(values map[string]float64, want string) {
		t.Helper()
		got, err := r.Annotations[0].render(r.texts("g", "page", leadline.Labels{"campaign": "<spring>"}, values))
		if err != nil || got != want {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	f(map[string]float64{"v": 1900, "n": 12345}, "very slow: 1.90 s, 12,345, page of Slow in g, <spring> of pipeline")
	f(nil, "slow: no value, no value, page of Slow in g, <spring> of pipeline")

	groups, errs := read(t, "r.yaml", "apiVersion: leadline/v1\nkind: RuleGroup\nmetadata: {name: g}\nspec:\n"+strings.Replace(simple, "'{{ .Values.v", "'"+strings.Repeat("é", 2000)+"{{ .Values.v", 1))
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	long := groups[0].Rules[0].Annotations[0]
	if got, err := long.render(r.texts("g", "page", leadline.Labels{"campaign": "a"}, nil)); err != nil || len([]rune(got)) != maxAnnotation {
		t.Errorf("rendered %d characters, %v", len([]rune(got)), err)
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	f := func(format func(float64) string, v float64, want string) {
		t.Helper()
		if got := format(v); got != want {
			t.Errorf("%v: got %q, want %q", v, got, want)
		}
	}
	f(FormatMS, 0, "0.0 ms")
	f(FormatMS, 7.26, "7.3 ms")
	f(FormatMS, 9.96, "10 ms")
	f(FormatMS, 640.4, "640 ms")
	f(FormatMS, 999.6, "1.00 s")
	f(FormatMS, 1942, "1.94 s")
	f(FormatMS, 12_345, "12.3 s")
	f(FormatMS, 75_000, "75 s")
	f(FormatMS, 4_500_000, "4,500 s")
	f(FormatMS, math.NaN(), "no value")
	f(formatPercent, 0.0213, "2.1 %")
	f(formatPercent, 0.416, "42 %")
	f(formatPercent, 1, "100 %")
	f(formatPercent, math.Inf(1), "no value")
	f(FormatNumber, 12345, "12,345")
	f(FormatNumber, -1234567, "-1,234,567")
	f(FormatNumber, 0.2512, "0.251")
	f(FormatNumber, 123.4, "123")
	f(FormatNumber, 1e18, "1e+18")
	f(FormatNumber, math.NaN(), "no value")
}

func TestCheckAcrossGroups(t *testing.T) {
	t.Parallel()
	a, b := one(t, simple), one(t, simple)
	if errs := Check([]*Group{a}); len(errs) > 0 {
		t.Error(errs)
	}
	a.Name = leadline.SelfGroup
	if errs := Check([]*Group{a}); len(errs) != 1 || !strings.Contains(errs.Error(), "built-in") {
		t.Errorf("got %v", errs)
	}
	a.Name = b.Name
	errs := Check([]*Group{a, b})
	want := `r.yaml:3:18: group "g" is there twice: rename it, the first is at r.yaml:3`
	if len(errs) != 1 || errs[0].Error() != want {
		t.Errorf("got %v, want %s", errs, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add(simple)
	f.Add(full)
	f.Add(judged)
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := source.Documents("f", []byte("apiVersion: leadline/v1\nkind: RuleGroup\nmetadata: {name: g}\nspec:\n"+text))
		if err != nil {
			return
		}
		for _, d := range docs {
			g, errs := Parse(d)
			if len(errs) > 0 {
				continue
			}
			for _, r := range g.Rules { // what was accepted can be evaluated
				row := r.Ask.Empty(leadline.Labels{})
				if o := observe(r, &row); o.Kind == ObsFailed {
					t.Fatalf("%s: %s", r.Name, o.Detail)
				}
			}
		}
	})
}
