package schema

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"regexp/syntax"
	"slices"
	"strings"
)

// generator makes schemas and documents from small stocks, so that they meet often.
type generator struct {
	*rand.Rand
	pii int // percent of the values that are personal data
}

var (
	stockNames   = []string{"a", "b", "plan", "amount", "utm_source", "ключ", "x/y", "~", "", "quote\"d"}
	stockNumbers = []string{
		"0", "-0", "1", "-1", "1.0", "2", "3", "10", "1e1", "0.5", "0.1", "0.3", "1.5", "99.99", "-2.5", "1e-3", "100", "1E+2",
		"9007199254740993", "9007199254740992.0", "12345678901234567890123", "1.2345678901234567890123e22", "1e308", "-1e-308",
	}
	stockTexts = []string{
		"", "a", "b", "pro", "basic", "EUR", "евро", "😀😀", "line\nbreak", "\u0000", "a\"b\\c/d", "2026-03-20", "2026-02-29",
		"2026-03-20T19:30:27Z", "2026-03-20t19:30:27.5+01:00", "2026-03-20T24:00:00Z", "1998-12-31T23:59:60Z", "203.0.113.9", "01.2.3.4",
		"2001:db8::1", "::ffff:1.2.3.4", "fe80::1%eth0", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736", "4BF92F35-77b3-4da6-a3ce-929d0e0e473",
		"ada@example.org", "ada@", "https://example.org/a?b#c", "no scheme", "spring-sale_7", "0x1f",
	}
	stockPatterns = []string{
		`^[a-z]+$`, `^[A-Z]{3}$`, `^[a-z0-9_-]{1,9}$`, `^pro`, `o`, `^$`, `^(pro|basic)$`, `^[^a]*$`, `\d{4}-\d{2}`, `^.$`, `^\p{Cyrillic}+$`,
		`^[a-z]*[0-9]?$`, `^a?b?c?$`, `^[a-z]*z$`, `^(?i)eur$`, `^0x[0-9a-f]+$`, `^utm_`, `^x/`, `^[0-9a-f]{8}-[0-9a-f]{4}-`, `^\x00$`,
	}
)

func pick[T any](g *generator, list []T) T { return list[g.IntN(len(list))] }

func (g *generator) chance(percent int) bool { return g.IntN(100) < percent }

func (g *generator) number() json.Number { return json.Number(pick(g, stockNumbers)) }

// schema is one that is understood, as decoded JSON.
func (g *generator) schema(depth int) any {
	s := g.keywords(depth)
	if m, ok := s.(map[string]any); ok && g.chance(30) {
		m["$defs"] = map[string]any{"one": g.keywords(depth - 1), "x/y": g.keywords(0)}
		ref := map[string]any{"$ref": pick(g, []string{"#/$defs/one", "#/$defs/x~1y", "#/%24defs/one"})}
		if g.chance(50) {
			m["properties"] = map[string]any{pick(g, stockNames): ref, "a": g.keywords(0)}
		} else {
			m["$ref"] = ref["$ref"]
		}
	}
	return s
}

func (g *generator) keywords(depth int) any {
	if g.chance(4) {
		return g.chance(70)
	}
	s := map[string]any{}
	kind := pick(g, []string{"string", "number", "integer", "object", "object", "array", "boolean", "null"})
	if depth <= 0 && (kind == "object" || kind == "array") {
		kind = "string"
	}
	switch g.IntN(6) {
	case 0:
	case 1:
		s["type"] = slices.Compact([]string{kind, "null"})
	default:
		s["type"] = kind
	}
	switch kind {
	case "string":
		g.texts(s)
	case "number", "integer":
		g.numbers(s)
	case "object":
		g.object(s, depth)
	case "array":
		g.array(s, depth)
	}
	if g.chance(8) {
		s["enum"] = []any{g.any(1), g.any(1), pick(g, stockTexts), g.number()}
	}
	if g.chance(4) {
		s["const"] = g.any(1)
	}
	if depth > 0 {
		g.branches(s, depth)
	}
	if depth < 3 && g.pii > 0 && g.chance(g.pii) {
		s["x-pii"] = g.chance(80)
	}
	return s
}

