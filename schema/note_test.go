package schema

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"leadline"
)

// recalled masks a document with what its check noted. It stands in the middle of a text, as a payload does.
func recalled(sc *Scanner, m *Masker, s *Schema, doc string, report func(leadline.Violation), hide []stretch) (out string, fits bool) {
	sc.Begin([]byte(` { "before":[1], "doc": ` + doc + ` ,"after":{}}`))
	for sc.Object(); sc.Key(); {
		if string(sc.Name()) == "doc" {
			fits = s.CheckNext(sc, report)
		} else {
			sc.Skip()
		}
	}
	m.Begin([]byte(doc))
	for _, h := range hide {
		m.Hide(h.from, h.to)
	}
	m.Recall(s, sc)
	return string(m.Append(nil, token)), fits && sc.End() == nil
}

func TestRecall(t *testing.T) {
	t.Parallel()
	var sc Scanner
	var m Masker
	f := func(noted bool, schema, doc, want string) {
		t.Helper()
		s := compiled(t, schema)
		got, fits := recalled(&sc, &m, s, doc, nil, nil)
		if got != want || got != masked(s, doc, false) || !fits || (sc.notes.by == s) != noted {
			t.Errorf("%s\nfits %v, noted %v\n got %s\nwant %s", doc, fits, sc.notes.by == s, got, want)
		}
	}
	const defs = `"$defs":{"p":{"x-pii":true},"o":{"properties":{"a":{"x-pii":true}}}}`
	f(true, `{"properties":{"a":{"type":"string"}}}`, `{"a":"x"}`, `{"a":"x"}`)
	f(true, `{"properties":{"a":{"x-pii":true}}}`, `{"b":"x"}`, `{"b":"x"}`)
	f(true, `{"properties":{"a":{"x-pii":true}}}`, `{"\u0061" : "x" ,"b":1}`, `{"\u0061" : "<1>" ,"b":1}`)
	f(true, `{"properties":{"a":{"items":{"x-pii":true}}}}`, `{"a":[1, null ,[2],"\u0061"]}`, `{"a":["<1>", null ,"***","<1>"]}`)
	f(true, `{"additionalProperties":{"x-pii":true},"required":["a"]}`, `{"a":1}`, `{"a":"<1>"}`)
	f(true, `{"patternProperties":{"^a":{"x-pii":true},"b":{"type":"integer"}}}`, `{"ab":1,"b":2}`, `{"ab":"<1>","b":2}`)
	f(true, `{"properties":{"a":{"$ref":"#/$defs/p"},"b":{"$ref":"#/$defs/o","minProperties":1}},`+defs+`}`, `{"b":{"a":1},"a":2}`, `{"b":{"a":"<1>"},"a":"<1>"}`)
	f(true, `{"allOf":[{"$ref":"#/$defs/o"},{"properties":{"a":true,"b":{"x-pii":true}}}],`+defs+`}`, `{"b":1,"a":2}`, `{"b":"<1>","a":"<1>"}`)
	// A part of what is personal as a whole, whichever is read first.
	f(true, `{"properties":{"a":{"x-pii":true,"properties":{"b":{"x-pii":true}}}}}`, `{"a":{"b":1},"b":2}`, `{"a":"***","b":2}`)
	f(true, `{"properties":{"a":{"properties":{"b":{"x-pii":true}}}},"allOf":[{"properties":{"a":{"x-pii":true}}}]}`, `{"a":{"b":1},"b":2}`, `{"a":"***","b":2}`)
	f(true, `{"properties":{"a":{"x-pii":true}},"allOf":[{"properties":{"a":{"properties":{"b":{"x-pii":true}}}}}]}`, `{"a":{"b":1},"b":2}`, `{"a":"***","b":2}`)
	// Branches that say nothing of it.
	f(true, `{"properties":{"a":{"x-pii":true,"anyOf":[{"type":"integer"},{"minLength":1}]}},"if":{"required":["b"]},"then":{"minProperties":2}}`, `{"a":"x","b":1}`, `{"a":"<1>","b":1}`)
	// Branches that do are looked at, though they did not fit or were not read.
	for _, branch := range []string{
		`"anyOf":[true,{"$ref":"#/$defs/o"}]`, `"anyOf":[{"$ref":"#/$defs/o","type":"null"},true]`, `"oneOf":[{"$ref":"#/$defs/o","minProperties":2},true]`,
		`"if":{"$ref":"#/$defs/o","minProperties":2}`, `"if":true,"then":{"$ref":"#/$defs/o"}`, `"if":true,"else":{"$ref":"#/$defs/o"}`,
		`"allOf":[{"anyOf":[true,{"$ref":"#/$defs/o"}]}]`,
	} {
		f(false, `{`+branch+`,`+defs+`}`, `{"a":1}`, `{"a":"<1>"}`)
	}
	many := strings.Repeat("1,", maxNotes-1)
	f(true, `{"properties":{"a":{"items":{"x-pii":true}}}}`, `{"a":[`+many+`1]}`, `{"a":[`+strings.Repeat(`"<1>",`, maxNotes-1)+`"<1>"]}`)
	f(false, `{"properties":{"a":{"items":{"x-pii":true}}}}`, `{"a":[`+many+`1,1]}`, `{"a":[`+strings.Repeat(`"<1>",`, maxNotes)+`"<1>"]}`)
	f(true, `{"properties":{"a":{"x-pii":true}}}`, `{}`, `{}`) // nothing is left of the one before
}

