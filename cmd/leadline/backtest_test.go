//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leadline/internal/golden"
	"leadline/rules/backtest"
)

// arrivals is a rule that pages when more than some events come in five seconds.
func arrivals(t *testing.T, dir string, more int) string {
	t.Helper()
	path := filepath.Join(dir, fmt.Sprintf("more-than-%d.yaml", more))
	text := fmt.Sprintf(`apiVersion: leadline/v1
kind: RuleGroup
metadata: {name: arrivals}
spec:
  interval: 1s
  query_offset: 0s
  labels: {severity: page}
  rules:
    - alert: Any
      measure: {n: {count: event, window: 5s}}
      by: [partner]
      expr: n > %d
      annotations: {summary: 'events of {{ .Labels.partner }}'}
`, more)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestBacktest plays rules beside a running Leadline, after its end, and where another one is in the way.
func TestBacktest(t *testing.T) {
	t.Parallel()
	h := settle(t)
	any, many := arrivals(t, h.dir, 0), arrivals(t, h.dir, 1000)
	if _, errs, code := leadlineDoes(t, nil, "backtest", "--config", h.config); code != 1 || !strings.Contains(errs, "state.db: start leadline serve once") {
		t.Errorf("before the first start: exit code %d, said %q", code, errs)
	}
	h.start(t)
	if status, body := h.post(t, h.apiKey, `{"id":"1","type":"lead.started","campaign":"spring","payload":{"start_param":"x"}}`); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	eventually(t, "the event is stored", func() bool { return h.sql(t, "SELECT count() FROM events") == "1" })
	stored, err := time.Parse("2006-01-02 15:04:05", h.sql(t, "SELECT toDateTime(min(stored_at)) FROM events"))
	if err != nil {
		t.Fatal(err)
	}
	to := stored.Add(3 * time.Second)
	eventually(t, "three seconds have passed", func() bool { return time.Now().After(to) })
	args := []string{
		"backtest", "--config", h.config, "--from", stored.Add(-time.Minute).Format(time.RFC3339), "--to", to.Format(time.RFC3339),
		"--events", "--diff", many, any,
	}
	beside, errs, code := leadlineDoes(t, nil, args...)
	if code != 0 || errs != "" {
		t.Fatalf("beside serve: exit code %d, said %q", code, errs)
	}
	for _, want := range []string{"arrivals/Any", `firing     page   arrivals/Any`, `{partner="default"} n=1`, "events of default", "PAGED", "misses the one of", "In all: 1 page fewer."} {
		if !strings.Contains(beside, want) {
			t.Errorf("%q is not in\n%s", want, beside)
		}
	}

	configured, errs, code := leadlineDoes(t, nil, "backtest", "--config", h.config, "--from", stored.Add(-time.Hour).Format(time.RFC3339), "--to", to.Format(time.RFC3339), "--rule", "^intake|slow")
	if code != 0 || errs != "" || !strings.Contains(configured, "intake-latency/IntakeP95High") || strings.Contains(configured, "IntakeStopped") || strings.Contains(configured, "could not be judged") {
		t.Errorf("the configuration's rules: exit code %d, said %q and\n%s", code, errs, configured)
	}

	for want, args := range map[string][]string{
		`"nothing" matches no group/rule`:         {"--rule", "nothing"},
		"of what is older ClickHouse keeps hours": {"--from", "-40d"},
		"there is no missing.yaml":                {"missing.yaml"},
		"from must be before --to":                {"--to", "-7d"},
	} {
		if out, errs, code := leadlineDoes(t, nil, append([]string{"backtest", "--config", h.config}, args...)...); code != 1 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, said %q %q", args, code, out, errs)
		}
	}
	_, errs, code = leadlineDoes(t, nil, "backtest", "--config", h.config, "--from", "-1m", "--to", stored.Add(24*time.Hour).Format(time.RFC3339), any)
	if code != 0 || !strings.Contains(errs, "played until now") {
		t.Errorf("a time to come: exit code %d, said %q", code, errs)
	}

	elsewhere := filepath.Join(h.dir, "elsewhere.yaml")
	if err := os.WriteFile(elsewhere, []byte(strings.Replace(text(t, h.config), h.native, freeAddr(t), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := leadlineDoes(t, nil, "backtest", "--config", elsewhere, any); code != 1 || !strings.Contains(errs, "another Leadline holds") {
		t.Errorf("with another address: exit code %d, said %q", code, errs)
	}

	if code, _ := h.stop(t); code != 0 {
		t.Fatalf("serve ended with %d", code)
	}
	alone, errs, code := leadlineDoes(t, nil, args...)
	if code != 0 || !strings.Contains(errs, "starting the embedded ClickHouse") || alone != beside {
		t.Errorf("without serve: exit code %d, said %q and\n%s\nbeside serve it said\n%s", code, errs, alone, beside)
	}

	out, _, code := leadlineDoes(t, nil, append(args, "--json")...)
	var parsed struct {
		backtest.Report
		Diff backtest.Difference
	}
	if err := json.Unmarshal([]byte(out), &parsed); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v in\n%s", code, err, out)
	}
	if len(parsed.Rules) != 1 || parsed.Rules[0].Pages != 1 || parsed.Diff.Pages != -1 || len(parsed.People) != 1 {
		t.Errorf("parsed %+v", parsed)
	}
}

// TestBacktestUsage holds what is said without any data.
func TestBacktestUsage(t *testing.T) {
	t.Parallel()
	_, help, code := leadlineSays(t, "backtest", "--help")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	golden.Bytes(t, []byte(help), "backtest-help.txt")
	f := func(want string, args ...string) {
		t.Helper()
		out, errs, code := leadlineSays(t, append([]string{"backtest"}, args...)...)
		if code != 2 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, said %q %q", args, code, out, errs)
		}
	}
	f("neither a time", "--from", "yesterday")
	f("neither a time", "--to", "7d")
	f("is not a duration", "--from", "-7x")
	f("missing closing", "--rule", "(")
}

func TestMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 17, 30, 0, 0, time.UTC)
	f := func(text, want string) {
		t.Helper()
		if got, err := moment(text, now); err != nil || got.Format(time.RFC3339) != want {
			t.Errorf("%q is %v, %v, want %s", text, got, err, want)
		}
	}
	f("-7d", "2026-11-14T17:30:00Z")
	f("-90m", "2026-11-21T16:00:00Z")
	f("now", "2026-11-21T17:30:00Z")
	f("2026-11-14", "2026-11-14T00:00:00Z")
	f("2026-11-14T16:00", "2026-11-14T16:00:00Z")
	f("2026-11-14T16:00Z", "2026-11-14T16:00:00Z")
	f("2026-11-14T16:00:05+02:00", "2026-11-14T16:00:05+02:00")
}
