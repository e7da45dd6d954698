package ruletest

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leadline/internal/golden"
	"leadline/rules"
	"leadline/source"
)

func documents(t *testing.T, file string) []source.Document {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	docs, err := source.Documents(file, data)
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// load parses the one test document of a file.
func load(t *testing.T, file string) (*Suite, source.Errors) {
	t.Helper()
	return Parse(documents(t, file)[0], func(f source.At[string]) (out []*rules.Group, errs source.Errors) {
		if _, err := os.Stat(filepath.Join("testdata", f.Value)); err != nil {
			return nil, source.Errors{f.Pos.Error("there is no "+f.Value, "correct the path")}
		}
		for _, d := range documents(t, f.Value) {
			g, e := rules.Parse(d)
			out, errs = append(out, g), append(errs, e...)
		}
		return out, errs
	})
}

func all(string) bool { return true }

func TestGood(t *testing.T) {
	t.Parallel()
	s, errs := load(t, "good.yaml")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	results := s.Run(all)
	if len(results) != 6 || len(s.Alerts) != 3 {
		t.Errorf("%d tests of %d alerts", len(results), len(s.Alerts))
	}
	for _, r := range results {
		for _, f := range r.Failures {
			t.Error(f.Text())
		}
	}
	if some := s.Run(func(name string) bool { return strings.HasPrefix(name, "no data") }); len(some) != 1 || some[0].Test != "no data is not recovery" {
		t.Errorf("ran %v", some)
	}
}

// TestFailures: every way in which a test fails says where, what was wanted, what came, and why that may be.
func TestFailures(t *testing.T) {
	t.Parallel()
	s, errs := load(t, "failing.yaml")
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	var b strings.Builder
	results := s.Run(all)
	for i, r := range results {
		if len(r.Failures) == 0 {
			t.Errorf("%q passes", r.Test)
		}
		for _, f := range r.Failures {
			b.WriteString(f.Text() + "\n")
		}
		results[i].Took = 0
	}
	golden.Bytes(t, []byte(b.String()), "failing.txt")

	var junit bytes.Buffer
	if err := WriteJUnit(&junit, results, source.Errors{{File: "broken.yaml", Line: 3, Col: 1, What: "unknown field \"fro\x00\"", Do: "did you mean for?"}}); err != nil {
		t.Fatal(err)
	}
	golden.Bytes(t, junit.Bytes(), "failing.xml")
}

// TestMistakes: every mistake of a document is told at once, where it stands, with the way out.
func TestMistakes(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for _, file := range []string{"mistakes.yaml", "broken.yaml", "shape.yaml"} {
		s, errs := load(t, file)
		if s != nil || len(errs) == 0 {
			t.Errorf("%s is taken", file)
		}
		b.WriteString(errs.Error() + "\n")
	}
	golden.Bytes(t, []byte(b.String()), "mistakes.txt")
}
