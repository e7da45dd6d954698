package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestImport(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	alerts := file("alerts.yaml", `
groups:
  - name: leads
    rules:
      - alert: LeadsFail
        expr: sum(rate(leads_failed_total[5m])) / sum(rate(leads_total[5m])) > 0.1
        labels: {severity: critical}
`)
	mapped := []string{"--map", "leads_total=event", "--map", `leads_failed_total=event?worst != "ok"`}

	out, errs, code := leadlineSays(t, append([]string{"import", "prometheus", alerts}, mapped...)...)
	if code != 0 || errs != "1 mapped, 0 of them partly, 0 not\n" || !strings.Contains(out, "kind: RuleGroup") {
		t.Errorf("exit code %d, said %q %q", code, out, errs)
	}
	path := file("out.yaml", out)
	checked, errs, code := leadlineSays(t, "check", path)
	note := "note: " + path + ":7:14: LeadsFail fires on a single event: add a count such as n: {count: event, window: 5m} and min_samples: {n: 100}; min_samples of 1 says that it is meant\n"
	if code != 0 || errs != "" || !strings.HasPrefix(checked, note) || strings.Count(checked, "note: ") != 1 || !strings.HasSuffix(checked, "ok: 1 rule group\n") {
		t.Errorf("what came out does not check: %q %q", checked, errs)
	}

	f := func(wantCode int, wantErr string, args ...string) {
		t.Helper()
		out, errs, code := leadlineSays(t, append([]string{"import"}, args...)...)
		if code != wantCode || out != "" || !strings.Contains(errs, wantErr) {
			t.Errorf("import %q: exit code %d, said %q %q", args, code, out, errs)
		}
	}
	f(1, "alerts.yaml:6:24: it is not said what leads_failed_total counts: add --map leads_failed_total=event or =span", "prometheus", alerts)
	f(1, "0 mapped, 0 of them partly, 1 not\nimport: nothing has a counterpart\n", "prometheus", alerts)
	f(1, "broken.yaml:2:1: not YAML", "prometheus", file("broken.yaml", "groups: [\n"))
	f(1, "no such file", "sloth", filepath.Join(dir, "none.yaml"))
	f(2, importUse)
	f(2, importUse, "prometheus")
	f(2, importUse, "grafana", alerts)
	f(2, `there is no "lead" to count`, "prometheus", alerts, "--map", "x=lead")
}
