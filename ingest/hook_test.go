package ingest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"
	"leadline/source"
)

// hookOf compiles the expressions of a YAML mapping.
func hookOf(tb testing.TB, yaml string) (*Hook, source.Errors) {
	tb.Helper()
	docs, err := source.Documents("leadline.yaml", []byte(yaml))
	if err != nil {
		tb.Fatal(err)
	}
	var s HookSpec
	if errs := docs[0].Decode(&s); len(errs) > 0 {
		return nil, errs
	}
	return s.Compile("shop")
}

func mustHook(tb testing.TB, yaml string) *Hook {
	tb.Helper()
	h, errs := hookOf(tb, yaml)
	if len(errs) > 0 {
		tb.Fatal(errs)
	}
	return h
}

const shop = `
id: str("id")
type: 'str("type") == "charge.paid" ? "purchase.completed" : "shop." + str("type")'
bot: '"shop_bot"'
campaign: str("data.utm.campaign")
occurred_at: num("created")
chat_id: num("data.chat")
ip: str("data.ip")
locale: header("X-Locale")
`

func TestHook(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	h := mustHook(t, shop)
	body := fmt.Sprintf(` {"id":"evt_1","type":"charge.paid","created":%d,"data":{"chat":858012761,"ip":"203.0.113.9","utm":{"campaign":"spring"}},"amount":5} `, received.Unix())
	header := func(name string) string { return map[string]string{"X-Locale": "ru"}[name] }
	r := Request{Partner: "acme", Body: []byte(body), Header: header, ReceivedAt: received, TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	for i, want := range []leadline.Receipt{{Accepted: 1}, {Duplicates: 1}} {
		got, err := p.SubmitHook(context.Background(), r, h)
		if err != nil || got.Accepted != want.Accepted || got.Duplicates != want.Duplicates {
			t.Fatalf("%d: got %+v, %v", i, got, err)
		}
	}
	e := drained(t, p).events[0]
	if e.ID != "evt_1" || e.Type != "purchase.completed" || e.Schema != "purchase.completed/1" || e.Bot != "shop_bot" || e.Campaign != "spring" ||
		e.Source != leadline.SourceHooks || e.Locale != "ru" || e.IP.String() != "203.0.113.0" || len(e.LeadKey) != 26 || e.TraceID[0] != 0x4b ||
		!e.OccurredAt.Equal(received.Truncate(time.Second)) {
		t.Errorf("got %+v", e)
	}
	var l leads
	pepper := func(string) []byte { return []byte("pepper of acme") }
	chat := string(l.token(pepper, "acme", []byte("858012761")))
	ip := string(l.token(pepper, "acme", []byte("203.0.113.9")))
	want := strings.NewReplacer("858012761", `"pii:`+chat+`"`, "203.0.113.9", "pii:"+ip).Replace(strings.TrimSpace(body))
	if string(e.Payload) != want || len(chat) != 16 {
		t.Errorf("got  %s\nwant %s", e.Payload, want)
	}
}

func TestHookVerdicts(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	h := mustHook(t, shop)
	f := func(h *Hook, body, want string, warnings ...string) {
		t.Helper()
		r, err := p.SubmitHook(context.Background(), Request{Partner: "acme", Body: []byte(body), ReceivedAt: received, Itemize: true}, h)
		if err != nil {
			if x := problem(t, err); x.Code != want {
				t.Errorf("%s: %v", body, err)
			}
			return
		}
		got := string(r.Items[0].Result) + " " + r.Items[0].Code
		for _, v := range r.Items[0].Violations {
			got += " " + v.Pointer
			if v.Got != "" && v.Rule == "pattern" {
				t.Errorf("%.80s: tells %q", body, v.Got)
			}
		}
		if got != want {
			t.Errorf("%.80s: got %q, want %q", body, got, want)
		}
	}
	f(h, `{"id":"1","type":"charge.paid","amount":1}`, "ok ")
	f(h, `{"id":"2","type":"refund"}`, "warning no_schema")
	f(h, `{"type":"charge.paid","amount":1}`, "warning derived_id")
	f(h, `{"type":"charge.paid","amount":1}`, "duplicate ")
	f(h, `{"type":"charge.paid","amount":2}`, "warning derived_id")
	f(h, `{"id":"3","type":"charge.paid"}`, "drop schema_violation /amount")
	f(h, `{"id":"3","type":"Charge"}`, "drop invalid_field /type")
	f(h, `{"id":"a b","type":"charge.paid","created":5,"data":{"chat":1.5,"ip":"x"}}`, "drop invalid_field /id /occurred_at /lead/chat_id /lead/ip /amount")
	f(h, `{"id":"4","type":"charge.paid","amount":1,"created":`+fmt.Sprint(received.Add(time.Hour).Unix())+`}`, "drop future_timestamp /occurred_at")
	f(h, `[]`, "drop not_an_object ")
	f(h, `{"type":"charge.paid","x":"`+strings.Repeat("x", maxEvent)+`"}`, "drop too_large ")
	f(h, `{"type":`, CodeInvalidBody)
	f(h, ``, CodeInvalidBody)
	f(h, `{} x`, CodeInvalidBody)
	untyped := mustHook(t, "type: str(\"type\")\nid: num(\"id\")\noccurred_at: str(\"at\")\nchat_id: str(\"chat\")\n")
	f(untyped, `{"id":7}`, "drop missing_field /type")
	f(untyped, `{"id":7,"type":"lead.created","at":"`+at(0)+`","chat":"858012761"}`, "warning no_schema")
	f(untyped, `{"id":8,"type":"lead.created","at":"now"}`, "drop invalid_field /occurred_at")
	f(untyped, `{"id":8,"type":"lead.created","chat":"me"}`, "drop invalid_field /lead/chat_id")
	f(untyped, `{"id":1.5,"type":"lead.created"}`, "drop invalid_field /id")
	f(mustHook(t, `type: hook + "." + partner`), `{"a":1}`, "warning no_schema")
	m := drained(t, p)
	last := m.events[len(m.events)-1]
	if last.Type != "shop.acme" {
		t.Errorf("got %+v", last)
	}
	for _, x := range m.rejected {
		if x.Source != leadline.SourceHooks || strings.Contains(string(x.Payload), "858012761") {
			t.Errorf("rejected %+v %s", x, x.Payload)
		}
	}
}

func TestHookMistakes(t *testing.T) {
	t.Parallel()
	f := func(yaml, want string) {
		t.Helper()
		if _, errs := hookOf(t, yaml); len(errs) == 0 || !strings.Contains(errs.Error(), want) {
			t.Errorf("%s: got %v", yaml, errs)
		}
	}
	f("type: strr('a')\nbot: num('x')\nid: has('x')", "unknown name strr")
	f("type: strr('a')\nbot: num('x')", "expected string")
	f("type: str('a')\nid: has('x')", "leadline.yaml:2:")
	f("id: str('a')", "type")
	if _, errs := (HookSpec{}).Compile("shop"); len(errs) != 1 || !strings.Contains(errs.Error(), "shop:1:1") {
		t.Error(errs)
	}
}

// Bodies do not mix, however many requests there are at the same time.
func TestHookConcurrent(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	h := mustHook(t, "type: '\"lead.created\"'\nid: str('id')\ncampaign: header('C')\nchat_id: num('chat')")
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 100 {
				name := fmt.Sprintf("%d-%d", g, i)
				r := Request{Partner: "acme", Body: []byte(`{"id":"` + name + `","chat":` + fmt.Sprint(1000+g) + `}`), Header: func(string) string { return name }}
				if got, err := p.SubmitHook(context.Background(), r, h); err != nil || got.Accepted != 1 {
					t.Errorf("got %+v, %v", got, err)
				}
			}
		})
	}
	wg.Wait()
	m := drained(t, p)
	keys := map[string]bool{}
	for _, e := range m.events {
		keys[e.LeadKey] = true
		if e.ID != e.Campaign {
			t.Errorf("event %s has the header of %s", e.ID, e.Campaign)
		}
	}
	if len(m.events) != 800 || len(keys) != 8 {
		t.Errorf("%d events, %d leads", len(m.events), len(keys))
	}
}
