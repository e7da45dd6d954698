package foreign_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leadline/internal/golden"
	"leadline/rules"
	"leadline/rules/foreign"
	"leadline/source"
)

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Fatal(args ...any)
}

// table is what a user would say with --map.
func table(t failer) foreign.Table {
	t.Helper()
	out := foreign.Table{}
	for _, s := range []string{
		"leads_total=event", `leads_failed_total=event?worst != "ok"`, "enrich_milliseconds=span:duration_ms", "checkout=span",
		"lead_last_received_timestamp_seconds=event",
	} {
		name, target, err := foreign.ParseTarget(s)
		if err != nil {
			t.Fatal(err)
		}
		out[name] = target
	}
	return out
}

// report is what the verb prints.
func report(r foreign.Result) []byte {
	var b strings.Builder
	for _, n := range r.Notes {
		b.WriteString(n.Error() + "\n")
	}
	return []byte(b.String() + r.String() + "\n")
}

// parses fails the test unless Leadline takes every document.
func parses(t testing.TB, text []byte) (kinds map[string]int) {
	t.Helper()
	docs, err := source.Documents("imported", text)
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	var groups []*rules.Group
	kinds = map[string]int{}
	for _, d := range docs {
		kinds[d.Kind.Value]++
		parse := rules.Parse
		if d.Kind.Value == rules.KindSLO {
			parse = rules.ParseSLO
		}
		g, errs := parse(d)
		if len(errs) > 0 {
			t.Errorf("%v\n%s", errs, text)
		}
		groups = append(groups, g)
	}
	if errs := rules.Check(groups); len(errs) > 0 {
		t.Errorf("%v\n%s", errs, text)
	}
	return kinds
}

// TestDocumentation: every metric that needs no --map is in docs/IMPORT.md, with what it counts.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/IMPORT.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range foreign.Usual() {
		name, target, _ := strings.Cut(u, "=")
		source, field, _ := strings.Cut(target, ":")
		found := false
		for line := range strings.Lines(string(text)) {
			found = found || strings.Contains(line, "`"+name+"`") && strings.Contains(line, "| "+source+", "+field+" |")
		}
		if !found {
			t.Errorf("docs/IMPORT.md does not tell %s", u)
		}
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	for _, format := range foreign.Formats {
		files, err := filepath.Glob("testdata/" + format + "/*.yaml")
		if err != nil || len(files) == 0 {
			t.Fatalf("no inputs of %s: %v", format, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			name := strings.TrimSuffix(filepath.Base(file), ".yaml")
			r, err := foreign.Import(format, []foreign.File{{Name: name + ".yaml", Data: data}}, table(t))
			if err != nil {
				t.Fatal(err)
			}
			if docs := parses(t, r.YAML); len(docs) == 0 {
				t.Errorf("%s: nothing came out", file)
			}
			golden.Bytes(t, r.YAML, format+"/"+name+".out.golden")
			golden.Bytes(t, report(r), format+"/"+name+".err.golden")
		}
	}
}
