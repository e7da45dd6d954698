package measure

import (
	"strings"
	"testing"

	"leadline/source"
)

// FuzzWhere holds the translator to its promise: nothing of the text but names of fields reaches the SQL.
func FuzzWhere(f *testing.F) {
	for _, s := range []string{
		`stage == "a" and not (status in ["x", 'y'])`, `duration_ms >= -1.5e3 || wait_ms != total_ms`, `stage == "'); DROP TABLE events; --"`,
		`stage == "{p:String}"`, `!(stage == bot)`, `stage in []`, "stage == `a\nb`", `1 == 1`, `stage == partner == bot`, `stage ?? bot == "a"`, `bot[0] == "a"`,
	} {
		f.Add(s)
	}
	allowed := map[string]bool{"AND": true, "OR": true, "NOT": true, "String": true, "Float64": true}
	for _, n := range append(views[Spans].labels, views[Spans].numbers...) {
		allowed[n] = true
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, errs := Where(source.Expr{Passage: source.Passage{Text: text}}, Spans)
		into := params{}
		sql := p.sql(Spans, into)
		if len(errs) > 0 || sql == "" {
			return
		}
		words := strings.FieldsFunc(sql, func(r rune) bool { return strings.ContainsRune(" (){}:=!<>", r) })
		for _, w := range words {
			_, param := into[w]
			if !allowed[w] && !param {
				t.Fatalf("%q became %q with the word %q", text, sql, w)
			}
		}
	})
}
