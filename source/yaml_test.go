package source

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type common struct {
	Labels Map[At[string]] `yaml:"labels"`
}

type rule struct {
	common
	Pos   Pos
	Alert At[string]     `yaml:"alert,required"`
	For   Duration       `yaml:"for"`
	Limit int            `yaml:"limit"`
	Share float64        `yaml:"share"`
	On    bool           `yaml:"on"`
	By    []At[string]   `yaml:"by"`
	Floor Map[At[int]]   `yaml:"floor"`
	Free  map[string]int `yaml:"free"`
	When  Expr           `yaml:"when"`
	Port  *uint16        `yaml:"port"`
}

type spec struct {
	Interval Duration `yaml:"interval"`
	Rules    []rule   `yaml:"rules,required"`
}

func parse(t *testing.T, text string, spec any) (Metadata, Errors) {
	t.Helper()
	docs, err := Documents("a.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(docs) != 1 {
		t.Fatalf("got %d documents, want 1", len(docs))
	}
	return docs[0].Spec(spec)
}

const head = "apiVersion: leadline/v1\nkind: Test\nmetadata: {name: x}\nspec:\n"

func TestDecode(t *testing.T) {
	t.Parallel()
	got := spec{Interval: Duration{Value: time.Minute}}
	meta, errs := parse(t, head+`
  rules:
    - alert: Slow
      for: 1h30m
      limit: -5
      share: 1e-3
      on: true
      by: [stage, &c campaign, *c]
      floor: {n: 200, m: 1}
      free: {a: 1}
      port: 8080
      labels: {team: 7, a: "on"}
      when: p95 > 1
`, &got)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	r := got.Rules[0]
	if meta.Name.Value != "x" || got.Interval.Value != time.Minute || !got.Interval.Pos.IsZero() {
		t.Errorf("meta %v, interval %v: want the name x and the default", meta, got.Interval)
	}
	if r.Alert.Value != "Slow" || r.For.Value != 90*time.Minute || r.Limit != -5 || r.Share != 1e-3 || !r.On || r.Free["a"] != 1 || *r.Port != 8080 {
		t.Errorf("decoded %+v", r)
	}
	if r.By[2].Value != "campaign" || r.By[2].Pos.Col != 19 {
		t.Errorf("alias decoded to %+v, want campaign at its anchor", r.By[2])
	}
	if n, ok := r.Floor.Get("n"); !ok || n.Value != 200 || r.Floor[1].Name.Value != "m" {
		t.Errorf("floor %+v, want n=200 and m in order", r.Floor)
	}
	if _, ok := r.Floor.Get("none"); ok {
		t.Error("Get found a name that is not there")
	}
	if team, _ := r.Labels.Get("team"); team.Value != "7" {
		t.Errorf("team = %q, want the text 7", team.Value)
	}
	if r.Pos.Line != 7 || r.Pos.Col != 7 || r.Alert.Pos.Line != 7 || r.Alert.Pos.Col != 14 {
		t.Errorf("rule at %d:%d, alert at %d:%d, want 7:7 and 7:14", r.Pos.Line, r.Pos.Col, r.Alert.Pos.Line, r.Alert.Pos.Col)
	}
}

func TestDecodeReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	_, errs := parse(t, `apiVersion: leadline/v2
kind: Test
metadata: {name: x, lables: {}}
extra: 1
spec:
  interval: 5 m
  rules:
    - alrt: Slow
      for: [1]
      limit: 010x
      share: "0.5"
      on: yes
      by: stage
      floor: {n: many, n: 2}
      free: {a: {}}
      port: 70000
      labels: ~
      when: {}
    - 7
    - alert:
    - <<: {alert: x}
    - alert: !secret x
    - alert: "tab	and é"
      lmit: 1
      share: .inf
`, &spec{})
	var got []string
	for _, e := range errs {
		got = append(got, e.Error())
	}
	want := []string{
		`a.yaml:1:13: unknown apiVersion "leadline/v2": use leadline/v1`,
		`a.yaml:3:21: unknown field "lables": did you mean labels?`,
		`a.yaml:4:1: unknown field "extra": use one of apiVersion, kind, metadata, spec`,
		`a.yaml:6:13: "5 m" is not a duration: write it like 30s, 5m or 7d`,
		`a.yaml:8:7: unknown field "alrt": did you mean alert?`,
		`a.yaml:8:7: "alert" is missing: add it`,
		`a.yaml:9:12: got a list: want a duration like 30s, 5m or 7d`,
		`a.yaml:10:14: got "010x": want a whole number`,
		`a.yaml:11:14: got "0.5": want a number`,
		`a.yaml:12:11: got "yes": want true or false`,
		`a.yaml:13:11: got "stage": want a list`,
		`a.yaml:14:18: got "many": want a whole number`,
		`a.yaml:14:24: "n" is given twice: the first is at line 14, remove one`,
		`a.yaml:15:17: got a mapping: want a whole number`,
		`a.yaml:16:13: got "70000": want a whole number`,
		`a.yaml:17:15: got nothing: want a mapping`,
		`a.yaml:18:13: got a mapping: want an expression such as p95 > 600`,
		`a.yaml:19:7: got "7": want a mapping with labels, alert, for, limit, share, on, by, floor, free, when, port`,
		`a.yaml:20:7: field "alert" has no value: give one or remove the line`,
		`a.yaml:21:7: merge keys are not read: use an alias for the whole value or write the fields out`,
		`a.yaml:21:7: "alert" is missing: add it`,
		`a.yaml:22:14: tag !secret has no meaning here: remove it`,
		`a.yaml:24:7: unknown field "lmit": did you mean limit?`,
		`a.yaml:25:14: got ".inf": want a number`,
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}

