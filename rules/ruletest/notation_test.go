package ruletest

import (
	"math"
	"strconv"
	"strings"
	"testing"

	"leadline/source"
)

func seriesOf(text string) ([]sample, source.Errors) {
	return parseSeries(source.Passage{Text: text})
}

// written is a series with every value written out.
func written(samples []sample) string {
	var out []string
	for _, s := range samples {
		switch {
		case s.failed:
			out = append(out, "error")
		case s.absent():
			out = append(out, "_")
		default:
			out = append(out, strconv.FormatFloat(s.value, 'g', -1, 64))
		}
	}
	return strings.Join(out, " ")
}

// TestNotation: the examples of Prometheus' own manual, and what is ours.
func TestNotation(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		got, errs := seriesOf(text)
		if len(errs) > 0 || written(got) != want {
			t.Errorf("%q: %q, %v, want %q", text, written(got), errs, want)
		}
	}
	f("-2+4x3", "-2 2 6 10")
	f("1-2x4", "1 -1 -3 -5 -7")
	f("1x4", "1 1 1 1 1")
	f("4 _ _ 6", "4 _ _ 6")
	f("1 _x3 2", "1 _ _ _ 2")
	f("5 stale 7", "5 _ 7")
	f("1 error 2 errorx2", "1 error 2 error error")
	f("1e-2x1 .5 +3. 1E3-1e2x2", "0.01 0.01 0.5 3 1000 900 800")
	f("0.1+0.1x3", "0.1 0.2 0.30000000000000004 0.4")
	f("7x0\n  8", "7 8")
	f("", "")
	f("_x0", "")
}

func TestNotationMistakes(t *testing.T) {
	t.Parallel()
	docs, err := source.Documents("s.yaml", []byte("v: '400x9 1900y8 ×  NaN 1x100001 _x99999 1x2 1e999'\n"))
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		V source.Passage `yaml:"v"`
	}
	if errs := docs[0].Decode(&spec); len(errs) > 0 {
		t.Fatal(errs)
	}
	_, errs := parseSeries(spec.V)
	var got []string
	for _, e := range errs {
		got = append(got, e.Error())
	}
	const do = ": write values like '400x9 1900+50x4 _x3 stale error'"
	want := []string{
		`s.yaml:1:11: "1900y8" is no value of a series` + do,
		`s.yaml:1:18: "×" is no value of a series` + do,
		`s.yaml:1:21: "NaN" is no value of a series` + do,
		`s.yaml:1:25: the series is longer than 100000 slots` + do,
		`s.yaml:1:34: the series is longer than 100000 slots` + do,
		`s.yaml:1:46: "1e999" is larger than any number` + do,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// FuzzNotation: any text is a bounded series or a mistake, and a series written out reads the same.
func FuzzNotation(f *testing.F) {
	for _, s := range []string{"400x9 1900x8 700", "1-2x4 _x3 stale", "1e-2+.5x3 error errorx2", "+-1", "1x", "x3", "_x", "9x99999999999999999999", "1e308+1e308x9", "\u00851"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, errs := seriesOf(text)
		if len(got) > maxSlots {
			t.Fatalf("%d slots", len(got))
		}
		if len(errs) > 0 {
			return
		}
		again, errs := seriesOf(written(got))
		if len(errs) > 0 || len(again) != len(got) {
			t.Fatalf("%q: %d values, written out %d, %v", text, len(got), len(again), errs)
		}
		for i, s := range got {
			if same := s == again[i] || s.absent() && again[i].absent() && s.failed == again[i].failed; !same {
				t.Fatalf("%q: value %d is %v, written out %v", text, i, s, again[i])
			}
			if math.IsInf(s.value, 0) {
				t.Fatalf("%q: value %d is infinite", text, i)
			}
		}
	})
}