// What a check found in a document that does not fit is not all there is.
func TestRecallOfWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	var sc Scanner
	var m Masker
	s := compiled(t, `{"properties":{"a":{"x-pii":true},"b":{"type":"integer"},"c":{"x-pii":true}}}`)
	for _, report := range []func(leadline.Violation){nil, func(leadline.Violation) {}} {
		if got, fits := recalled(&sc, &m, s, `{"a":1,"b":"x","c":2}`, report, nil); got != `{"a":"<1>","b":"x","c":"<1>"}` || fits {
			t.Errorf("got %s, fits %v", got, fits)
		}
	}
	recalled(&sc, &m, s, `{"a":1}`, nil, nil)
	other := compiled(t, `{"properties":{"b":{"x-pii":true}}}`)
	m.Begin([]byte(`{"a":1,"b":2}`))
	m.Recall(other, &sc)
	if got := string(m.Append(nil, token)); got != `{"a":1,"b":"<1>"}` {
		t.Errorf("another schema's notes: got %s", got)
	}
}

// TestRecallRandom compares what a check noted with what a look of its own finds.
func TestRecallRandom(t *testing.T) {
	t.Parallel()
	const workers, documents, need = 2, 20, 26_000
	for w := range workers {
		t.Run(fmt.Sprint(w), func(t *testing.T) {
			t.Parallel()
			g := &generator{rand.New(rand.NewPCG(uint64(w), 11)), 40}
			var sc Scanner
			var m Masker
			fit, noted, hidden := 0, 0, 0
			for fit < need {
				raw := g.schema(3)
				text := encode(raw)
				s, err := Compile("s.json", []byte(text))
				if err != nil && !strings.Contains(err.Error(), "x-pii") {
					t.Fatal(text, err)
				}
				if err != nil || !s.Private() {
					continue
				}
				for range documents {
					doc := g.spell(encode(g.fit(raw, raw, 4)))
					hide := g.parts(doc)
					m.Begin([]byte(doc))
					for _, h := range hide {
						m.Hide(h.from, h.to)
					}
					m.Look(s, false)
					want := string(m.Append(nil, token))
					var report func(leadline.Violation)
					if g.chance(50) {
						report = func(leadline.Violation) {}
					}
					got, ok := recalled(&sc, &m, s, doc, report, hide)
					if got != want {
						t.Fatalf("schema %s\ndocument %s\nhide %v\ngot  %s\nwant %s", text, doc, hide, got, want)
					}
					if !ok {
						continue
					}
					fit++
					if sc.notes.by == s {
						noted++
						if len(sc.notes.list) > 0 {
							hidden++
						}
					}
				}
			}
			if noted < fit/2 || noted > fit*49/50 || hidden < fit/10 {
				t.Errorf("of %d documents that fit, %d were noted, %d with something personal: the comparison is one-sided", fit, noted, hidden)
			}
		})
	}
}

// spell writes a document in another way that means the same: with escapes and white space.
func (g *generator) spell(doc string) string {
	var b strings.Builder
	quoted := false
	for i := 0; i < len(doc); i++ {
		c := doc[i]
		switch {
		case c == '\\':
			n := 2
			if doc[i+1] == 'u' {
				n = 6
			}
			b.WriteString(doc[i : i+n])
			i += n - 1
			continue
		case quoted && c > ' ' && c < 0x80 && c != '"' && g.chance(4):
			fmt.Fprintf(&b, `\u%04x`, c)
			continue
		case c == '"':
			quoted = !quoted
		}
		b.WriteByte(c)
		if !quoted && strings.IndexByte(`{}[],:"`, c) >= 0 && g.chance(10) {
			b.WriteString("\n "[g.IntN(2):])
		}
	}
	return b.String()
}

// parts are some of a document's values, seldom any, where perhaps white space behind them belongs to them.
func (g *generator) parts(doc string) (out []stretch) {
	root, err := parse([]byte(doc))
	if err != nil {
		panic(fmt.Sprintf("BUG: %v", err))
	}
	var walk func(v *value)
	walk = func(v *value) {
		if g.chance(3) {
			to := v.at + len(v.raw)
			if g.chance(50) {
				to = len(doc) - len(strings.TrimLeft(doc[to:], " \n"))
			}
			out = append(out, stretch{v.at, to})
		}
		for _, m := range v.fields {
			walk(m.value)
		}
		for _, item := range v.items {
			walk(item)
		}
	}
	walk(root)
	return out
}
