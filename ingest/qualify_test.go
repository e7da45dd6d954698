package ingest

import (
	"errors"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"leadline"
	"leadline/internal/golden"
	"leadline/source"
)

func rules(tb rapid.TB, spec string) *Rules {
	tb.Helper()
	r, err := LoadRules("qualify.yaml", []byte("apiVersion: leadline/v1\nkind: Qualify\nmetadata: {name: test}\nspec:\n"+spec))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestQualify(t *testing.T) {
	t.Parallel()
	r := rules(t, `
  default: unqualified
  rules:
    - {outcome: first, when: 'type == "lead.created" && country in ["DE", "AT"]'}
    - {outcome: second, when: 'num("amount") >= 1000'}
    - {outcome: third, when: 'str("cart.plan") == "pro" || str("dotted.name") == "x"'}
    - {outcome: fourth, when: 'has("cart.coupon") and attempt > 1'}
    - {outcome: fifth, when: 'campaign == "spring" && source == "telegram" && partner + bot + locale == "abc"'}
`)
	f := func(e leadline.Event, payload, want string) {
		t.Helper()
		e.Payload = []byte(payload)
		if got, err := r.Outcome(&e); got != want || err != nil {
			t.Errorf("%+v %s: got %q, %v, want %q", e, payload, got, err, want)
		}
	}
	f(leadline.Event{Type: "lead.created", Country: "AT"}, `{"amount":5000}`, "first") // the first that holds
	f(leadline.Event{Type: "lead.created"}, `{"amount":1e3}`, "second")
	f(leadline.Event{}, `{"amount":999.99}`, "unqualified")
	f(leadline.Event{}, `{"amount":"5000"}`, "unqualified") // another type is 0
	f(leadline.Event{}, `{"x":{"amount":5000}}`, "unqualified")
	f(leadline.Event{}, `{"cart":{"other":{"plan":"free"},"plan":"p\u0072o"}}`, "third")
	f(leadline.Event{}, `{"dotted.name":"x"}`, "third")
	f(leadline.Event{}, `{"cart":"pro"}`, "unqualified")
	f(leadline.Event{Attempt: 2}, `{"cart":{"coupon":null}}`, "fourth")
	f(leadline.Event{Attempt: 1}, `{"cart":{"coupon":null}}`, "unqualified")
	f(leadline.Event{Campaign: "spring", Source: "telegram", Partner: "a", Bot: "b", Locale: "c"}, `{}`, "fifth")
	f(leadline.Event{}, `{}`, "unqualified")
}

func TestQualifyErrorAtRunTime(t *testing.T) {
	t.Parallel()
	r := rules(t, `
  rules:
    - {outcome: odd, when: 'attempt % (attempt - 2) == 1'}
`)
	got, err := r.Outcome(&leadline.Event{Attempt: 2, Payload: []byte(`{}`)})
	if _, ok := errors.AsType[*source.Error](err); !ok || got != "" || !strings.HasPrefix(err.Error(), "qualify.yaml:7:37: ") {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := r.Outcome(&leadline.Event{Attempt: 5, Payload: []byte(`{}`)}); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestLoadRulesTellsEveryMistake(t *testing.T) {
	t.Parallel()
	broken, err := os.ReadFile("testdata/qualify/broken.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err = LoadRules("broken.yaml", broken); err == nil {
		t.Fatal("taken")
	}
	golden.Bytes(t, []byte(err.Error()+"\n"), "qualify/broken.txt")

	f := func(text, want string) {
		t.Helper()
		if _, err := LoadRules("q.yaml", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	f("", "q.yaml:1:1: the file has no document")
	f("apiVersion: leadline/v1\nkind: RuleGroup\n", `q.yaml:2:7: kind "RuleGroup": use kind: Qualify`)
	f("a: [", "q.yaml:2:1: not YAML")
}

func TestExampleQualifies(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../examples/qualify.yaml")
	if err != nil {
		t.Fatal(err)
	}
	r, err := LoadRules("examples/qualify.yaml", text)
	if err != nil {
		t.Fatal(err)
	}
	f := func(eventType, payload, want string) {
		t.Helper()
		if got, err := r.Outcome(&leadline.Event{Type: eventType, Payload: []byte(payload), Attempt: 1}); got != want || err != nil {
			t.Errorf("%s %s: got %q, %v, want %q", eventType, payload, got, err, want)
		}
	}
	f("purchase.completed", `{"amount":100000,"currency":"EUR"}`, "vip")
	f("purchase.completed", `{"amount":900}`, "customer")
	f("lead.qualified", `{"plan":"pro"}`, "qualified")
	f("lead.created", `{"phone_verified":true}`, "unqualified")
	f("lead.blocked_bot", `{}`, "lost")
}

func BenchmarkQualify(b *testing.B) {
	text, err := os.ReadFile("../examples/qualify.yaml")
	if err != nil {
		b.Fatal(err)
	}
	r, err := LoadRules("examples/qualify.yaml", text)
	if err != nil {
		b.Fatal(err)
	}
	e := leadline.Event{Type: "lead.qualified", Payload: []byte(`{"plan":"pro","amount":4900,"currency":"EUR"}`)}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Outcome(&e); err != nil {
			b.Fatal(err)
		}
	}
}