func (g *generator) texts(s map[string]any) {
	if g.chance(25) {
		s["minLength"] = g.IntN(4)
	}
	if g.chance(25) {
		s["maxLength"] = json.Number(pick(g, []string{"1", "3", "4.0", "36", "5e1"}))
	}
	if g.chance(30) {
		s["pattern"] = pick(g, stockPatterns)
	}
	if g.chance(25) {
		s["format"] = pick(g, formats).name
	}
}

func (g *generator) numbers(s map[string]any) {
	for _, k := range []string{"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"} {
		if g.chance(20) {
			s[k] = g.number()
		}
	}
	if g.chance(25) {
		s["multipleOf"] = json.Number(pick(g, []string{"1", "2", "0.5", "0.01", "3", "1e2", "0.1", "7e-3", "1.0"}))
	}
}

func (g *generator) object(s map[string]any, depth int) {
	props := map[string]any{}
	for range g.IntN(4) {
		props[pick(g, stockNames)] = g.keywords(depth - 1)
	}
	s["properties"] = props
	if g.chance(40) {
		s["required"] = g.names(2)
	}
	switch g.IntN(4) {
	case 0:
		s["additionalProperties"] = false
	case 1:
		s["additionalProperties"] = g.keywords(depth - 1)
	}
	if g.chance(12) {
		s["patternProperties"] = map[string]any{pick(g, stockPatterns): g.keywords(depth - 1), `^a`: g.keywords(0)}
	}
	if g.chance(8) {
		s["propertyNames"] = map[string]any{"maxLength": 4 + g.IntN(5)}
	}
	if g.chance(10) {
		s["dependentRequired"] = map[string]any{pick(g, stockNames): g.names(2), "a": []string{"b"}}
	}
	if g.chance(12) {
		s["minProperties"] = g.IntN(3)
	}
	if g.chance(12) {
		s["maxProperties"] = 1 + g.IntN(4)
	}
}

func (g *generator) names(most int) []string {
	out := []string{}
	for range g.IntN(most + 1) {
		if n := pick(g, stockNames); !slices.Contains(out, n) {
			out = append(out, n)
		}
	}
	return out
}

func (g *generator) array(s map[string]any, depth int) {
	if g.chance(70) {
		s["items"] = g.keywords(depth - 1)
	}
	if g.chance(20) {
		s["prefixItems"] = []any{g.keywords(depth - 1), g.keywords(0)}
	}
	if g.chance(20) {
		s["minItems"] = g.IntN(3)
	}
	if g.chance(20) {
		s["maxItems"] = g.IntN(4)
	}
	if g.chance(25) {
		s["uniqueItems"] = g.chance(80)
	}
}

func (g *generator) branches(s map[string]any, depth int) {
	for _, k := range []string{"allOf", "anyOf", "oneOf"} {
		if g.chance(6) {
			s[k] = []any{g.keywords(depth - 1), g.keywords(depth - 1)}
		}
	}
	if g.chance(4) {
		was := g.pii
		g.pii = 0
		s["not"] = g.keywords(depth - 1)
		g.pii = was
	}
	if g.chance(5) {
		s["if"] = g.keywords(depth - 1)
		s["then"] = g.keywords(depth - 1)
		if g.chance(50) {
			s["else"] = g.keywords(depth - 1)
		}
	}
}

// any is a document of no schema.
func (g *generator) any(depth int) any {
	switch g.IntN(7) {
	case 0:
		return nil
	case 1:
		return g.chance(50)
	case 2, 3:
		return g.number()
	case 4:
		if depth > 0 {
			out := []any{}
			for range g.IntN(4) {
				out = append(out, g.any(depth-1))
			}
			return out
		}
	case 5:
		if depth > 0 {
			out := map[string]any{}
			for range g.IntN(4) {
				out[pick(g, stockNames)] = g.any(depth - 1)
			}
			return out
		}
	}
	return g.text()
}

func (g *generator) text() string {
	s := pick(g, stockTexts)
	if g.chance(10) && s != "" {
		b := []byte(s)
		b[g.IntN(len(b))] = "0159afz:Z "[g.IntN(10)]
		s = strings.ToValidUTF8(string(b), "?")
	}
	return s
}

