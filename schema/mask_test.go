package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
)

func token(to, value []byte) []byte {
	return append(append(append(to, `"<`...), strconv.Itoa(len(value))...), `>"`...)
}

func masked(s *Schema, doc string, strict bool) string {
	var m Masker
	m.Begin([]byte(doc))
	m.Look(s, strict)
	return string(m.Append(nil, token))
}

func TestMask(t *testing.T) {
	t.Parallel()
	s := compiled(t, `{"type":"object","additionalProperties":false,"properties":{
		"plan":{"enum":["free","pro"]},"mixed":{"enum":[[1],2]},
		"email":{"type":"string","format":"email","x-pii":true},
		"contact":{"type":"object","properties":{"phone":{"$ref":"#/$defs/phone"},"city":{"type":"string"}}},
		"people":{"type":"array","items":{"type":"object","properties":{"name":{"x-pii":true},"age":{"type":"integer"}}}},
		"pair":{"prefixItems":[{"x-pii":true},{"type":"integer"}]},
		"either":{"anyOf":[{"type":"integer"},{"type":"object","required":["q"],"properties":{"n":{"x-pii":true}}}]},
		"both":{"allOf":[{"properties":{"a":{"x-pii":true}}},{"properties":{"b":{"type":"integer"}}}]},
		"map":{"type":"object","patternProperties":{"^u_":{"x-pii":true}},"additionalProperties":{"type":"string"}},
		"address":{"x-pii":true}
	},"$defs":{"phone":{"type":["string","integer"],"x-pii":true,"minLength":3}}}`)
	if !s.Private() {
		t.Fatal("not private")
	}
	f := func(strict bool, doc, want string) {
		t.Helper()
		if got := masked(s, doc, strict); got != want {
			t.Errorf("strict %v: %s\n got %s\nwant %s", strict, doc, got, want)
		}
	}
	both := func(doc, want string) {
		t.Helper()
		f(false, doc, want)
		f(true, doc, want)
	}
	both(`{"plan":"pro"}`, `{"plan":"pro"}`)
	both(`{"plan":"pro", "email": "ada@example.org" }`, `{"plan":"pro", "email": "<15>" }`)
	both(`{"email":"\u0061"}`, `{"email":"<1>"}`)
	both(`{"email":null,"address":{"street":"x"}}`, `{"email":null,"address":"***"}`)
	both(`{"address":[1,2],"plan":"pro"}`, `{"address":"***","plan":"pro"}`)
	both(`{"address":true}`, `{"address":"***"}`)
	both(`{"contact":{"phone":4917012345,"city":"Berlin"}}`, `{"contact":{"phone":"<10>","city":"Berlin"}}`)
	both(`{"people":[{"name":"Ada","age":5},{"age":6,"name":["Ada"]}]}`, `{"people":[{"name":"<3>","age":5},{"age":6,"name":"***"}]}`)
	both(`{"pair":["Ada",5]}`, `{"pair":["<3>",5]}`)
	both(`{"both":{"a":1,"b":2}}`, `{"both":{"a":"<1>","b":2}}`)
	both(`{"map":{"u_1":"x","v":"y"}}`, `{"map":{"u_1":"<1>","v":"y"}}`)
	// An alternative that does not fit hides all the same.
	f(false, `{"either":{"n":"Ada"}}`, `{"either":{"n":"<3>"}}`)
	f(true, `{"either":{"n":"Ada"}}`, `{"either":"***"}`)

	// What the schema did not expect: in a document that broke it nobody can say what it is.
	f(false, `{"emial":"ada@example.org"}`, `{"emial":"ada@example.org"}`)
	f(true, `{"emial":"ada@example.org","plan":"pro"}`, `{"emial":"<15>","plan":"pro"}`)
	f(true, `{"858012761":1}`, `{"<9>":"<1>"}`)
	f(true, `{"contact":"+49 170 12345"}`, `{"contact":"<13>"}`)
	f(true, `{"contact":{"fax":"1"}}`, `{"contact":{"fax":"<1>"}}`)
	f(true, `{"plan":{"chat":1}}`, `{"plan":"***"}`)
	f(true, `{"mixed":[1,2]}`, `{"mixed":[1,2]}`)
	f(true, `{"plan":"gold"}`, `{"plan":"gold"}`)
}

