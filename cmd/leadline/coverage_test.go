//go:build linux

package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckData holds rules against what a running Leadline stored.
func TestCheckData(t *testing.T) {
	t.Parallel()
	h := settle(t)
	rules := filepath.Join(h.dir, "rules.yaml")
	text := `apiVersion: leadline/v1
kind: RuleGroup
metadata: {name: g}
spec:
  labels: {severity: ticket}
  rules:
    - alert: Summer
      measure: {n: {count: event, where: campaign == "summer", window: 5m}}
      expr: n > 50
    - alert: Writing
      measure: {p95: {quantile: 0.95, of: span.total_ms, where: stage == "write", window: 5m}, n: {count: span, where: stage == "write", window: 5m}}
      min_samples: {n: 50}
      expr: p95 > 50
`
	if err := os.WriteFile(rules, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, errs, code := leadlineDoes(t, nil, "check", "--data", "--config", h.config, rules); code != 1 || !strings.Contains(errs, "start leadline serve once") {
		t.Errorf("before the first start: exit code %d, said %q", code, errs)
	}
	h.start(t)
	if status, body := h.post(t, h.apiKey, `{"id":"1","type":"lead.started","campaign":"spring","payload":{"start_param":"x"}}`); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	eventually(t, "the event is stored", func() bool { return h.sql(t, "SELECT sum(events) FROM latency_1m WHERE stage = 'e2e'") == "1" })
	out, errs, code := leadlineDoes(t, nil, "check", "--data", "--config", h.config, rules)
	if code != 0 || errs != "" {
		t.Errorf("exit code %d, said %q", code, errs)
	}
	for _, want := range []string{
		"note: " + rules + ":7:14: Summer matched nothing in 7 days: ",
		`note: no rule looks at stage "receive", which had 1 event in 7 days`,
		`note: no rule looks at stage "validate", which had 1 event in 7 days`,
	} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not told:\n%s", want, out)
		}
	}
	if n := strings.Count(out, "note:"); n != strings.Count(out, "looks at stage")+1 || strings.Contains(out, `"write"`) {
		t.Errorf("too much is told:\n%s", out)
	}
}
