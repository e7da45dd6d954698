package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestTestExamples(t *testing.T) {
	t.Parallel()
	out, errs, code := leadlineSays(t, "test", filepath.Join(root, "examples"))
	if code != 0 || errs != "" || !strings.HasPrefix(out, "ok: ") {
		t.Errorf("exit code %d, said %q %q", code, out, errs)
	}
	out, errs, code = leadlineSays(t, "test", "--run", "^the intake stops$", filepath.Join(root, "examples", "rules", "tests"))
	if code != 0 || errs != "" || out != "ok: 1 test\n" {
		t.Errorf("--run: exit code %d, said %q %q", code, out, errs)
	}
}

// TestTestOfABrokenRule: a threshold that somebody raises is told by the test that it breaks, where that stands.
func TestTestOfABrokenRule(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	plant(t, filepath.Join(dir, "rules", "intake-latency.yaml"), "expr: p95 > 600", "expr: p95 > 6000")
	report := filepath.Join(dir, "report.xml")
	out, errs, code := leadlineSays(t, "test", "--junit", report, dir)
	if code != 1 || out != "" {
		t.Errorf("exit code %d, said %q", code, out)
	}
	for _, want := range []string{
		filepath.Join(dir, "rules", "tests", "intake-latency.yaml") + `:14:16: test "a slow third party pages after 15 s and resolves when it is well again" events of IntakeP95High: want firing page 1m15s, which did not come`,
		"- firing page 1m15s", "+ firing ticket 1m15s", "values at 1m15s: p95 2060, n 9000", " failed\n",
	} {
		if !strings.Contains(errs, want) {
			t.Errorf("%q is not told:\n%s", want, errs)
		}
	}
	var junit struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
	}
	data, err := os.ReadFile(report)
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(data, &junit); err != nil || junit.Tests < 10 || junit.Failures != 4 {
		t.Errorf("JUnit: %+v, %v", junit, err)
	}
}

func TestTestWithoutTests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := func(want string, args ...string) {
		t.Helper()
		if out, errs, code := leadlineSays(t, append([]string{"test"}, args...)...); code != 1 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("leadline test %q: exit code %d, said %q %q", args, code, out, errs)
		}
	}
	f("no test in "+dir, dir)
	f("no such file", filepath.Join(dir, "nowhere"))
	f("--run (", "--run", "(", dir)
	f("no test in", "--run", "nothing has this name", filepath.Join(root, "examples"))
	if err := os.WriteFile(filepath.Join(dir, "t.yaml"), []byte("kind: RuleTest\nspec: {rule_files: [x.yaml], tests: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f("there is no "+filepath.Join(dir, "x.yaml"), dir)
}
