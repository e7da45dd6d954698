package schema

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// told is all that a Scanner says of a text.
func told(sc *Scanner, text []byte) string {
	sc.Begin(text)
	var b strings.Builder
	var tell func(v *value)
	tell = func(v *value) {
		fmt.Fprintf(&b, "%d:%s=%s ", v.at, v.kind, v.raw)
		for _, m := range v.fields {
			fmt.Fprintf(&b, "%d:%q ", m.at, m.name)
			tell(m.value)
		}
		for _, item := range v.items {
			tell(item)
		}
	}
	tell(sc.tree())
	return b.String() + fmt.Sprint(sc.End())
}

// sameTold compares a Scanner that remembers other texts, and always guesses, with one that remembers none.
func sameTold(t *testing.T, used *Scanner, text []byte) {
	t.Helper()
	if used.memory != nil {
		used.memory.rest, used.memory.misses = 0, 0
	}
	if got, want := told(used, text), told(new(Scanner), text); got != want {
		t.Fatalf("%q\n got %s\nwant %s", text, got, want)
	}
}

// Whatever a Scanner has read before, it reads a text as if it were the first.
func TestHabits(t *testing.T) {
	t.Parallel()
	g := rand.New(rand.NewPCG(9, 9))
	parts := []string{
		`"a":`, `"b":`, `"type":`, `"a_name_of_some_length":`, `"a name that is too long to be remembered":`, `"\u0061":`, `"a" :`, ` "a":`, `"ключ":`, `"":`, `"a,":`, `"{":`, `"b`,
		`{`, `{`, `}`, `}`, `[`, `]`, `,`, `,`, `,`, `, `, `:`, `1`, `"x"`, `{}`, `[]`, `null`, "\n  ", `"`, `{"a":1,"b":2}`, `{"b":{"a":1},"a":2}`, `{,"a":1}`,
	}
	var used Scanner
	fit, guessed := 0, 0
	sameTold(t, &used, []byte(`{"a":1}`))
	used.Begin(nil)
	for range 300 {
		guessed += used.memory.hits
		used.memory.hits = 0
		text := []byte(`{"a":1,"b":{"type":"x","a":[{"b":1,"a":2},{"b":1, "type":null}]},"type":{"a":1},"a_name_of_some_length":"ключ","ключ":0}` + strings.Repeat(" ", maxHabit))
		for range 40 {
			sameTold(t, &used, text)
			if used.Err() == nil {
				fit++
			}
			at := g.IntN(len(text) - maxHabit)
			end := min(at+g.IntN(9), len(text)-maxHabit)
			with := parts[g.IntN(len(parts))]
			if g.IntN(3) == 0 {
				with = string(text[g.IntN(at+1):at])
			}
			next := slices.Replace(slices.Clone(text), at, end, []byte(with)...)
			if used.Begin(next); used.skip() && used.End() == nil || g.IntN(4) == 0 {
				text = next
			}
		}
	}
	if fit < 1000 || guessed < 20_000 {
		t.Errorf("only %d texts were JSON, only %d names guessed", fit, guessed)
	}
}

// A comma belongs where it stood before, and nowhere else.
func TestHabitsKnowTheirComma(t *testing.T) {
	t.Parallel()
	pad := strings.Repeat(" ", maxHabit)
	f := func(before, text string) {
		t.Helper()
		var used Scanner
		for _, doc := range []string{before, before, before, text, before, text} {
			sameTold(t, &used, []byte(doc+pad))
		}
		if used.Err() == nil {
			t.Errorf("%s is taken", text)
		}
	}
	f(`{"k":1,"a":2}`, `{"k":{,"a":2}}`)
	f(`{"k":{"a":1}}`, `{"k":1"a":1}`)
	f(`{"k":{"a":1}}`, `{"k":{"a":1}"a":1}`)
	f(`{"k":[1],"a":2}`, `{"k":[1,"a":2]}`)
	f(`{"k":1, "a" :2}`, `{"k":1, "a" 2}`)
	f(`{"k":1,"a":2}`, `{"k":1,"a":2,"a":2}`)
}

