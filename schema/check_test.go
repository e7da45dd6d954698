package schema

import (
	"os"
	"strings"
	"sync"
	"testing"

	"leadline"

	"github.com/google/go-cmp/cmp"
)

func compiled(t *testing.T, text string) *Schema {
	t.Helper()
	s, err := Compile("s.json", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func violations(s *Schema, doc string) []leadline.Violation {
	var out []leadline.Violation
	s.Check([]byte(doc), func(v leadline.Violation) { out = append(out, v) })
	return out
}

const shop = `{
  "type": "object",
  "required": ["plan", "amount"],
  "additionalProperties": false,
  "properties": {
    "plan": {"enum": ["pro", "basic", null, true, 7, ["x"]]},
    "amount": {"type": "integer", "minimum": 1, "exclusiveMaximum": 1e6, "multipleOf": 5},
    "share": {"type": "number", "exclusiveMinimum": 0, "maximum": 0.5},
    "code": {"type": "string", "minLength": 2, "maxLength": 3, "pattern": "^[A-Z]*$"},
    "at": {"format": "date-time"},
    "kind": {"const": "a"},
    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2, "uniqueItems": true},
    "pair": {"prefixItems": [true, {"type": "null"}], "items": false},
    "x/y~z": {"type": "object", "properties": {"deep": {"type": ["string", "null"]}}, "minProperties": 1, "maxProperties": 2},
    "never": false,
    "any": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    "one": {"oneOf": [{"type": "number"}, {"minimum": 5}]},
    "not": {"not": {"type": "string"}},
    "cond": {"if": {"type": "string"}, "then": {"minLength": 2}, "else": {"type": "null"}},
    "charge": true,
    "provider": true,
    "names": {"propertyNames": {"maxLength": 3}, "patternProperties": {"^n": {"type": "number"}}}
  },
  "dependentRequired": {"charge": ["provider"]}
}`

func TestViolations(t *testing.T) {
	t.Parallel()
	s := compiled(t, shop)
	f := func(doc string, want ...leadline.Violation) {
		t.Helper()
		if diff := cmp.Diff(want, violations(s, doc)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", doc, diff)
		}
		if got := s.Check([]byte(doc), nil); got != (len(want) == 0) {
			t.Errorf("%s without a report: got %v", doc, got)
		}
	}
	with := func(field string) string { return `{"plan":"pro", "amount":5, ` + field + `}` }

	f(`{"plan":"pro","amount":5}`)
	f(`{"plan":["x"],"amount":5.0e1}`)
	f(`[1]`, leadline.Violation{Rule: "type", Expected: "object"}) // what stands in the place of an object is not told
	f(`7`, leadline.Violation{Rule: "type", Expected: "object", Got: "7"})
	f(`{"plan":"pro"}`, leadline.Violation{Pointer: "/amount", Rule: "required", Expected: "a value"})
	f(`{}`, leadline.Violation{Pointer: "/plan", Rule: "required", Expected: "a value"}, leadline.Violation{Pointer: "/amount", Rule: "required", Expected: "a value"})
	f(with(`"charge":1`), leadline.Violation{Pointer: "/provider", Rule: "dependentRequired", Expected: "a value, because there is charge"})
	f(with(`"amuont":{"a":1}`), leadline.Violation{Pointer: "/amuont", Rule: "additionalProperties", Expected: "no field of this name", Nearest: "amount"})
	f(with(`"zzzzzzz":1`), leadline.Violation{Pointer: "/zzzzzzz", Rule: "additionalProperties", Expected: "no field of this name"})
	f(`{"plan":"Pro","amount":5}`, leadline.Violation{Pointer: "/plan", Rule: "enum", Expected: `one of "pro", "basic", null, true, 7, ["x"]`, Got: `"Pro"`})
	f(`{"plan":false,"amount":1000000}`,
		leadline.Violation{Pointer: "/plan", Rule: "enum", Expected: `one of "pro", "basic", null, true, 7, ["x"]`, Got: `false`},
		leadline.Violation{Pointer: "/amount", Rule: "exclusiveMaximum", Expected: "below 1e6", Got: "1000000"})
	f(`{"plan":["x","y"],"amount":0}`,
		leadline.Violation{Pointer: "/plan", Rule: "enum", Expected: `one of "pro", "basic", null, true, 7, ["x"]`, Got: `["x","y"]`},
		leadline.Violation{Pointer: "/amount", Rule: "minimum", Expected: "at least 1", Got: "0"})
	f(`{"plan":7.0,"amount":5.5}`,
		leadline.Violation{Pointer: "/amount", Rule: "type", Expected: "integer", Got: "5.5"},
		leadline.Violation{Pointer: "/amount", Rule: "multipleOf", Expected: "a multiple of 5", Got: "5.5"})
	f(with(`"share":0`), leadline.Violation{Pointer: "/share", Rule: "exclusiveMinimum", Expected: "above 0", Got: "0"})
	f(with(`"share":0.50000000000000000000000001`), leadline.Violation{Pointer: "/share", Rule: "maximum", Expected: "at most 0.5", Got: "0.50000000000000000000000001"})
	f(with(`"code":"ж"`),
		leadline.Violation{Pointer: "/code", Rule: "minLength", Expected: "at least 2 characters", Got: `"ж"`},
		leadline.Violation{Pointer: "/code", Rule: "pattern", Expected: "a match of ^[A-Z]*$", Got: `"ж"`})
	f(with(`"code":"AB\u0043D"`), leadline.Violation{Pointer: "/code", Rule: "maxLength", Expected: "at most 3 characters", Got: `"AB\u0043D"`})
	f(with(`"at":"now"`), leadline.Violation{Pointer: "/at", Rule: "format", Expected: "an RFC 3339 time such as 2026-03-20T19:30:27.123Z", Got: `"now"`})
	f(with(`"kind":"b"`), leadline.Violation{Pointer: "/kind", Rule: "const", Expected: `"a"`, Got: `"b"`})
	f(with(`"tags":[]`), leadline.Violation{Pointer: "/tags", Rule: "minItems", Expected: "at least 1 items", Got: "[]"})
	f(with(`"tags":["a", "b", 3]`),
		leadline.Violation{Pointer: "/tags/2", Rule: "type", Expected: "string", Got: "3"},
		leadline.Violation{Pointer: "/tags", Rule: "maxItems", Expected: "at most 2 items", Got: `["a", "b", 3]`})
	f(with(`"tags":["a","\u0061"]`), leadline.Violation{Pointer: "/tags", Rule: "uniqueItems", Expected: "no two equal items", Got: `["a","\u0061"]`})
	f(with(`"pair":[1,null,2]`), leadline.Violation{Pointer: "/pair/2", Rule: "items", Expected: "at most 2 items", Got: "2"})
	f(with(`"x/y~z":{"deep":1}`), leadline.Violation{Pointer: "/x~1y~0z/deep", Rule: "type", Expected: "string or null", Got: "1"})
	f(with(`"x/y~z":{}`), leadline.Violation{Pointer: "/x~1y~0z", Rule: "minProperties", Expected: "at least 1 fields", Got: "{}"})
	f(with(`"x/y~z":{"a":1,"b":2,"c":3}`), leadline.Violation{Pointer: "/x~1y~0z", Rule: "maxProperties", Expected: "at most 2 fields", Got: `{"a":1,"b":2,"c":3}`})
	f(with(`"never":1`), leadline.Violation{Pointer: "/never", Rule: "false", Expected: "no value here", Got: "1"})
	f(with(`"any":1`), leadline.Violation{Pointer: "/any", Rule: "anyOf", Expected: "at least one of 2 alternatives", Got: "1"})
	f(with(`"one":6`), leadline.Violation{Pointer: "/one", Rule: "oneOf", Expected: "exactly one of 2 alternatives, and more fit", Got: "6"})
	f(with(`"not":"a"`), leadline.Violation{Pointer: "/not", Rule: "not", Expected: "something that the schema excludes", Got: `"a"`})
	f(with(`"cond":"a"`), leadline.Violation{Pointer: "/cond", Rule: "minLength", Expected: "at least 2 characters", Got: `"a"`})
	f(with(`"cond":1`), leadline.Violation{Pointer: "/cond", Rule: "type", Expected: "null", Got: "1"})
	f(with(`"names":{"n":"1","long\u002d":2}`),
		leadline.Violation{Pointer: "/names/n", Rule: "type", Expected: "number", Got: `"1"`},
		leadline.Violation{Pointer: "/names/long-", Rule: "maxLength", Expected: "at most 3 characters", Got: `"long\u002d"`})
	f(`{"plan":"pro","amount":0,"x":"a b`,
		leadline.Violation{Pointer: "/amount", Rule: "minimum", Expected: "at least 1", Got: "0"},
		leadline.Violation{Rule: "json", Expected: "one JSON value", Got: "byte 33: the text ends too early: expected a closing quote"})
	f(`{"plan":"pro","amount":5} x`, leadline.Violation{Rule: "json", Expected: "one JSON value", Got: "byte 26: expected nothing after the value"})
	f(`{"plan":"pro","amount":5,"plan":"pro"}`, leadline.Violation{Rule: "json", Expected: "one JSON value", Got: "byte 25: a field's name stands twice in one object"})
}

func TestViolationsAreBounded(t *testing.T) {
	t.Parallel()
	s := compiled(t, `{"items": {"type": "string"}}`)
	if got := len(violations(s, "["+strings.Repeat("1,", 99)+"1]")); got != maxViolations {
		t.Errorf("got %d", got)
	}
	s = compiled(t, `{"items": {"maxLength": 30}}`)
	got := violations(s, `["`+strings.Repeat("ж", 40)+`"]`)
	want := []leadline.Violation{{Pointer: "/0", Rule: "maxLength", Expected: "at most 30 characters", Got: `"` + strings.Repeat("ж", 30) + "…"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestUniqueItemsNest gives up on an inner array in the middle, whose items must not count for the outer one.
func TestUniqueItemsNest(t *testing.T) {
	t.Parallel()
	s := compiled(t, `{"uniqueItems": true, "items": {"anyOf": [{"uniqueItems": true, "items": {"type": "number"}}, {}]}}`)
	if vs := violations(s, `[[1,"a"],[1,"b"]]`); vs != nil {
		t.Error(vs)
	}
}

// TestCheckNext checks a payload in the middle of the envelope's scan.
func TestCheckNext(t *testing.T) {
	t.Parallel()
	s := compiled(t, `{"properties": {"amount": {"type": "integer"}}, "anyOf": [{"required": ["amount"]}, {"required": ["free"]}]}`)
	f := func(payload string, report bool, want bool, pointers ...string) {
		t.Helper()
		var sc Scanner
		sc.Begin([]byte(`[{"id":"a", "payload" : ` + payload + `, "attempt":2}, "rest"]`))
		var got []string
		tell := func(v leadline.Violation) { got = append(got, v.Pointer) }
		if !report {
			tell = nil
		}
		sc.Array()
		sc.Next()
		for sc.Object(); sc.Key(); {
			if string(sc.Name()) != "payload" {
				sc.Skip()
			} else if ok := s.CheckNext(&sc, tell); ok != want {
				t.Errorf("%s: got %v", payload, ok)
			}
		}
		sc.Next()
		rest, _ := sc.Text()
		if sc.Next() || sc.End() != nil || string(rest) != "rest" {
			t.Errorf("%s: the scan does not go on: %v", payload, sc.Err())
		}
		if diff := cmp.Diff(pointers, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", payload, diff)
		}
	}
	for _, report := range []bool{true, false} {
		f(`{"amount":1}`, report, true)
	}
	f(`{"amount":1.5,"free":{"a":[{}]}}`, true, false, "/amount")
	f(`{"amount":1.5,"free":{"a":[{}]}}`, false, false)
	f(`{"a":{"b":1}}`, true, false, "")
	f(`{"a":{"b":1}}`, false, false)
}

func TestCheckAllocatesNothing(t *testing.T) {
	s := compiled(t, shop)
	event, _, big := benchmark(t)
	f := func(s *Schema, doc string) {
		t.Helper()
		data := []byte(doc)
		if vs := violations(s, doc); vs != nil {
			t.Fatalf("%s: %v", doc, vs)
		}
		report := func(leadline.Violation) {}
		var sc Scanner
		check := func() {
			sc.Begin(data)
			s.CheckNext(&sc, report)
		}
		if n := testing.AllocsPerRun(100, check); n != 0 {
			t.Errorf("%s: %v allocations", doc, n)
		}
	}
	f(big, string(event))
	f(s, `{"plan":["x"],"amount":5,"share":1e-30,"code":"\u0041B","at":"2026-03-20T19:30:27Z","tags":["a","ж\n"],"pair":[{},null],
	"x/y~z":{"deep":null},"any":null,"one":4e0,"not":1,"cond":"ab","charge":1,"provider":2,"names":{"n":1,"\u006e2":2}}`)
	s = compiled(t, `{"additionalProperties": {"oneOf": [{"type": "string", "pattern": "^(pro|basic)$", "maxLength": 5}, {"format": "ipv6"}, {"format": "uri"}]}}`)
	f(s, `{"a":"pro"}`)
}

// TestConcurrent is for the race detector: a Schema is shared.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	event, _, s := benchmark(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 200 {
				if !s.Check(event, nil) {
					t.Error("does not fit")
				}
			}
		})
	}
	all.Wait()
}

func TestExamples(t *testing.T) {
	t.Parallel()
	r, err := Load(os.DirFS("../examples/schemas"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"lead.qualified", "lead.started", "purchase.completed", "signup.completed"}, r.Types()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	major, ok := r.Latest("lead.qualified")
	s, found := r.Lookup("lead.qualified", major)
	if !ok || major != 2 || !found || !s.Check([]byte(`{"plan":"pro","amount":4900,"currency":"EUR"}`), nil) {
		t.Errorf("lead.qualified: %d, %v, %v", major, ok, found)
	}
	if _, ok := r.Lookup("lead.qualified", 3); ok {
		t.Error("there is no lead.qualified/3")
	}
	if _, ok := r.Latest("lead.lost"); ok {
		t.Error("there is no lead.lost")
	}
}