// fit is a document that tries to fit a schema, but not too hard.
func (g *generator) fit(schema, root any, depth int) any {
	s, ok := schema.(map[string]any)
	if !ok || depth == 0 || g.chance(5) {
		return g.any(min(depth, 2))
	}
	if c, ok := s["const"]; ok && g.chance(80) {
		return c
	}
	if list, ok := s["enum"].([]any); ok && g.chance(80) {
		return pick(g, list)
	}
	if ref, ok := s["$ref"].(string); ok && g.chance(70) {
		name := "one"
		if strings.Contains(ref, "x~1y") {
			name = "x/y"
		}
		return g.fit(root.(map[string]any)["$defs"].(map[string]any)[name], root, depth-1)
	}
	for _, k := range []string{"anyOf", "oneOf", "allOf"} {
		if list, ok := s[k].([]any); ok && g.chance(50) {
			return g.fit(pick(g, list), root, depth-1)
		}
	}
	switch g.kind(s) {
	case "string":
		if p, ok := s["pattern"].(string); ok && g.chance(50) {
			return g.matching(p)
		}
		return g.text()
	case "number":
		return g.number()
	case "integer":
		return json.Number(pick(g, []string{"0", "1", "2", "3", "10", "1e2", "4.0", "-5", "100"}))
	case "boolean":
		return g.chance(50)
	case "null":
		return nil
	case "array":
		return g.fitArray(s, root, depth)
	}
	return g.fitObject(s, root, depth)
}

func (g *generator) kind(s map[string]any) string {
	switch t := s["type"].(type) {
	case string:
		return t
	case []string:
		return pick(g, t)
	}
	for _, k := range []string{"pattern", "format", "minLength", "maxLength"} {
		if s[k] != nil {
			return "string"
		}
	}
	if s["minimum"] != nil || s["multipleOf"] != nil {
		return "number"
	}
	if s["items"] != nil || s["uniqueItems"] != nil {
		return "array"
	}
	return pick(g, []string{"object", "object", "string", "number"})
}

func (g *generator) fitArray(s map[string]any, root any, depth int) any {
	out := []any{}
	prefix, _ := s["prefixItems"].([]any)
	for i := range g.IntN(5) {
		item := s["items"]
		if i < len(prefix) {
			item = prefix[i]
		}
		out = append(out, g.fit(item, root, depth-1))
	}
	if len(out) > 1 && g.chance(10) {
		out[0] = out[len(out)-1]
	}
	return out
}

func (g *generator) fitObject(s map[string]any, root any, depth int) any {
	out := map[string]any{}
	props, _ := s["properties"].(map[string]any)
	for _, name := range stockNames { // in a fixed order: the run must be the same every time
		if p, ok := props[name]; ok && g.chance(75) {
			out[name] = g.fit(p, root, depth-1)
		}
	}
	if required, ok := s["required"].([]string); ok {
		for _, name := range required {
			if _, there := out[name]; !there && g.chance(90) {
				out[name] = g.fit(props[name], root, depth-1)
			}
		}
	}
	if s["additionalProperties"] != false && g.chance(25) || g.chance(5) {
		name := pick(g, stockNames)
		if _, there := out[name]; !there {
			out[name] = g.fit(s["additionalProperties"], root, depth-1)
		}
	}
	return out
}

// matching is a text that a regular expression probably matches.
func (g *generator) matching(expr string) string {
	tree, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		panic(fmt.Sprintf("BUG: %v", err))
	}
	var b strings.Builder
	g.write(&b, tree)
	return b.String()
}

func (g *generator) write(b *strings.Builder, re *syntax.Regexp) {
	repeat := func(low, high int) {
		for range low + g.IntN(max(high-low, 0)+1) {
			g.write(b, re.Sub[0])
		}
	}
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		i := g.IntN(len(re.Rune)/2) * 2
		b.WriteRune(re.Rune[i] + rune(g.IntN(int(min(re.Rune[i+1]-re.Rune[i], 50))+1)))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpConcat, syntax.OpCapture:
		for _, sub := range re.Sub {
			g.write(b, sub)
		}
	case syntax.OpAlternate:
		g.write(b, pick(g, re.Sub))
	case syntax.OpStar:
		repeat(0, 3)
	case syntax.OpPlus:
		repeat(1, 4)
	case syntax.OpQuest:
		repeat(0, 1)
	case syntax.OpRepeat:
		repeat(re.Min, max(re.Min, re.Max))
	default: // it has no width
	}
}