func TestMaskHidesWhatCallerKnows(t *testing.T) {
	t.Parallel()
	doc := `{"a":{"b":858012761},"c":"x"}`
	var m Masker
	m.Begin([]byte(doc))
	if m.Masked() {
		t.Error("nothing was marked")
	}
	m.Hide(strings.Index(doc, "858"), strings.Index(doc, "}"))
	m.Look(compiled(t, `{"properties":{"a":{"x-pii":true}}}`), false)
	if got := string(m.Append(nil, token)); got != `{"a":"***","c":"x"}` {
		t.Error(got)
	}
}

// Violations tell neither personal values nor what is inside them.
func TestViolationsKeepSecrets(t *testing.T) {
	t.Parallel()
	s := compiled(t, `{"type":"object","additionalProperties":false,"minProperties":1,"properties":{
		"email":{"type":"string","format":"email","minLength":50,"x-pii":true},
		"who":{"type":"object","x-pii":true,"required":["id"],"properties":{"id":{"type":"integer"},"tags":{"uniqueItems":true}},"propertyNames":{"maxLength":4}},
		"list":{"maxItems":1,"items":{"properties":{"n":{"x-pii":true}}}},
		"not":{"not":{"type":"object"},"properties":{"n":{"x-pii":true}}},
		"open":{"maximum":5}}}`)
	for doc, want := range map[string]string{
		`{"email":"SECRET"}`:                          "/email minLength:,/email format:",
		`{"email":["SECRET"]}`:                        "/email type:",
		`{"who":{"id":"SECRET"}}`:                     "/who type:",
		`{"who":{"SECRET":1}}`:                        "/who maxLength:,/who/id required:",
		`{"who":{"id":1,"tags":["SECRET","SECRET"]}}`: "/who uniqueItems:",
		`{"list":[{"n":"SECRET"},{"n":1}]}`:           "/list maxItems:",
		`{"list":[{"n":1},2]}`:                        "/list maxItems:",
		`{"not":{"n":"SECRET"}}`:                      "/not not:",
		`{"unknown":"SECRET"}`:                        "/unknown additionalProperties:",
		`{"49170123456":"SECRET"}`:                    "/… additionalProperties:",
		`{"a@b":"SECRET"}`:                            "/… additionalProperties:",
		`{"open":7}`:                                  "/open maximum:7",
	} {
		var got []string
		for _, v := range violations(s, doc) {
			if strings.Contains(fmt.Sprint(v), "SECRET") {
				t.Errorf("%s: %+v", doc, v)
			}
			got = append(got, v.Pointer+" "+v.Rule+":"+v.Got)
		}
		if g := strings.Join(got, ","); g != want {
			t.Errorf("%s:\n got %s\nwant %s", doc, g, want)
		}
	}
}

func TestPrivateKeyword(t *testing.T) {
	t.Parallel()
	f := func(text, want string) {
		t.Helper()
		if _, err := Compile("s.json", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v", text, err)
		}
	}
	f(`{"x-pii":true}`, "x-pii of the whole payload")
	f(`{"anyOf":[{"x-pii":true},true]}`, "x-pii of the whole payload")
	f(`{"$ref":"#/$defs/a","$defs":{"a":{"x-pii":true}}}`, "x-pii of the whole payload")
	f(`{"properties":{"a":{"x-pii":1}}}`, "x-pii cannot be a number")
	f(`{"properties":{"a":{"not":{"properties":{"b":{"x-pii":true}}}}}}`, "x-pii does nothing under not")
	f(`{"propertyNames":{"x-pii":true}}`, "x-pii does nothing under not")
	r, err := Load(fstest.MapFS{"a.b/1.json": {Data: []byte(`{"properties":{"a":{"x-pii":false}}}`)}})
	if err != nil || r.HasPrivate() {
		t.Error(err, "x-pii: false marks nothing")
	}
	r, err = Load(fstest.MapFS{"a.b/1.json": {Data: []byte(`true`)}, "a.b/2.json": {Data: []byte(`{"properties":{"a":{"x-pii":true}}}`)}})
	if err != nil || !r.HasPrivate() {
		t.Error(err, "x-pii: true marks")
	}
}

