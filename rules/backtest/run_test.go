package backtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/golden"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/source"
)

// told is a History of which the p95 of each partner is a function of time.
type told struct {
	p95     func(partner string, end time.Time) float64
	skipped map[string]error // by ask
	fails   time.Time
}

func (h *told) Skipped(a *measure.Ask) error { return h.skipped[a.Name] }

func (h *told) At(_ context.Context, end time.Time) (measure.Answers, error) {
	if !h.fails.IsZero() && !end.Before(h.fails) {
		return nil, errors.New("connection refused")
	}
	return moment{h, end}, nil
}

type moment struct {
	*told
	end time.Time
}

func (x moment) Rows(a *measure.Ask) (rows []measure.Row, err error) {
	if strings.HasSuffix(a.Name, "Broken") {
		return nil, errors.New("Unknown expression identifier `xx`")
	}
	for _, partner := range []string{"acme", "zeta"} {
		labels := leadline.Labels{"partner": partner}
		rows = append(rows, measure.Row{Labels: labels, Key: labels.Key(), Values: []float64{x.p95(partner, x.end), 1000}, Past: make([][]float64, 2)})
	}
	return rows, nil
}

// groups reads RuleGroup documents.
func groups(t testing.TB, text string) (all []*rules.Group) {
	t.Helper()
	docs, err := source.Documents("rules.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range docs {
		g, errs := rules.Parse(d)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		all = append(all, g)
	}
	return all
}

// slow are rules that page above page ms and make a ticket above 400.
func slow(page int) string {
	rule := func(name string) string {
		return fmt.Sprintf(`
    - alert: %s
      measure: {p95: {quantile: 0.95, of: event.e2e_ms, window: 5m}, n: {count: event, window: 5m}}
      by: [partner]
      min_samples: {n: 100}
      levels: [{severity: page, expr: p95 > %d}, {severity: ticket, expr: p95 > 400}]
      for: 2m
      keep_firing_for: 3m
      annotations: {summary: 'P95 {{ .Values.p95 | ms }} for {{ .Labels.partner }} over the last five minutes, where a summary is as long as people like to write them'}
`, name, page)
	}
	return "apiVersion: leadline/v1\nkind: RuleGroup\nmetadata: {name: latency}\nspec:\n  interval: 1m\n  labels: {team: pipeline}\n  rules:" +
		rule("PartnerSlow") + rule("AVeryLongNameOfARuleThatNobodyShouldHaveGiven") + rule("Broken") + rule("Own")
}

// day is a day with a long slow time of acme at noon, a flapping zeta in the evening and a night that is slow to its end.
func day(partner string, end time.Time) float64 {
	since := end.Sub(began)
	hours := since.Hours()
	switch {
	case partner == "acme" && hours >= 12 && hours < 13.5:
		return 650
	case partner == "zeta" && hours >= 18 && hours < 19 && int(since.Minutes())%12 < 6:
		return 480
	case partner == "acme" && hours >= 23.5:
		return 900
	default:
		return 120
	}
}

func played(t *testing.T, page int) *Report {
	t.Helper()
	r, err := Run(t.Context(), options(t, slow(page), &told{p95: day, skipped: map[string]error{"latency/Own": errors.New("its SQL would be asked 1440 times, once a slot: shorten the time")}}))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func options(t testing.TB, text string, h History) Options {
	t.Helper()
	return Options{
		Groups: groups(t, text), From: began, To: began.Add(24 * time.Hour),
		History: func(context.Context, []*measure.Ask, time.Time, time.Time) (History, error) { return h, nil },
		OnCall: func(l leadline.Labels, at time.Time) (string, time.Time) {
			if l["team"] != "pipeline" {
				return "nobody asked for", at
			}
			if at.Hour() >= 20 {
				return "", at
			}
			return "Olena", at
		},
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	r := played(t, 600)
	if err := r.Write(&b); err != nil {
		t.Fatal(err)
	}
	b.WriteString("\nEVENTS\n")
	r.Events = slices.DeleteFunc(r.Events, func(e leadline.Transition) bool {
		return strings.HasPrefix(e.Rule, "AVery") && e.Change == leadline.ChangeResolved
	})
	if err := r.WriteEvents(&b); err != nil {
		t.Fatal(err)
	}
	fits(t, b.String())
	golden.Bytes(t, b.Bytes(), "report.txt")

	r.Events = r.Events[:1]
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Bytes(t, text, "report.json")
}

func TestDiff(t *testing.T) {
	t.Parallel()
	f := func(page int, name string) {
		t.Helper()
		var b bytes.Buffer
		if err := Diff(played(t, 600), played(t, page)).Write(&b); err != nil {
			t.Fatal(err)
		}
		fits(t, b.String())
		golden.Bytes(t, b.Bytes(), name)
	}
	f(600, "same.txt")
	f(800, "fewer.txt")
	f(450, "more.txt")

	// A rule that only one of them has.
	var b bytes.Buffer
	one := played(t, 600)
	other := *one
	other.Rules = other.Rules[1:]
	if err := Diff(one, &other).Write(&b); err != nil {
		t.Fatal(err)
	}
	b.WriteString("\n")
	if err := Diff(&other, one).Write(&b); err != nil {
		t.Fatal(err)
	}
	golden.Bytes(t, b.Bytes(), "gone.txt")
}

// fits holds the width of a terminal.
func fits(t *testing.T, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > width {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestRunCountsTime holds the sums of the time in each state to the time that was played.
func TestRunCountsTime(t *testing.T) {
	t.Parallel()
	r := played(t, 600)
	for _, rule := range r.Rules[:2] {
		var all time.Duration
		for _, s := range rule.Time {
			all += time.Duration(s)
		}
		if first := rules.Slot(began, time.Minute, "latency").Add(time.Minute); all != 2*r.To.Sub(first) {
			t.Errorf("%s: %v in all states, want twice %v", rule.Name, all, r.To.Sub(first))
		}
	}
}

func TestRunEnds(t *testing.T) {
	t.Parallel()
	o := options(t, slow(600), &told{p95: day, fails: began.Add(3 * time.Hour)})
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "group latency: slot 2026-11-16T03:00") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("error %v", err)
	}
	o.To = o.From
	if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), "--from must be before --to") {
		t.Errorf("error %v", err)
	}
}
