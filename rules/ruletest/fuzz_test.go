package ruletest

import (
	"os"
	"path/filepath"
	"testing"

	"leadline/rules"
	"leadline/source"
)

// FuzzSuite: any document is a suite that runs, or mistakes with places.
func FuzzSuite(f *testing.F) {
	for _, file := range []string{"good.yaml", "failing.yaml", "mistakes.yaml", "shape.yaml"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	data, err := os.ReadFile(filepath.Join("testdata", "rules.yaml"))
	if err != nil {
		f.Fatal(err)
	}
	docs, err := source.Documents("rules.yaml", data)
	if err != nil {
		f.Fatal(err)
	}
	var groups []*rules.Group
	for _, d := range docs {
		g, errs := rules.Parse(d)
		if len(errs) > 0 {
			f.Fatal(errs)
		}
		groups = append(groups, g)
	}
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := source.Documents("t.yaml", []byte(text))
		if err != nil {
			return
		}
		for _, d := range docs {
			s, errs := Parse(d, func(source.At[string]) ([]*rules.Group, source.Errors) { return groups, nil })
			if (s == nil) == (len(errs) == 0) {
				t.Fatalf("a suite: %v, mistakes: %v", s != nil, errs)
			}
			for _, e := range errs {
				if e.File != "t.yaml" || e.Line < 1 {
					t.Fatalf("%v has no place", e)
				}
			}
			if s == nil {
				continue
			}
			for _, r := range s.Run(func(string) bool { return true }) {
				for _, x := range r.Failures {
					if x.File != "t.yaml" || x.Line < 1 || x.What == "" {
						t.Fatalf("%v has no place", x.Text())
					}
				}
			}
		}
	})
}
