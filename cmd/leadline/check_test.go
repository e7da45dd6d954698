package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leadline/internal/golden"
)

// leadlineSays runs a verb in this process.
func leadlineSays(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), args, &out, &errs, func(string) string { return "" })
	return out.String(), errs.String(), code
}

func TestCheckExamples(t *testing.T) {
	t.Parallel()
	out, errs, code := leadlineSays(t, "check", filepath.Join(root, "examples"))
	if code != 0 || errs != "" {
		t.Errorf("exit code %d, said %q", code, errs)
	}
	golden.Bytes(t, []byte(out), "examples.txt")
}

// plant replaces the only occurrence of a text in a file of the copy.
func plant(t *testing.T, file, old, wrong string) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), old); n != 1 {
		t.Fatalf("%s holds %q %d times: plant something else", file, old, n)
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), old, wrong, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}

// lineOf is the line, from 1, on which a planted text ends.
func lineOf(t *testing.T, file, wrong string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, _, ok := strings.Cut(string(text), wrong)
	if !ok {
		t.Fatalf("%s does not hold %q", file, wrong)
	}
	return 1 + strings.Count(before+wrong, "\n")
}

// TestCheckFindsEveryMistake plants mistakes into a copy of the examples. Every one of them has to be told, at its place:
// the golden holds where.
func TestCheckFindsEveryMistake(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "examples"), os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	planted := []struct{ file, old, wrong, told string }{
		{"leadline.yaml", "max_memory: 2GiB", "max_memory: 2 gigs", ""},
		{"leadline.yaml", "geoip: {timeout: 2s}", "geoip: {timeout: soon}", ""},
		{"leadline.yaml", "qualify: qualify.yaml", "qualfy: qualify.yaml", ""},
		{"leadline.yaml", "chats: {ops: -1001}", "chats: {ops: the ops group}", ""},
		{"rules/intake-latency.yaml", "metadata: {name: intake-latency}", "metadata: {name: volume}", "rules/volume.yaml"},
		{"rules/intake-latency.yaml", "severity: page, expr: p95 > 600", "severity: pager, expr: p95 > 600", ""},
		{"rules/intake-latency.yaml", "severity: ticket, expr: p95 >", "severity: ticket, expr: p59 >", ""},
		{"rules/intake-latency.yaml", ".Values.p95 | ms", ".Values.p95 | mss", ""},
		{"rules/volume.yaml", "by: [partner]", "by: [partners]", ""},
		{"rules/volume.yaml", "min_samples: {n: 100}", "min_samples: {m: 100}", ""},
		{"rules/third-party.yaml", "timeouts > 0.05", "timeouts >> 0.05", ""},
		{"rules/third-party.yaml", "for: 2m", "for: 2m\n      for: 3m", ""},
		{"rules/oncall.yaml", "Europe/Kyiv", "Europe/Kiew", ""},
		{"rules/oncall.yaml", "start: 2026-03-02", "start: 2026-03-03", ""},
		{"qualify.yaml", `str("plan")`, `string("plan")`, ""},
		{"qualify.yaml", "outcome: lost", "outcom: lost", ""},
		{"schemas/signup.completed/1.json", `"format": "date"`, `"format": "day"`, ""},
		{"schemas/lead.started/1.json", `"type": "object"`, `"type": "objekt"`, ""},
		{"schemas/purchase.completed/1.json", `"minItems": 1`, `"minItem": 1`, ""},
	}
	for _, p := range planted {
		plant(t, filepath.Join(dir, "examples", p.file), p.old, p.wrong)
	}
	if err := os.WriteFile(filepath.Join(dir, "examples", "rules", "typo.yaml"), []byte("apiVersion: leadline/v1\nkind: RulesGroup\nmetadata: {name: typo}\nspec: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var errs string
	t.Run("check", func(t *testing.T) {
		t.Chdir(dir)
		out, e, code := leadlineSays(t, "check", "examples")
		if code != 1 || out != "" {
			t.Errorf("exit code %d, said %q", code, out)
		}
		errs = e
	})
	for _, p := range planted {
		file := p.file
		if p.told != "" {
			file = p.told
		}
		if place := fmt.Sprintf("examples/%s:%d:", file, lineOf(t, filepath.Join(dir, "examples", file), p.wrong)); !strings.Contains(errs, place) {
			t.Errorf("%q is not told at %s", p.wrong, place)
		}
	}
	golden.Bytes(t, []byte(errs), "broken.txt")
}

// TestCheckFindsMissingFiles: what serve would not start with is told by check.
func TestCheckFindsMissingFiles(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "leadline.yaml")
	if err := os.WriteFile(file, []byte("schemas: shemas\npipeline: {qualify: qualfy.yaml, geoip: {mmdb: none}}\nrules: [rules, more/*.yaml]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, errs, code := leadlineSays(t, "check", file)
	for _, place := range []string{":1:10: there is no ", ":2:21: there is no ", ":3:9: there is no ", ":3:16: there is no ", "4 mistakes"} {
		if !strings.Contains(errs, place) {
			t.Errorf("%q is not told:\n%s", place, errs)
		}
	}
	if code != 1 {
		t.Errorf("exit code %d", code)
	}
}

// TestCheckFindsWhatIsNotMeant: rules that are well-formed and useless are mistakes, and what may be meant is a note.
func TestCheckFindsWhatIsNotMeant(t *testing.T) {
	t.Parallel()
	f := func(wantCode int, want string, files map[string]string) {
		t.Helper()
		dir := t.TempDir()
		for name, text := range files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		out, errs, code := leadlineSays(t, "check", dir)
		if got := strings.ReplaceAll(out+errs, dir+"/", ""); code != wantCode || !strings.Contains(got, want) || want == "" && strings.Contains(got, "note:") {
			t.Errorf("exit code %d, said:\n%swant:\n%s", code, got, want)
		}
	}
	const head = "apiVersion: leadline/v1\n"
	rule := func(expr, more string) string {
		return head + "kind: RuleGroup\nmetadata: {name: g}\nspec:\n  labels: {team: partners, severity: page}\n  rules:\n" +
			"    - alert: A\n      measure: {bad: {ratio: {num: {count: event, where: worst != 'ok'}, den: {count: event}}, window: 5m}, n: {count: event, window: 5m}}\n" +
			"      expr: " + expr + "\n" + more
	}
	schedule := func(name, user, start string) string {
		return head + "kind: Schedule\nmetadata: {name: " + name + "}\nspec: {timeZone: UTC, rotation: {users: [" + user + "], every: 1d, handoff: '10:00', start: " + start + "}}\n"
	}
	const tests = head + "kind: RuleTest\nmetadata: {name: t}\nspec: {rule_files: [r.yaml], tests: [{name: x, alert: A, series: [], events: []}]}\n"
	f(1, "r.yaml:9:13: the condition never holds: ", map[string]string{"r.yaml": rule("bad > 1 and n > 9", "")})
	f(0, "note: r.yaml:7:14: A fires on a single event: add min_samples, such as {n: 100}", map[string]string{"r.yaml": rule("bad > 0.1 and n > 0", "")})
	f(0, "note: r.yaml:7:14: no test of A: write one", map[string]string{"r.yaml": rule("bad > 0.1 and n > 99", "")})
	f(0, "", map[string]string{"r.yaml": rule("bad > 0.1 and n > 99", ""), "t.yaml": tests})
	f(1, "s.yaml:4:42: olena is on call, and no configuration has a Telegram id of theirs: did you mean Olena?",
		map[string]string{"leadline.yaml": "telegram: {people: {Olena: 1}}\n", "s.yaml": schedule("ops", "olena", "2026-03-02")})
	f(0, "", map[string]string{"leadline.yaml": "telegram: {people: {Olena: 1}}\n", "s.yaml": schedule("ops", "Olena", "2026-03-02")})
	f(0, "note: s.yaml:4:86: nobody is on call before 2999-03-02", map[string]string{"s.yaml": schedule("ops", "Olena", "2999-03-02")})
	f(0, "note: r.yaml:7:14: team partners of A has no schedule, ops takes its alerts: did you mean partner?",
		map[string]string{"r.yaml": rule("bad > 0.1 and n > 99", ""), "t.yaml": tests, "s.yaml": schedule("ops", "a", "2026-03-02") + "---\n" + schedule("partner", "b", "2026-03-02")})
	f(0, "", map[string]string{"r.yaml": rule("bad > 0.1 and n > 99", ""), "t.yaml": tests, "s.yaml": schedule("ops", "a", "2026-03-02")})
}

func TestUsage(t *testing.T) {
	t.Parallel()
	f := func(wantCode int, wantOut, wantErr string, args ...string) {
		t.Helper()
		out, errs, code := leadlineSays(t, args...)
		if code != wantCode || !strings.Contains(out, wantOut) || !strings.Contains(errs, wantErr) || (wantErr == "") != (errs == "") {
			t.Errorf("leadline %q: exit code %d, said %q %q", args, code, out, errs)
		}
	}
	f(0, "leadline serve", "")
	f(0, "leadline serve", "", "help")
	f(0, "leadline serve", "", "--help")
	f(0, "leadline ", "", "version")
	f(2, "", `no verb "server"`, "server")
	f(2, "", "leadline check PATH", "check")
	f(2, "", "flag provided but not defined: -conf", "serve", "--conf", "x")
	f(2, "", `unexpected "now"`, "serve", "now")
	f(0, "", "configuration file", "serve", "--help")
	f(1, "", "no configuration at nowhere.yaml", "serve", "--config", "nowhere.yaml")
	f(1, "", "nowhere", "check", "nowhere")
	f(2, "", "leadline keys create PARTNER", "keys")
	f(2, "", "leadline keys create PARTNER", "keys", "create")
	f(1, "", "set clickhouse.addrs", "migrate", "--plan")
}
