package ingest

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"leadline"
)

func TestConditionKnows(t *testing.T) {
	t.Parallel()
	f := func(when, want string) {
		t.Helper()
		r := rules(t, "  rules:\n    - {outcome: x, when: '"+when+"'}\n")
		got := "nothing"
		switch first := r.rules[0].first; {
		case first.whole:
			got = "all"
		case first.holds != nil:
			got = "begin"
		}
		if got != want {
			t.Errorf("%s: %s is done in Go, want %s", when, got, want)
		}
	}
	f(`type == "lead.created"`, "all")
	f(`type != "lead.created" and not (country in ["DE", "AT"])`, "all")
	f(`type == "a.b" && num("amount") >= 1000 && num("score") < 0.5`, "all")
	f(`str("plan") in ["pro"] || has("coupon") || attempt > 1`, "all")
	f(`!(locale < "de" or campaign not in [])`, "all")

	f(`type == "a.b" && num("a") + num("b") > 5`, "begin")
	f(`type == "a.b" && (bot == "x" && (attempt % 2 == 1 && source == "events"))`, "begin")
	f(`type == "a.b" && attempt % 2 == 1 && bot == "x"`, "begin")
	f(`(type == "a.b" || bot == "x") && type startsWith "a"`, "begin")

	f(`attempt % 2 == 1 && type == "a.b"`, "nothing")
	f(`type == "a.b" || attempt % 2 == 1`, "nothing")
	f(`!(type == "a.b" && attempt % 2 == 1)`, "nothing")
	f(`num(type) > 1`, "nothing")
	f(`str(str("field")) == "x"`, "nothing")
	f(`type == partner`, "nothing")
	f(`type in ["a", partner]`, "nothing")
	f(`1000 <= num("amount")`, "nothing")
	f(`type == "a.b" ? attempt > 1 : bot == "x"`, "nothing")
}

// What is done in Go changes neither an outcome nor an error: the rules say what expr's machine says of every one of
// them, one after the other.
func TestConditionsAgainstTheMachine(t *testing.T) {
	t.Parallel()
	word := rapid.SampledFrom([]string{"", "a", "b", "a.b", "é"})
	path := rapid.SampledFrom([]string{"n", "s", "o.n", "o.s", "o", "d.n", "none"})
	field := rapid.SampledFrom([]string{"type", "partner", "campaign", "bot", "country", "locale", "source"})
	order := rapid.SampledFrom([]string{"==", "!=", "<", "<=", ">", ">="})
	numbers := rapid.SampledFrom([]string{"0", "1", "2", "1.5", "-1", "9007199254740993", "1e300"})
	payloads := rapid.SampledFrom([]string{
		`{}`, `{"n":1,"s":"a"}`, `{"n":"a","s":1}`, `{"o":{"n":1.5,"s":"\u0061.b"}}`, `{"d.n":2,"o":null}`,
		`{"n":9007199254740992,"s":"é","o":{"n":-1,"s":""}}`, `{"s":{"n":1},"n":1e999}`,
	})
	var condition func(t *rapid.T, depth int) string
	condition = func(t *rapid.T, depth int) string {
		form := rapid.IntRange(0, 6)
		if depth > 0 && rapid.Bool().Draw(t, "combined") {
			form = rapid.IntRange(7, 9)
		}
		switch form.Draw(t, "form") {
		case 0:
			return fmt.Sprintf("%s %s %q", field.Draw(t, "field"), order.Draw(t, "operator"), word.Draw(t, "word"))
		case 1:
			list := rapid.SliceOfN(word, 0, 3).Draw(t, "list")
			return fmt.Sprintf("str(%q) %s %s", path.Draw(t, "path"), rapid.SampledFrom([]string{"in", "not in"}).Draw(t, "in"),
				strings.ReplaceAll(fmt.Sprintf("%q", list), " ", ","))
		case 2:
			return fmt.Sprintf("num(%q) %s %s", path.Draw(t, "path"), order.Draw(t, "operator"), numbers.Draw(t, "number"))
		case 3:
			return fmt.Sprintf("has(%q)", path.Draw(t, "path"))
		case 4:
			return "attempt " + order.Draw(t, "operator") + " " + numbers.Draw(t, "number")
		case 5: // the machine's
			return fmt.Sprintf("num(%q) + num(%q) > %s", path.Draw(t, "path"), path.Draw(t, "path"), numbers.Draw(t, "number"))
		case 6: // an error when attempt is 2
			return "attempt % (attempt - 2) == 1"
		case 7:
			return "not (" + condition(t, depth-1) + ")"
		case 8:
			return "(" + condition(t, depth-1) + " && " + condition(t, depth-1) + ")"
		default:
			return "(" + condition(t, depth-1) + " or " + condition(t, depth-1) + ")"
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		var spec strings.Builder
		spec.WriteString("  default: none\n  rules:\n")
		for i := range rapid.IntRange(1, 4).Draw(t, "rules") {
			fmt.Fprintf(&spec, "    - {outcome: o%d, when: '%s'}\n", i, condition(t, 3))
		}
		r := rules(t, spec.String())
		machine := rules(t, spec.String())
		for i := range machine.rules {
			machine.rules[i].first.holds = nil
		}
		for range 10 {
			e := leadline.Event{
				Type: word.Draw(t, "type"), Partner: word.Draw(t, "partner"), Campaign: word.Draw(t, "campaign"), Bot: word.Draw(t, "bot"),
				Country: word.Draw(t, "country"), Locale: word.Draw(t, "locale"), Source: word.Draw(t, "source"),
				Attempt: rapid.SampledFrom([]uint8{0, 1, 2, 255}).Draw(t, "attempt"), Payload: []byte(payloads.Draw(t, "payload")),
			}
			got, err := r.Outcome(&e)
			want, wantErr := machine.Outcome(&e)
			if got != want || fmt.Sprint(err) != fmt.Sprint(wantErr) {
				t.Fatalf("%s%+v\n%s: got %q, %v, want %q, %v", spec.String(), e, e.Payload, got, err, want, wantErr)
			}
		}
	})
}
