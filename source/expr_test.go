package source

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

type testEnv struct {
	P95    float64           `expr:"p95"`
	N      int64             `expr:"n"`
	Stage  string            `expr:"stage"`
	For    time.Duration     `expr:"for"`
	Tags   map[string]string `expr:"tags"`
	Past   []float64         `expr:"past"`
	Labels struct {
		Team string `expr:"team"`
	} `expr:"labels"`
}

var double = Func{"double", func(a ...any) (any, error) { return a[0].(float64) * 2, nil }, new(func(float64) float64)}

// exprAt reads one expression from the YAML of a field `when`.
func exprAt(t *testing.T, yaml string) Expr {
	t.Helper()
	docs, err := Documents("r.yaml", []byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		When Expr `yaml:"when"`
	}
	if errs := docs[0].Decode(&v); len(errs) > 0 {
		t.Fatal(errs)
	}
	return v.When
}

func TestExprPositions(t *testing.T) {
	t.Parallel()
	f := func(yaml, want string) {
		t.Helper()
		_, errs := exprAt(t, yaml).Compile(testEnv{}, Bool)
		if got := errs.Error(); got != strings.TrimPrefix(want, "\n") {
			t.Errorf("%s\ngot\n%s\nwant\n%s", yaml, got, want)
		}
	}
	f("when: p95 > 2 and stagee == 'x'", `
r.yaml:1:19: unknown name stagee: did you mean stage?
    when: p95 > 2 and stagee == 'x'
                      ^`)
	f("when: 'p59 > 2 and stage == ''it'' and p99 > 1'", `
r.yaml:1:8: unknown name p59: did you mean p95?
    when: 'p59 > 2 and stage == ''it'' and p99 > 1'
           ^
r.yaml:1:40: unknown name p99: did you mean p95?
    when: 'p59 > 2 and stage == ''it'' and p99 > 1'
                                           ^`)
	f(`when: "stage == \"\u00e9\" and stagee == 'é' and sage == ''"`, `
r.yaml:1:32: unknown name stagee: did you mean stage?
    when: "stage == \"\u00e9\" and stagee == 'é' and sage == ''"
                                   ^
r.yaml:1:50: unknown name sage: did you mean stage?
    when: "stage == \"\u00e9\" and stagee == 'é' and sage == ''"
                                                     ^`)
	f("when: |\n\n  p95 > 2 and\n    stagee == 'x'\n", `
r.yaml:4:5: unknown name stagee: did you mean stage?
        stagee == 'x'
        ^`)
	f("when: >-\n  p95 > 2\n  and stagee == 'x'\n\n  and p95 >\n", `
r.yaml:5:11: unexpected token EOF: finish the expression
      and p95 >
              ^`)
	f("when: p95 > 2\n  and stage > 1\n", `
r.yaml:2:13: invalid operation: > (mismatched types string and int): compare values of one type
      and stage > 1
                ^`)
	f("when: &a p95", `
r.yaml:1:10: expected bool, but got float64: make it a condition, such as p95 > 600
    when: &a p95
             ^`)
	f("when: labels.tem == 'x'", `
r.yaml:1:14: unknown field tem: did you mean team?
    when: labels.tem == 'x'
                 ^`)
	f("when: for > duration(\"5 m\")", `
r.yaml:1:13: fails where every value is empty or 0: time: unknown unit " m" in duration "5 m"
    when: for > duration("5 m")
                ^`)
}

func TestExprRefuses(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		_, errs := exprAt(t, "when: |\n  "+text).Compile(testEnv{}, Bool, double)
		if len(errs) == 0 || !strings.Contains(errs.Error(), want) {
			t.Errorf("%.80q: got %v, want %q", text, errs, want)
		}
	}
	f("p95 > 1 and "+strings.Repeat(" ", maxExprBytes), "the expression has 41")
	f(strings.Repeat("(", 65)+"true"+strings.Repeat(")", 65), "nested deeper than 64")
	f(strings.Repeat("[", 65), "nested deeper than 64")
	f(strings.Repeat("p95 > 1 and ", 60)+"true", "keep it within 200 operators and values")
	f("past[5] > 1", "fails where every value is empty")
	f("n % 0 == 1", "divide by zero")
	f("n % (n - 1) == 1", "divide by zero")
	f("all(past, # > 1)", "")
	f("now() > 1", "unknown name now")
	f("stage matches '('", "error parsing regexp")
	f("let x = p95; x > 1", "variables")
	f("n in 1..100", "ranges are not allowed")
	f("$env.p95 > 1", "unknown name $env")
	f("{'a': p95}.a > 1", "maps")
	f("past[0:1] == past", "slices")
	f("p95 > 2s", "write numbers without units")
	f("stage", "expected bool, but got string")
	f("double('x') > 1", "")
	f("for > 2", "mismatched types")
	f("p95 = 2", "")
}

