package schema

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func scan(text string) error {
	var sc Scanner
	sc.Begin([]byte(text))
	sc.skip()
	return sc.End()
}

func TestScannerErrors(t *testing.T) {
	t.Parallel()
	f := func(text string, offset int, what string) {
		t.Helper()
		want := &SyntaxError{offset, what}
		if diff := cmp.Diff(error(want), scan(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
	const early = "the text ends too early: "
	f(``, 0, early+"expected a value")
	f(" \n", 2, early+"expected a value")
	f(`nul`, 0, "expected a value")
	f(`nulL`, 0, "expected a value")
	f(`True`, 0, "expected a value")
	f("\x00", 0, "expected a value")
	f("\ufeff{}", 0, "expected a value")
	f(`{} {}`, 3, "expected nothing after the value")
	f("1\x00", 1, "expected nothing after the value")
	f(`{"a":1 "b":2}`, 7, "expected ',' or '}' after a value")
	f(`{"a":1`, 6, early+"expected ',' or '}' after a value")
	f(`{"a":1,}`, 7, "expected a field's name in quotes")
	f(`{,}`, 1, "expected a field's name in quotes")
	f(`{a:1}`, 1, "expected a field's name in quotes")
	f(`{"a" 1}`, 5, "expected ':' after a field's name")
	f(`{"a":}`, 5, "expected a value")
	f(`{"a":1,"b":2,"a":3}`, 13, "a field's name stands twice in one object")
	f(`{"a":{"b":1},"b":{"b":1,"\u0062":1}}`, 24, "a field's name stands twice in one object")
	f(`[1 2]`, 3, "expected ',' or ']' after a value")
	f(`[1,]`, 3, "expected a value after ','")
	f(`[`, 1, early+"expected a value or ']'")
	f(`[1,`, 3, early+"expected a value")
	f(`]`, 0, "expected a value")
	f(`01`, 1, "expected nothing after the value")
	f(`-`, 1, early+"expected a digit")
	f(`+1`, 0, "expected a value")
	f(`.5`, 0, "expected a value")
	f(`1.`, 2, early+"expected a digit after the point")
	f(`1.e3`, 2, "expected a digit after the point")
	f(`1e+`, 3, early+"expected a digit in the exponent")
	f(`"abc`, 4, early+"expected a closing quote")
	f(`"`, 1, early+"expected a closing quote")
	f("\"a\tb\"", 2, "a control character must be escaped in a string")
	f("\"0123456789\x1f\"", 11, "a control character must be escaped in a string")
	f("\"ab\xff\"", 3, "not UTF-8")
	f("\"\xed\xa0\x80\"", 1, "not UTF-8")
	f("\"\xc0\xaf\"", 1, "not UTF-8")
	f("\"\xf4\x90\x80\x80\"", 1, "not UTF-8")
	const escape = "not an escape that JSON knows, or half a surrogate pair"
	f(`"\x41"`, 1, escape)
	f(`"\u00g0"`, 1, escape)
	f(`"\ud83d"`, 1, escape)
	f(`"\ud83d\u0041"`, 1, escape)
	f(`"\ude00\ud83d"`, 1, escape)
	f(`"\`, 1, escape)
	f(`'a'`, 0, "expected a value")
	f(`/**/1`, 0, "expected a value")
	f(strings.Repeat("[", 65), 64, "more than 64 levels")

	var fields strings.Builder
	for i := range MaxFields + 1 {
		fmt.Fprintf(&fields, `,"%d":0`, i)
	}
	if err := scan("{" + fields.String()[1:] + "}"); err == nil || !strings.Contains(err.Error(), "more than 1024 fields") {
		t.Errorf("got %v", err)
	}
	if err := scan("{" + fields.String()[1:strings.LastIndexByte(fields.String(), ',')] + "}"); err != nil {
		t.Error(err)
	}
	for i := 1; i < 200; i++ { // however many names stand between
		text := fields.String()[1:strings.Index(fields.String(), fmt.Sprintf(`,"%d"`, i))]
		if err := scan("{" + text + "}"); err != nil {
			t.Error(err)
		}
		if err := scan("{" + text + `,"0":0}`); err == nil || !strings.Contains(err.Error(), twice) {
			t.Errorf("%d names between: got %v", i, err)
		}
	}
	if err := scan(strings.Repeat("[", 64) + strings.Repeat("]", 64)); err != nil {
		t.Error(err)
	}
}

func TestSyntaxErrorSaysWhere(t *testing.T) {
	t.Parallel()
	const want = "byte 7: expected ',' or '}' after a value"
	if got := scan(`{"a":1 "b":2}`).Error(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestScannerReads(t *testing.T) {
	t.Parallel()
	var sc Scanner
	for range 2 { // the second time with what the first one left
		sc.Begin([]byte(` { "id" : "a\u00e9\ud83d\ude00\n\"\\\/" , "n":-12.50e1,"yes":true,"no":false,"nil":null,"list":[1,[],{}],"raw": {"x": [1, 2]} } `))
		got := map[string]any{}
		for sc.Object(); sc.Key(); {
			name := string(sc.Name())
			switch sc.Kind() {
			case KindString:
				v, _ := sc.Text()
				got[name] = string(v)
			case KindNumber:
				v, _ := sc.Number()
				got[name] = v.Float64()
			case KindBool:
				got[name], _ = sc.Bool()
			case KindNull:
				got[name] = sc.Null()
			case KindArray:
				n := 0
				for sc.Array(); sc.Next(); n++ {
					sc.Skip()
				}
				got[name] = n
			default:
				raw, _ := sc.Skip()
				got[name] = string(raw)
			}
		}
		if err := sc.End(); err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"id": "aé😀\n\"\\/", "n": -125.0, "yes": true, "no": false, "nil": true, "list": 3, "raw": `{"x": [1, 2]}`}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

// Every byte, at every place of a string of a few words' length.
func TestScannerBytes(t *testing.T) {
	t.Parallel()
	for n := range 20 {
		for at := range n {
			for c := range 256 {
				inside := []byte(strings.Repeat("a", n))
				inside[at] = byte(c)
				text := `{"` + string(inside) + `":"` + string(inside) + `","":"cdefghij"}`
				if got, want := scan(text), json.Valid([]byte(text)) && utf8.ValidString(text); (got == nil) != want {
					t.Fatalf("%q: got %v, want %v", text, got, want)
				}
			}
		}
	}
}

func TestScannerExpects(t *testing.T) {
	t.Parallel()
	f := func(want string, read func(*Scanner) bool) {
		t.Helper()
		var sc Scanner
		sc.Begin([]byte(` [`))
		ok := read(&sc)
		again := read(&sc)
		if err := sc.End(); ok || again || err == nil || err.Error() != "byte 1: "+want {
			t.Errorf("got %v, %v, want %s", ok, err, want)
		}
	}
	f("expected an object", (*Scanner).Object)
	f("expected a string", func(sc *Scanner) bool { _, ok := sc.Text(); return ok })
	f("expected a number", func(sc *Scanner) bool { _, ok := sc.Number(); return ok })
	f("expected true or false", func(sc *Scanner) bool { _, ok := sc.Bool(); return ok })
	f("expected null", (*Scanner).Null)
}

var surrogate = regexp.MustCompile(`\\u[dD][89a-fA-F]`)

// FuzzScanner compares with encoding/json: what one accepts the other does, but for I-JSON's limits and ours, each of
// which is verified by other means; and both read the same.
func FuzzScanner(f *testing.F) {
	for _, s := range []string{
		`{}`, ` [1, 2.50e-3 ,-0, "x\ty", null,true,false]`, `{"a":{"a":[{"a":"\ud83d\ude00ключ"}]},"b":"\u0000"}`, `{"a":1,"a":2}`, `"\ud800"`, "\"\xff\"",
		`[1,]`, `{"a":1,}`, `01`, `1.`, `"abc`, "\"0123456\x017\"", strings.Repeat("[", 70) + strings.Repeat("]", 70), `{"":[]}`, `1e999`, `-`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var sc Scanner
		sc.Begin(data)
		v := sc.tree()
		err := sc.End()
		if err == nil {
			if !json.Valid(data) {
				t.Fatalf("%q is accepted", data)
			}
			d := json.NewDecoder(strings.NewReader(string(data)))
			d.UseNumber()
			var want any
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, v.plain()); diff != "" {
				t.Fatalf("%q (-want +got):\n%s", data, diff)
			}
			return
		}
		switch what := err.(*SyntaxError).What; { //nolint:errorlint // it is exactly one
		case strings.HasPrefix(what, "not UTF-8") && !utf8.Valid(data),
			strings.HasPrefix(what, "not an escape") && surrogate.Match(data),
			strings.HasPrefix(what, "more than") && deep(data),
			strings.HasPrefix(what, "a field's name stands twice") && doubled(data):
		default:
			if json.Valid(data) {
				t.Fatalf("%q: %v", data, err)
			}
		}
	})
}

func (v *value) plain() any {
	switch v.kind {
	case KindObject:
		m := map[string]any{}
		for _, f := range v.fields {
			m[f.name] = f.value.plain()
		}
		return m
	case KindArray:
		list := []any{}
		for _, item := range v.items {
			list = append(list, item.plain())
		}
		return list
	case KindString:
		return v.text
	case KindNumber:
		return json.Number(v.raw)
	case KindBool:
		return v.yes
	default:
		return nil
	}
}

func deep(data []byte) bool {
	return strings.Count(string(data), "[")+strings.Count(string(data), "{") > MaxDepth || strings.Count(string(data), ":") > MaxFields
}

// doubled looks for an object with a name twice, token by token; data may be broken behind it.
func doubled(data []byte) bool {
	d := json.NewDecoder(strings.NewReader(string(data)))
	type object struct {
		names map[string]bool
		value bool // the next token is a value
	}
	var open []*object
	for {
		tok, err := d.Token()
		if err != nil {
			return false
		}
		var top *object
		if len(open) > 0 {
			top = open[len(open)-1]
		}
		name, isText := tok.(string)
		if top != nil && top.names != nil && !top.value && isText {
			if top.names[name] {
				return true
			}
			top.names[name], top.value = true, true
			continue
		}
		switch tok {
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
			continue
		}
		if top != nil {
			top.value = false
		}
		switch tok {
		case json.Delim('{'):
			open = append(open, &object{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, &object{})
		}
	}
}
