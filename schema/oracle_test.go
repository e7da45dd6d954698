package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"leadline"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// oracle compiles a schema with an independent implementation. uri and email are ours there too: it takes them less
// strictly than their RFCs; TestSuite judges them.
func oracle(schema string) (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(schema))
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	for _, name := range []string{"uri", "email"} {
		f := formatNamed(name)
		c.RegisterFormat(&jsonschema.Format{Name: name, Validate: func(v any) error {
			if s, ok := v.(string); ok && !f.ok([]byte(s)) {
				return errors.New("no")
			}
			return nil
		}})
	}
	if err := c.AddResource("mem:///schema.json", doc); err != nil {
		return nil, err
	}
	return c.Compile("mem:///schema.json")
}

// TestOracle compares verdicts with the oracle's on random schemas and documents that are made to fit half of the time.
// One worker's schemas mark personal data, which changes no verdict: to the oracle x-pii is unknown.
func TestOracle(t *testing.T) {
	t.Parallel()
	const workers, schemas, documents = 2, 3000, 20
	for w := range workers {
		t.Run(strconv.Itoa(w), func(t *testing.T) {
			t.Parallel()
			g := &generator{rand.New(rand.NewPCG(uint64(w), 2020)), 15 * w}
			valid, total, marked, used := 0, 0, 0, map[string]int{}
			for range schemas {
				raw := g.schema(3)
				text := encode(raw)
				s, err := Compile("s.json", []byte(text))
				if err != nil && strings.Contains(err.Error(), "x-pii of the whole payload") {
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				if s.Private() {
					marked++
				}
				o, err := oracle(text)
				if err != nil {
					t.Fatalf("%s: %v", text, err)
				}
				for range documents {
					doc := encode(g.fit(raw, raw, 4))
					total++
					if agree(t, s, o, text, doc, used) {
						valid++
					}
				}
			}
			if private := w == 1; private != (marked > schemas/10) {
				t.Errorf("%d schemas mark personal data", marked)
			}
			t.Logf("%d of %d documents fit; rules broken: %v", valid, total, used)
			if valid < total/5 || valid > total*4/5 {
				t.Errorf("%d of %d documents fit: the comparison is one-sided", valid, total)
			}
			for k, g := range keywords {
				rule := g >= groupAny && g < groupBranch || k == "anyOf" || k == "oneOf" || k == "not"
				if rule && used[k] == 0 && k != "properties" && k != "prefixItems" && k != "patternProperties" && k != "propertyNames" {
					t.Errorf("no document broke %s", k)
				}
			}
		})
	}
}

// agree compares the verdicts on one document, and what is said with a report and without.
func agree(t *testing.T, s *Schema, o *jsonschema.Schema, schema, doc string, used map[string]int) bool {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(doc))
	if err != nil {
		t.Fatalf("%s: %v", doc, err)
	}
	want := o.Validate(v) == nil
	var vs []leadline.Violation
	got := s.Check([]byte(doc), func(v leadline.Violation) {
		vs = append(vs, v)
		used[v.Rule]++
	})
	padded := doc + strings.Repeat(" ", maxHabit) // at the end of a text nothing is guessed
	if got != want || (len(vs) == 0) != want || s.Check([]byte(doc), nil) != want || s.Check([]byte(padded), nil) != want {
		t.Fatalf("schema %s\ndocument %s\ngot %v, the oracle says %v: %v; violations %v", schema, doc, got, want, o.Validate(v), vs)
	}
	for _, v := range vs {
		if len(v.Got) > maxGot || v.Rule != "required" && v.Rule != "dependentRequired" && !strings.Contains(v.Pointer, "…") && !found(doc, v.Pointer) {
			t.Fatalf("schema %s\ndocument %s\nviolation %+v", schema, doc, v)
		}
	}
	return want
}

// found resolves a JSON Pointer by other means than the package's.
func found(doc, pointer string) bool {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return false
	}
	if pointer == "" {
		return true
	}
	for _, token := range strings.Split(pointer, "/")[1:] {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		switch x := v.(type) {
		case map[string]any:
			var ok bool
			if v, ok = x[token]; !ok {
				return false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i >= len(x) {
				return false
			}
			v = x[i]
		default:
			return false
		}
	}
	return true
}

// FuzzCheck compares with the oracle on texts of any kind.
func FuzzCheck(f *testing.F) {
	g := &generator{rand.New(rand.NewPCG(1, 1)), 15}
	for range 200 {
		s := g.schema(3)
		f.Add(encode(s), encode(g.fit(s, s, 4)))
	}
	f.Add(`{"multipleOf":0.1,"minimum":-1e2}`, `0.30000000000000000000000000000001`)
	f.Add(`{"uniqueItems":true}`, `[1,1.0,{"a":1,"b":[]},{"b":[],"a":1.0}]`)
	// A big.Rat of a huge exponent takes the oracle gigabytes; it reads signs where RFC 3339 and RFC 2673 have digits.
	slow := regexp.MustCompile(`[eE][+-]?0*\d{4}|[+-]\d?[:.]|[:.T][+-]`)
	f.Fuzz(func(t *testing.T, schema, doc string) {
		if slow.MatchString(schema) || slow.MatchString(doc) || len(schema)+len(doc) > 1<<14 {
			return
		}
		s, err := Compile("s.json", []byte(schema))
		if err != nil {
			return
		}
		o, err := oracle(schema)
		if err != nil {
			t.Fatalf("%s: accepted, but %v", schema, err)
		}
		var sc Scanner
		sc.Begin([]byte(doc))
		if sc.skip(); sc.End() != nil {
			if s.Check([]byte(doc), nil) {
				t.Fatalf("%q: fits and is not JSON", doc)
			}
			return
		}
		agree(t, s, o, schema, doc, map[string]int{})
	})
}

func encode(v any) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(fmt.Sprintf("BUG: %v", err))
	}
	return strings.TrimSuffix(b.String(), "\n")
}