func TestErrorsShowTheLine(t *testing.T) {
	t.Parallel()
	_, errs := parse(t, head+"  rules:\n    - alert: x\n      lmit: 1\n", &spec{})
	want := "a.yaml:7:7: unknown field \"lmit\": did you mean limit?\n          lmit: 1\n          ^"
	if got := errs.Error(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	e, ok := errors.AsType[*Error](fmt.Errorf("load: %w", errs.Err()))
	if !ok || e.Line != 7 {
		t.Errorf("errors.As gave %v", e)
	}
	if (Errors{}).Err() != nil {
		t.Error("no mistake is an error")
	}
	long := &text{name: "j", lines: []string{"\t" + strings.Repeat("é", 500)}}
	lines := strings.Split(long.snippet(1, 300), "\n")
	if w := len([]rune(lines[0])); w != snippetWidth+4 || len([]rune(lines[1])) > w {
		t.Errorf("a long line was cut to %d characters: %q", w, lines)
	}
	if got, want := long.snippet(1, 3), "    \t"+strings.Repeat("é", snippetWidth-1)+"\n    \t ^"; got != want {
		t.Errorf("got %q, want the tab kept before the caret: %q", got, want)
	}
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	docs, err := Documents("a.yaml", []byte("\ufeff# one\nkind: A\n---\n---\n# none\n---\nkind: B\r\napiVersion: v\r\n"))
	if err != nil || len(docs) != 2 || docs[0].Kind.Value != "A" || docs[1].APIVersion.Value != "v" || docs[1].Kind.Pos.Line != 7 {
		t.Errorf("got %d documents %+v, error %v", len(docs), docs, err)
	}
	f := func(text, want string) {
		t.Helper()
		docs, err := Documents("a.yaml", []byte(text))
		if err == nil || docs != nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
	f("a: [1,\nb: 2\n", "a.yaml:3:1: not YAML: did not find expected ',' or ']' while parsing a flow sequence that began at line 1")
	f("a: 1\n\tb: 2\n", "a.yaml:2:1: not YAML: ")
	f("a: *nope\n", "a.yaml:1:4: not YAML: unknown anchor 'nope' referenced")
	f("a: é\nbé: \xff\n", "a.yaml:2:5: not UTF-8: save the file as UTF-8")
	f("a: \x01", "a.yaml:1:1: not YAML: control characters")
	f(strings.Repeat("a", maxText+1), "a.yaml:1:1: the file has 1048577 bytes")
}

func TestAliasesCannotMultiply(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 5 {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d,", i), 40))
	}
	var v struct {
		A0 []string       `yaml:"a0"`
		A1 [][]string     `yaml:"a1"`
		A2 [][][]string   `yaml:"a2"`
		A3 [][][][]string `yaml:"a3"`
		A4 [][][][][]string
		A5 [][][][][][]string `yaml:"a5"`
	}
	docs, err := Documents("a.yaml", []byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	errs := docs[0].Decode(&v)
	if !strings.Contains(errs.Error(), "too large once its aliases are expanded") {
		t.Errorf("got %.300s", errs)
	}
	docs, err = Documents("a.yaml", []byte("a1: &x [*x]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if errs := docs[0].Decode(&v); len(errs) != 1 || errs[0].Col != 9 || errs[0].What != "alias *x is inside its own anchor" {
		t.Errorf("got %v", errs)
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	f := func(in string, want time.Duration) {
		t.Helper()
		got, err := ParseDuration(in)
		if err != nil || got != want {
			t.Errorf("%q = %v, %v, want %v", in, got, err, want)
		}
		if back, err := ParseDuration(FormatDuration(want)); err != nil || back != want {
			t.Errorf("%q formats as %q, which reads as %v, %v", in, FormatDuration(want), back, err)
		}
	}
	f("30s", 30*time.Second)
	f("5m", 5*time.Minute)
	f("7d", 7*24*time.Hour)
	f("1w", 7*24*time.Hour)
	f("1h30m", 90*time.Minute)
	f("1500ms", 1500*time.Millisecond)
	f("0", 0)
	f("0s", 0)
	bad := func(in string) {
		t.Helper()
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q = %v, want an error", in, got)
		}
	}
	bad("")
	bad("5")
	bad("5 m")
	bad("-5m")
	bad("1.5h")
	bad("m")
	bad("30m1h")
	bad("5m5m")
	bad("5µs")
	bad("99999999999999999999w")
	bad("99999999999999999999999999999999s")
}

func TestNearest(t *testing.T) {
	t.Parallel()
	f := func(name, want string) {
		t.Helper()
		if got := Nearest(name, []string{"stage", "partner", "campaign", "p95", "p99", "n"}); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	f("stagee", "stage")
	f("satge", "stage")
	f("p59", "p95")
	f("P95", "p95")
	f("camp", "")
	f("x", "n")
	f("zebra", "")
}

func FuzzDecode(f *testing.F) {
	f.Add(head + "  rules: [{alert: a, for: 5m, when: 'p95 > 1'}]\n")
	f.Add("a: &a [*a]\n---\n- 1\n")
	f.Add("spec: |\n  x\n? [a]\n: {b: c}\n")
	f.Add("spec: {rules: [{when: \"\\\n a\\x41'\"}]}")
	f.Fuzz(func(t *testing.T, text string) {
		docs, err := Documents("f", []byte(text))
		var errs Errors
		if err != nil && (!errors.As(err, &errs) || len(docs) > 0) {
			t.Fatalf("%T %v with %d documents", err, err, len(docs))
		}
		for _, d := range docs {
			_, more := d.Spec(&spec{})
			errs = append(errs, more...)
		}
		for _, e := range errs {
			if e.Line < 1 || e.Col < 1 || e.What == "" {
				t.Fatalf("mistake without a place or a word: %+v", e)
			}
		}
	})
}
