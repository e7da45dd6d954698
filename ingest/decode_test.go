package ingest

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

const good = `{"id":"01JQ7Z","type":"lead.qualified","payload":{"plan":"pro"}}`

// with is a good event with fields added or replaced by the given ones.
func with(fields string) string {
	base := map[string]string{"id": `"01JQ7Z"`, "type": `"lead.qualified"`, "payload": `{"plan":"pro"}`}
	for name := range base {
		if strings.Contains(fields, `"`+name+`":`) {
			delete(base, name)
		}
	}
	var parts []string
	for _, name := range []string{"id", "type", "payload"} {
		if v, ok := base[name]; ok {
			parts = append(parts, fmt.Sprintf("%q:%s", name, v))
		}
	}
	return "{" + strings.Join(append(parts, fields), ",") + "}"
}

func at(d time.Duration) string { return received.Add(d).Format(time.RFC3339Nano) }

func submit(p *Pipeline, body string) (leadline.Receipt, error) {
	return p.Submit(context.Background(), Request{Partner: "acme", Body: []byte(body), ReceivedAt: received, Itemize: true})
}

func TestDecodeDrops(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	n := 0
	// violations: one "pointer rule" each, in their order.
	f := func(body, code string, violations ...string) {
		t.Helper()
		n++
		r, err := submit(p, body)
		if x := problem(t, err); x.Status != 422 || x.Code != CodeItemRejected || r.Rejected != 1 || len(r.Items) != 1 {
			t.Fatalf("%s: got %+v", body, x)
		}
		item := r.Items[0]
		var got []string
		for _, v := range item.Violations {
			got = append(got, v.Pointer+" "+v.Rule)
		}
		if item.Code != code || item.Result != leadline.ResultDrop || item.Detail == "" {
			t.Errorf("%s:\n got %+v\nwant %s", body, item, code)
		}
		if diff := cmp.Diff(violations, got); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	long := func(n int) string { return strings.Repeat("x", n) }

	f(`5`, CodeNotAnObject, " type")
	f(`"event"`, CodeNotAnObject, " type")
	f(`null`, CodeNotAnObject, " type")
	f(`{}`, CodeMissingField, "/type required")
	f(`{"id":"a","payload":{"plan":"pro"}}`, CodeMissingField, "/type required")
	f(with(`"type":"lead"`), CodeInvalidField, "/type pattern")
	f(with(`"type":"Lead.Qualified"`), CodeInvalidField, "/type pattern")
	f(with(`"type":"lead..qualified"`), CodeInvalidField, "/type pattern")
	f(with(`"type":"lead.qualified."`), CodeInvalidField, "/type pattern")
	f(with(`"type":"1lead.qualified"`), CodeInvalidField, "/type pattern")
	f(with(`"type":"a.b.c.d.e.f"`), CodeInvalidField, "/type pattern")
	f(with(`"type":"lead.`+long(100)+`"`), CodeInvalidField, "/type pattern")
	f(with(`"type":5`), CodeInvalidField, "/type type")
	f(with(`"type":null`), CodeInvalidField, "/type type")
	f(with(`"id":""`), CodeInvalidField, "/id pattern")
	f(with(`"id":"a b"`), CodeInvalidField, "/id pattern")
	f(with(`"id":"ключ"`), CodeInvalidField, "/id pattern")
	f(with(`"id":"`+long(101)+`"`), CodeInvalidField, "/id pattern")
	f(with(`"id":12`), CodeInvalidField, "/id type")
	f(with(`"id":["a"]`), CodeInvalidField, "/id type")
	f(with(`"occurred_ad":"2026-03-20T19:30:27Z"`), CodeUnknownField, "/occurred_ad additionalProperties")
	f(with(`"a/b~c":1`), CodeUnknownField, "/a~1b~0c additionalProperties")
	f(with(`"x":1,"y":{"z":[1]}`), CodeUnknownField, "/x additionalProperties", "/y additionalProperties")
	f(with(`"occurred_at":"yesterday"`), CodeInvalidField, "/occurred_at format")
	f(with(`"occurred_at":"2026-03-20 19:30:27"`), CodeInvalidField, "/occurred_at format")
	f(with(`"occurred_at":"2026-03-20T19:30:27"`), CodeInvalidField, "/occurred_at format")
	f(with(`"occurred_at":"2026-02-30T19:30:27Z"`), CodeInvalidField, "/occurred_at format")
	f(with(`"occurred_at":1742499027`), CodeInvalidField, "/occurred_at type")
	f(with(`"occurred_at":"1969-01-01T00:00:00Z"`), CodeInvalidField, "/occurred_at format")
	f(with(`"occurred_at":"`+at(-30*24*time.Hour-time.Second)+`"`), CodeTooOld, "/occurred_at minimum")
	f(with(`"occurred_at":"`+at(5*time.Minute+time.Second)+`"`), CodeFutureTimestamp, "/occurred_at maximum")
	f(with(`"occurred_at":"`+at(0)+`","sent_at":"`+at(31*24*time.Hour)+`"`), CodeTooOld, "/occurred_at minimum")
	f(with(`"occurred_at":"`+at(0)+`","sent_at":"`+at(-time.Hour)+`"`), CodeFutureTimestamp, "/occurred_at maximum")
	f(with(`"sent_at":"9999-12-31T23:59:59Z"`), CodeInvalidField, "/sent_at format")
	f(with(`"bot":"`+long(65)+`"`), CodeInvalidField, "/bot pattern")
	f(with(`"bot":7`), CodeInvalidField, "/bot type")
	f(with(`"campaign":"a\nb"`), CodeInvalidField, "/campaign pattern")
	f(with(`"campaign":["spring"]`), CodeInvalidField, "/campaign type")
	f(with(`"attempt":0`), CodeInvalidField, "/attempt minimum")
	f(with(`"attempt":1.5`), CodeInvalidField, "/attempt minimum")
	f(with(`"attempt":"2"`), CodeInvalidField, "/attempt type")
	f(with(`"spans":{}`), CodeInvalidField, "/spans type")
	f(with(`"lead":"858012761"`), CodeInvalidField, "/lead type")
	f(with(`"lead":{"chat_id":"858012761"}`), CodeInvalidField, "/lead/chat_id type")
	f(with(`"lead":{"chat_id":1.5}`), CodeInvalidField, "/lead/chat_id type")
	f(with(`"lead":{"chat_id":99999999999999999999}`), CodeInvalidField, "/lead/chat_id type")
	f(with(`"lead":{"ip":"203.0.113.999"}`), CodeInvalidField, "/lead/ip format")
	f(with(`"lead":{"ip":3}`), CodeInvalidField, "/lead/ip type")
	f(with(`"lead":{"locale":"Русский"}`), CodeInvalidField, "/lead/locale pattern")
	f(with(`"lead":{"username":1}`), CodeInvalidField, "/lead/username type")
	f(with(`"lead":{"chatid":1}`), CodeUnknownField, "/lead/chatid additionalProperties")
	f(with(`"schema":"lead.qualified"`), CodeInvalidField, "/schema pattern")
	f(with(`"schema":"lead.qualified/two"`), CodeInvalidField, "/schema pattern")
	f(with(`"schema":"lead.qualified/-1"`), CodeInvalidField, "/schema pattern")
	f(with(`"schema":"lead.qualified/2.x"`), CodeInvalidField, "/schema pattern")
	f(with(`"schema":2`), CodeInvalidField, "/schema type")
	f(with(`"schema":"lead.qualified/3"`), CodeSchemaUnknown, "/schema const")
	f(with(`"payload":[]`), CodeInvalidField, "/payload type")
	f(with(`"payload":"{}"`), CodeInvalidField, "/payload type")
	f(with(`"payload":{}`), CodeSchemaViolation, "/payload/plan required")
	f(`{"id":"a","type":"lead.qualified"}`, CodeSchemaViolation, "/payload/plan required")
	f(with(`"payload":{"plan":"gold"}`), CodeSchemaViolation, "/payload/plan enum")
	f(with(`"payload":{"plan":"pro","amont":1}`), CodeSchemaViolation, "/payload/amont additionalProperties")
	f(with(`"payload":{"plan":"pro","tags":["a",2]}`), CodeSchemaViolation, "/payload/tags/1 type")
	// The payload before type and schema: checked afterwards, with the same words.
	f(`{"payload":{"plan":"pro","amount":-1},"type":"lead.qualified","id":"a"}`, CodeSchemaViolation, "/payload/amount minimum")
	f(`{"type":"lead.qualified","payload":{},"schema":"purchase.completed/1","id":"a"}`, CodeSchemaViolation, "/payload/amount required")
	// Everything that is wrong is told at once; the code is the first one's.
	f(`{"id":"a b","type":"lead.qualified","payload":{"plan":1,"amount":-1},"bott":1}`, CodeInvalidField,
		"/id pattern", "/bott additionalProperties", "/payload/plan enum", "/payload/amount minimum")
	f(with(`"payload":{"plan":"pro","note":"`+long(maxEvent)+`"}`), CodeTooLarge, " maxLength")

	if m := drained(t, p); len(m.rejected) != n || len(m.events) != 0 {
		t.Errorf("%d rejected and %d events stored, want %d and 0", len(m.rejected), len(m.events), n)
	}
}

func TestDecodeNamesTheNearestField(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	f := func(body, nearest string) {
		t.Helper()
		r, _ := submit(p, body)
		if got := r.Items[0].Violations[0].Nearest; got != nearest {
			t.Errorf("%s: got %q, want %q", body, got, nearest)
		}
	}
	f(with(`"occurredat":"x"`), "occurred_at")
	f(with(`"Campaign":"x"`), "campaign")
	f(with(`"lead":{"chatid":1}`), "chat_id")
	f(with(`"payload":{"plan":"pro","amont":1}`), "amount")
	f(with(`"zzz":1`), "")
	f(with(`"`+strings.Repeat("occurred_at", 1000)+`":1`), "")
}

// Texts that are not JSON, and requests of which nothing can be taken.
func TestSubmitProblems(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	f := func(format Format, body string, status int, code, detail string) {
		t.Helper()
		_, err := p.Submit(context.Background(), Request{Partner: "acme", Format: format, Body: []byte(body)})
		if x := problem(t, err); x.Status != status || x.Code != code || !strings.Contains(x.Detail, detail) {
			t.Errorf("%.80s: got %d %s %q, want %d %s %q", body, x.Status, x.Code, x.Detail, status, code, detail)
		}
	}
	f(FormatJSON, "", 400, CodeEmptyBatch, "empty")
	f(FormatJSON, " \n", 400, CodeEmptyBatch, "empty")
	f(FormatJSON, "[]", 400, CodeEmptyBatch, "empty")
	f(FormatNDJSON, "\n \n", 400, CodeEmptyBatch, "empty")
	f(FormatJSON, "{", 400, CodeInvalidBody, "byte 1: the text ends too early")
	f(FormatJSON, good+good, 400, CodeInvalidBody, "expected nothing after the value")
	f(FormatJSON, "["+good, 400, CodeInvalidBody, "ends too early")
	f(FormatJSON, "["+good+",]", 400, CodeInvalidBody, "expected a value")
	f(FormatJSON, `{"id":"a","id":"b"}`, 400, CodeInvalidBody, "twice")
	f(FormatJSON, "{\"id\":\"\xff\"}", 400, CodeInvalidBody, "UTF-8")
	f(FormatJSON, `{"payload":`+strings.Repeat("[", 70)+strings.Repeat("]", 70)+`}`, 400, CodeInvalidBody, "64 levels")
	f(FormatJSON, `plain text`, 400, CodeInvalidBody, "byte 0")
	f(FormatJSON, with(`"partner":"other"`), 403, CodePartnerMismatch, "item 0")
	f(FormatNDJSON, good+"\n"+with(`"partner":"other"`), 403, CodePartnerMismatch, "item 1")
	f(FormatJSON, "["+strings.Repeat(`{},`, maxItems)+"{}]", 413, CodeTooManyItems, "10000")
	f(FormatNDJSON, strings.Repeat("{}\n", maxItems+1), 413, CodeTooManyItems, "10000")
	f(FormatNDJSON, "{\n", 400, CodeAllRejected, "none")
	f(FormatJSON, "[{},5]", 400, CodeAllRejected, "none")
}

// takenEvent is what the pipeline makes of an event, without its timings.
func takenEvent(t *testing.T, r Request) leadline.Event {
	t.Helper()
	p := start(t, nil)
	r.Partner, r.ReceivedAt = "acme", received
	if _, err := p.Submit(context.Background(), r); err != nil {
		t.Fatalf("%s: %v", r.Body, err)
	}
	m := drained(t, p)
	if len(m.events) != 1 {
		t.Fatalf("%s: %d events", r.Body, len(m.events))
	}
	e := m.events[0]
	e.Segments = nil
	return e
}

func TestDecodeTakesTheWholeEnvelope(t *testing.T) {
	t.Parallel()
	got := takenEvent(t, Request{Body: []byte(`{"id":"01JQ7Z","type":"lead.qualified","occurred_at":"` + at(-2*time.Second) + `","sent_at":"` + at(-time.Second) + `",
		"bot":"acme_leads_bot","campaign":"spring\u002dsale","partner":"acme",
		"lead":{"chat_id":858012761,"username":"somebody","ip":"203.0.113.9","locale":"ru"},
		"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=b",
		"schema":"lead.qualified/2.7","attempt":300,"spans":[{"name":"bot.handler","duration_ms":41}],
		"payload":{"plan":"pro","amount":4900,"currency":"EUR"} }`)})
	want := leadline.Event{
		ID: "01JQ7Z", Key: leadline.KeyOf("acme", "01JQ7Z"), TraceID: [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
		Type: "lead.qualified", Schema: "lead.qualified/2", Partner: "acme", Bot: "acme_leads_bot", Campaign: "spring-sale", Source: "events",
		ReceivedAt: received, SentAt: received.Add(-time.Second).Truncate(time.Millisecond), Attempt: 255,
		OccurredAt: received.Truncate(time.Millisecond).Add(-time.Second), // the sender's second between the two, on our clock
		LeadKey:    got.LeadKey, Locale: "ru", IP: netip.MustParseAddr("203.0.113.0"), Warnings: []string{CodeSpansIgnored},
		Payload: []byte(`{"plan":"pro","amount":4900,"currency":"EUR"}`),
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if len(got.LeadKey) != 26 || strings.Contains(got.LeadKey, "858") {
		t.Errorf("lead key %q", got.LeadKey)
	}
}

func TestDecodeDefaults(t *testing.T) {
	t.Parallel()
	got := takenEvent(t, Request{Body: []byte(`{"type":"purchase.completed","id":"1","payload":{"amount":1}}`)})
	if !got.OccurredAt.Equal(received.Truncate(time.Millisecond)) || !got.SentAt.IsZero() || got.Attempt != 1 ||
		got.Schema != "purchase.completed/1" || got.TraceID != got.Key || got.LeadKey != "" {
		t.Errorf("got %+v", got)
	}
	got = takenEvent(t, Request{Body: []byte(good), TraceParent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", Bot: "b"})
	if got.TraceID[0] != 0x4b || got.Bot != "b" || got.Schema != "lead.qualified/2" {
		t.Errorf("got %+v", got)
	}
}

func TestDecodeWarnings(t *testing.T) {
	t.Parallel()
	f := func(body string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, takenEvent(t, Request{Body: []byte(body)}).Warnings); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
	f(good)
	f(with(`"schema":"lead.qualified/1"`))
	f(with(`"type":"lead.created"`), CodeNoSchema)
	f(with(`"schema":"own.thing/7"`), CodeNoSchema)
	f(with(`"traceparent":"00-zz"`), CodeInvalidTraceparent)
	f(with(`"traceparent":7`), CodeInvalidTraceparent)
	f(with(`"traceparent":"00-00000000000000000000000000000000-00f067aa0ba902b7-01"`), CodeInvalidTraceparent)
	f(with(`"traceparent":"00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"`), CodeInvalidTraceparent)
	f(with(`"spans":[]`), CodeSpansIgnored)
	f(`{"type":"lead.created"}`, CodeNoSchema, CodeDerivedID)
	f(with(`"occurred_at":"` + at(-30*24*time.Hour+time.Second) + `"`))
	f(with(`"occurred_at":"` + at(5*time.Minute-time.Second) + `"`))
}

// A retry of an event without an id is the same event, whatever a retry changes; another event is another.
func TestDerivedID(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	f := func(body string, want leadline.Result) {
		t.Helper()
		r, err := submit(p, body)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Items[0]; got.Result != want || len(got.ID) != 34 || got.ID[:2] != "h:" {
			t.Errorf("%s: got %+v, want %s", body, got, want)
		}
	}
	f(`{"type":"lead.created","payload":{"a":"x y","b":"\" \\"},"bot":"b"}`, leadline.ResultWarning)
	f(`{"type":"lead.created","payload":{"a":"x y","b":"\" \\"},"bot":"b"}`, leadline.ResultDuplicate)
	f(`{"bot":"b", "type":"lead.created", "attempt":2, "sent_at":"`+at(0)+`", "payload": { "a" : "x y", "b":"\" \\" } }`, leadline.ResultDuplicate)
	f(`{"type":"lead.created","payload":{"a":"x  y","b":"\" \\"},"bot":"b"}`, leadline.ResultWarning)
	f(`{"type":"lead.created","payload":{"a":"x y","b":"\" \\"}}`, leadline.ResultWarning)
}

func TestLeadKey(t *testing.T) {
	t.Parallel()
	key := func(pepper, partner string, chat int64) string {
		var l leads
		return string(l.of(func(string) []byte { return []byte(pepper) }, partner, chat))
	}
	if got, want := key("secret", "acme", 858012761), "UNDFZZZTCOUKGVEWNTHXELVLQR"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if key("a", "acme", 1) == key("b", "acme", 1) || key("a", "acme", 1) == key("a", "acme", 2) || key("a", "acme", -1) == key("a", "acme", 1) {
		t.Error("different pepper or chat, same key")
	}
	var l leads // one that is used again must not remember
	pepper := func(partner string) []byte { return []byte(partner) }
	first := string(l.of(pepper, "acme", 1))
	l.of(pepper, "other", 1)
	if again := string(l.of(pepper, "acme", 1)); again != first || string(l.of(pepper, "other", 1)) == first {
		t.Error("the key of a lead depends on who was asked for before")
	}
}

// Raw chat id, name and address are in nothing that leaves the decoder, whatever becomes of the event.
func TestNothingPersonalLeaves(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	lead := `"lead":{"chat_id":858012761,"username":"waffle_lapkin","ip":"203.0.113.197","locale":"ru"}`
	f := func(format Format, body string) {
		t.Helper()
		r, _ := p.Submit(context.Background(), Request{Partner: "acme", Format: format, Body: []byte(body), Itemize: true})
		if text := fmt.Sprintf("%+v", r); strings.Contains(text, "858012761") || strings.Contains(text, "waffle") || strings.Contains(text, "203.0.113.197") {
			t.Errorf("the receipt of %s says %s", body, text)
		}
	}
	f(FormatJSON, with(lead))
	f(FormatJSON, with(lead+`,"bad":1`))
	f(FormatJSON, with(`"type":"x",`+lead))
	f(FormatJSON, with(lead+`,"payload":{"plan":"gold"}`))
	f(FormatJSON, with(`"lead":{"chat_id":"858012761","username":["waffle_lapkin"],"ip":"203.0.113.1973","locale":"waffle lapkin"}`))
	f(FormatJSON, with(`"lead":"858012761"`))
	f(FormatJSON, with(lead+`,"payload":{"plan":"`+strings.Repeat("x", maxEvent)+`"}`))
	f(FormatNDJSON, with(lead)[1:]+"\n{"+lead)
	m := drained(t, p)
	if len(m.events) != 1 || len(m.rejected) != 8 {
		t.Fatalf("%d events, %d rejected", len(m.events), len(m.rejected))
	}
	key := m.events[0].LeadKey
	for _, x := range m.rejected {
		text := fmt.Sprintf("%+v %s", x, x.Payload)
		if strings.Contains(text, "858012761") || strings.Contains(text, "waffle") || strings.Contains(text, "203.0.113.197") {
			t.Errorf("rejected: %s", text)
		}
	}
	if got := string(m.rejected[0].Payload); got != `{"id":"01JQ7Z","type":"lead.qualified","payload":{"plan":"pro"},"lead":{"lead_key":"`+key+`"}}` {
		t.Errorf("rejected payload %s", got)
	}
	if text := fmt.Sprintf("%+v %s", m.events[0], m.events[0].Payload); strings.Contains(text, "858012761") || strings.Contains(text, "waffle") || strings.Contains(text, "203.0.113.197") {
		t.Errorf("event: %s", text)
	}
}