// More names than are remembered push one another out, and an object with a name twice is refused all the same.
func TestHabitsAreBounded(t *testing.T) {
	t.Parallel()
	var used Scanner
	for round := range 5 {
		var b strings.Builder
		for i := range 4 * numHabits {
			fmt.Fprintf(&b, `,"field_%d":{"field_%d":%d}`, i, i*round, i)
		}
		object := b.String()[1:]
		sameTold(t, &used, []byte(`{`+object+`}`))
		sameTold(t, &used, []byte(`{`+object+`,"field_7":"and some more text behind it"}`))
		for i := range fewFields {
			few, _, _ := strings.Cut(object, fmt.Sprintf(`,"field_%d":`, i+1))
			for range 3 {
				sameTold(t, &used, []byte(`{`+few+`,"field_0":"and some more text behind it"}`))
			}
		}
	}
}

// From a sender whose names are never the same nothing is learned, until some time has gone by.
func TestHabitsRest(t *testing.T) {
	t.Parallel()
	var sc Scanner
	text := func(names int, name func(i int) int) []byte {
		var b strings.Builder
		for i := range names {
			fmt.Fprintf(&b, `,"field_%d":%d`, name(i), i)
		}
		return []byte(`{` + b.String()[1:] + `}` + strings.Repeat(" ", maxHabit))
	}
	f := func(first int, want bool) {
		t.Helper()
		usual := text(20, func(i int) int { return first + i })
		before := 0
		for range 20 {
			told(&sc, usual)
			before, sc.memory.hits = sc.memory.hits, 0
		}
		if before >= 18 != want {
			t.Errorf("%d names were guessed", before)
		}
	}
	told(&sc, text(1, func(i int) int { return i }))
	told(&sc, text(1, func(i int) int { return i }))
	f(0, true)
	told(&sc, text(2*trial, func(i int) int { return i + 1000 }))
	f(100, false)
	f(0, true)
	for sc.memory.rest > 0 {
		told(&sc, text(100, func(i int) int { return i + 2000 }))
	}
	f(100, true)
}

// What one object's schema said of a name is not taken for what another's says.
func TestHabitsOfSchemas(t *testing.T) {
	t.Parallel()
	a := compiled(t, `{"properties":{"x":{"type":"integer"},"y":{"properties":{"x":{"type":"string"},"y":{"type":"null"}},"additionalProperties":false}},"additionalProperties":false}`)
	b := compiled(t, `{"properties":{"y":{"properties":{"z":true}},"x":{"type":"string"},"w":{"type":"null"}}}`)
	pad := strings.Repeat(" ", maxHabit)
	f := func(doc string, fitsA, fitsB bool) {
		t.Helper()
		for range 3 {
			if got := a.Check([]byte(doc+pad), nil); got != fitsA {
				t.Errorf("a: %s: got %v", doc, got)
			}
			if got := b.Check([]byte(doc+pad), nil); got != fitsB {
				t.Errorf("b: %s: got %v", doc, got)
			}
		}
	}
	f(`{"x":1,"y":{"x":"1","y":null}}`, true, false)
	f(`{"x":"1","y":{"x":"1","y":null}}`, false, true)
	f(`{"x":1,"y":{"x":1}}`, false, false)
	f(`{"x":1,"w":null}`, false, false)
	f(`{"y":{"x":"1","z":1}}`, false, true)
	f(`{"y":{"x":"","y":null},"x":"1"}`, false, true)
}

// FuzzHabits reads a text after another one.
func FuzzHabits(f *testing.F) {
	pad := strings.Repeat(" ", maxHabit)
	for _, s := range []string{`{"a":1,"b":{"a":2}}`, `{"a":1,"a":2}`, `{,"a":1}`, `{"a":1"b":2}`, `[{"a":1},{"b" : 1, "a":2}]`, `{"\u0061":1,"b":2}`, `{"a":{"b":1},"b":{"a":1,"b":2}}`} {
		f.Add([]byte(`{"a":1,"b":{"a":2}}`+pad), []byte(s+pad))
	}
	f.Fuzz(func(t *testing.T, before, text []byte) {
		var used Scanner
		for _, b := range [][]byte{before, before, before, text, before, text} {
			sameTold(t, &used, b)
		}
	})
}