// TestMaskRandom compares what is masked with a reading of schema and document by other means.
func TestMaskRandom(t *testing.T) {
	t.Parallel()
	g := &generator{rand.New(rand.NewPCG(7, 7)), 15}
	hidden := 0
	for range 8_000 {
		raw := g.schema(3)
		text := encode(raw)
		s, err := Compile("s.json", []byte(text))
		if err != nil {
			if strings.Contains(err.Error(), "x-pii") {
				continue
			}
			t.Fatal(text, err)
		}
		var root any
		if err := json.Unmarshal([]byte(text), &root); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			doc := encode(g.fit(raw, raw, 4))
			want := hide([]any{root}, root, decoded(doc))
			if got := masked(s, doc, false); !reflect.DeepEqual(decoded(got), want) {
				t.Fatalf("schema %s\ndocument %s\ngot %s\nwant %v", text, doc, got, want)
			}
			if masked(s, doc, false) != doc {
				hidden++
			}
			if got := masked(s, doc, true); !json.Valid([]byte(got)) {
				t.Fatalf("schema %s\ndocument %s\nstrict %s", text, doc, got)
			}
		}
	}
	if hidden < 800 {
		t.Errorf("only %d documents had something to hide", hidden)
	}
}

func decoded(doc string) (v any) {
	d := json.NewDecoder(strings.NewReader(doc))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		panic(err)
	}
	return v
}

// hide masks a decoded document by the decoded schemas that look at it.
func hide(schemas []any, root, v any) any {
	for i := 0; i < len(schemas); i++ {
		s, _ := schemas[i].(map[string]any)
		if ref, ok := s["$ref"].(string); ok {
			name := "one"
			if strings.Contains(ref, "x~1y") {
				name = "x/y"
			}
			schemas = append(schemas, root.(map[string]any)["$defs"].(map[string]any)[name])
		}
		for _, k := range []string{"allOf", "anyOf", "oneOf"} {
			list, _ := s[k].([]any)
			schemas = append(schemas, list...)
		}
		for _, k := range []string{"if", "then", "else"} {
			if s[k] != nil {
				schemas = append(schemas, s[k])
			}
		}
	}
	if slices.ContainsFunc(schemas, func(s any) bool { m, _ := s.(map[string]any); return m["x-pii"] == true }) {
		switch x := v.(type) {
		case nil:
			return nil
		case string:
			return decoded(string(token(nil, []byte(x))))
		case json.Number:
			return decoded(string(token(nil, []byte(x))))
		}
		return "***"
	}
	switch x := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for name, value := range x {
			out[name] = hide(under(schemas, name), root, value)
		}
		return out
	case []any:
		out := []any{}
		for i, value := range x {
			var below []any
			for _, s := range schemas {
				m, _ := s.(map[string]any)
				if prefix, _ := m["prefixItems"].([]any); i < len(prefix) {
					below = append(below, prefix[i])
				} else {
					below = append(below, m["items"])
				}
			}
			out = append(out, hide(below, root, value))
		}
		return out
	}
	return v
}

// under are the schemas that look at a field.
func under(schemas []any, name string) (out []any) {
	for _, s := range schemas {
		m, _ := s.(map[string]any)
		known := false
		if props, _ := m["properties"].(map[string]any); props[name] != nil {
			out, known = append(out, props[name]), true
		}
		patterns, _ := m["patternProperties"].(map[string]any)
		for p, x := range patterns {
			if regexp.MustCompile(p).MatchString(name) {
				out, known = append(out, x), true
			}
		}
		if !known {
			out = append(out, m["additionalProperties"])
		}
	}
	return out
}