func TestExprRuns(t *testing.T) {
	t.Parallel()
	env := testEnv{P95: 700, N: 7, Stage: "write", For: time.Hour, Tags: map[string]string{"team": "a"}}
	env.Labels.Team = "ops"
	f := func(text string, want bool) {
		t.Helper()
		p, errs := exprAt(t, "when: "+text).Compile(testEnv{}, Bool, double)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		for _, e := range []any{env, &env} {
			if got, err := p.Bool(e); err != nil || got != want {
				t.Errorf("%s with a %T: got %v, %v", text, e, got, err)
			}
		}
	}
	f("p95 > 600 && n >= 5", true)
	f("not (p95 > 600)", false)
	f("stage in ['write', 'spool'] and labels.team == 'ops'", true)
	f("for > duration('5m') and tags.team == 'a'", true)
	f("double(p95) == 1400 and abs(0 - p95) == max(p95, 1) and round(p95 / 3) == 233 and len(stage) == 5", true)
	f("'n > 5 ? stage startsWith \"w\" : false'", true)

	p, errs := exprAt(t, "when: 'n > 5 ? \"big\" : stage'").Compile(testEnv{}, String)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if got, err := p.Text(env); err != nil || got != "big" {
		t.Errorf("got %q, %v", got, err)
	}
	p, errs = exprAt(t, "when: n * 2").Compile(testEnv{}, Float)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	if !p.Uses("n") || p.Uses("p95") {
		t.Error("n * 2 uses n only")
	}
	if got, err := p.Float(env); err != nil || got != 14 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := p.Float(struct{ X int }{1}); err == nil {
		t.Error("a foreign environment gave no error")
	}
}

// A division by 0 decides nothing, unless the rest of the condition decides without it.
func TestDecide(t *testing.T) {
	t.Parallel()
	f := func(text string, p95 float64, n int, yes, certain bool) {
		t.Helper()
		p, errs := exprAt(t, "when: "+text).Compile(testEnv{}, Bool, double)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		gotYes, gotCertain, err := p.Decide(&testEnv{P95: p95, N: int64(n)})
		if err != nil || gotCertain != certain || certain && gotYes != yes {
			t.Errorf("%s with %v, %d: got %v, certain %v, %v", text, p95, n, gotYes, gotCertain, err)
		}
	}
	f("p95 / n > 0.02", 1, 10, true, true)
	f("p95 / n > 0.02", 0, 10, false, true)
	f("p95 / n > 0.02", 0, 0, false, false)
	f("p95 / n > 0.02", 5, 0, false, false)
	f("not (p95 / n > 0.02)", 5, 0, false, false)
	f("n > 0 and p95 / n > 0.02", 5, 0, false, true)
	f("n == 0 or p95 / n > 0.02", 5, 0, true, true)
	f("p95 / 2 > 1 and n / 4.0 == 0", 5, 0, true, true)
	f("1 - p95 / (n - 3) < 0.5", 5, 3, false, false)
	f("p95 / (p95 / n) > 1", 5, 0, false, true)
	f("'p95 / n * 100 > 5 ? true : p95 > 3'", 5, 0, true, true)
	f("p95 > 3", 5, 0, true, true)
}

func TestEnvironmentsArePlainData(t *testing.T) {
	t.Parallel()
	f := func(env any) {
		t.Helper()
		defer func() {
			if r, ok := recover().(string); !ok || !strings.HasPrefix(r, "BUG:") {
				t.Errorf("%T: got %v, want a BUG panic", env, r)
			}
		}()
		_, _ = Expr{Passage{Text: "true"}}.Compile(env, Bool)
	}
	f(nil)
	f(map[string]int{})
	f(struct {
		P *float64 `expr:"p"`
	}{})
	f(struct {
		A any `expr:"a"`
	}{})
	f(struct{ P float64 }{})
	f(Errors{})
	f(struct {
		T time.Time `expr:"t"`
	}{})
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	f := func(yaml, text string) {
		t.Helper()
		e := exprAt(t, yaml)
		if d := cmp.Diff(text, e.Text); d != "" {
			t.Fatalf("value (-want +got)\n%s", d)
		}
		lines := strings.Split(yaml, "\n")
		offset := 0
		for _, r := range e.Text {
			p := e.At(offset)
			if l := []rune(lines[p.Line-1]); !unicode.IsSpace(r) && (p.Col > len(l) || l[p.Col-1] != r) {
				t.Errorf("%q: character %d %q is said to be at %d:%d", yaml, offset, r, p.Line, p.Col)
			}
			offset++
		}
	}
	f("when: a b", "a b")
	f("when: a\n  b\n\n  c # d", "a b\nc")
	f("when: 'a  \n\n\n  b'", "a\n\nb")
	f("when: \"a \\\n   b  c\"", "a b  c")
	f("when: |2\n    a\n   b\n", "  a\n b\n")
	f("when: |+\n\n  a\n\n  b\n\n", "\na\n\nb\n\n")
	f("when: >\n  a\n  b\n    c\n  d\n", "a b\n  c\nd\n")
	f("{\"when\": \"a b\"}", "a b")
}

func FuzzExpr(f *testing.F) {
	for _, s := range []string{
		"p95 > 2 and stage == 'x'", "((((n))))", "past[0] > 1", "{'a': 1}", "1..9999999", "let x = 1; x", "n ?? 1 > 2", "tags?.a == nil",
		"not not not true", "duration('5m') > for", "stage matches stage", "'\\u{1F600}' == stage", "a|b", "#", "$env", "\n\n)", "0x", "1e999 > p95", "len(tags) / 0 > 1",
		"p95 ? 1 : ", "n % n", "round(abs(min(past)))", "`a", "/* x", "stage[0:1:2]", "[[[[", "if true {1} else {2}", "double(p95) > double(n)",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e := Expr{Passage{Text: text, Pos: Pos{newText("f", text), 1, 1}}}
		p, errs := e.Compile(testEnv{}, Bool, double)
		if (p == nil) != (len(errs) > 0) {
			t.Fatalf("program %v with %v", p, errs)
		}
		if len(errs) > 0 {
			return
		}
		for _, env := range []testEnv{{}, {P95: -1, N: 1 << 62, Stage: "stage", Past: []float64{1, 2}}} {
			_, err := p.Bool(env)
			if err != nil && !strings.HasPrefix(err.Error(), "f:") {
				t.Fatalf("error without a place: %v", err)
			}
		}
	})
}
