package leadline_test

import (
	"os/exec"
	"strings"
	"testing"
)

// layers lists the packages from the bottom up. A package imports only packages of a lower line; packages of one line
// do not know each other, but for a parent and its children (ingest and ingest/spool stand on lines of their own).
var layers = [][]string{
	{"leadline"},
	{"leadline/source", "leadline/sql", "leadline/dashboards", "leadline/web", "leadline/engine"},
	{"leadline/schema", "leadline/rules/budget", "leadline/latency", "leadline/limit", "leadline/signature", "leadline/ingest/spool", "leadline/ingest/enrich"},
	{"leadline/store", "leadline/state", "leadline/lineage"},
	{"leadline/rules/measure"},
	{"leadline/ingest", "leadline/rules", "leadline/oncall", "leadline/notify/telegram"},
	{"leadline/server", "leadline/metrics", "leadline/rules/ruletest", "leadline/rules/backtest", "leadline/rules/foreign"},
	{"leadline/demo/phone"},
	{"leadline/app", "leadline/demo"},
	{"leadline/cmd/leadline", "leadline/bench"},
}

// testSupport may import what it tests with, and only tests may import it.
var testSupport = []string{"leadline/internal/"}

func TestImportsPointDown(t *testing.T) {
	t.Parallel()
	level := map[string]int{}
	for i, line := range layers {
		for _, p := range line {
			level[p] = i
		}
	}
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		f := strings.Fields(line)
		if isTestSupport(f[0]) {
			continue
		}
		from, ok := level[f[0]]
		if !ok {
			t.Errorf("%s has no layer: add it to layers", f[0])
		}
		for _, to := range f[1:] {
			if isTestSupport(to) {
				t.Errorf("%s imports %s, which is for tests only", f[0], to)
			}
			if l, ours := level[to]; ours && l >= from {
				t.Errorf("%s (line %d) imports %s (line %d): imports point down only", f[0], from, to, l)
			}
		}
	}
}

func isTestSupport(pkg string) bool {
	for _, p := range testSupport {
		if strings.HasPrefix(pkg, p) {
			return true
		}
	}
	return false
}
