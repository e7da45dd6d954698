package ingest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"leadline"
	"leadline/schema"
)

// Seeded personal data: what a lead is, and what stands in fields that a schema marks. None of it may reach the disk.
const (
	secretChat  = "858012761777"
	secretUser  = "waffle_lapkin"
	secretIP    = "203.0.113.197"
	secretPhone = "+49 170 5550123"
	secretEmail = "ada.secret@example.org"
)

var secrets = []string{secretChat, secretUser, secretIP, secretPhone, secretEmail}

// privateSchemas: order.placed marks personal data, order.closed has the same fields and marks none but knows no others.
func privateSchemas(tb testing.TB) *schema.Registry {
	tb.Helper()
	r, err := schema.Load(fstest.MapFS{
		"order.placed/1.json": {Data: []byte(`{"type":"object","additionalProperties":false,"required":["plan"],"properties":{
			"plan":{"enum":["free","pro"]},"amount":{"type":"integer","minimum":0},
			"email":{"type":"string","format":"email","maxLength":30,"x-pii":true},
			"contact":{"type":"object","additionalProperties":false,"properties":{"phone":{"type":"string","x-pii":true},"city":{"type":"string"}}},
			"people":{"type":"array","maxItems":3,"items":{"type":"object","properties":{"name":{"x-pii":true}}}},
			"who":{"x-pii":true},"any":{"anyOf":[{"type":"integer"},{"type":"object","properties":{"chat":{"x-pii":true}}}]}}}`)},
		"order.open/1.json": {Data: []byte(`{"type":"object","properties":{"email":{"x-pii":true},"amount":{"type":"integer"}}}`)},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// spoken is everything that a request leaves behind: what would be spooled, and what the sender is told.
func spoken(d *decoder, err error) []byte {
	out := bytes.Clone(d.out)
	for _, i := range d.items() {
		out = fmt.Appendf(out, "%+v", i)
	}
	return fmt.Appendf(out, "%v", err)
}

// sower makes requests with secrets where secrets belong, and where nobody expects them.
type sower struct{ *rand.Rand }

func (g *sower) one(of ...string) string { return of[g.IntN(len(of))] }

func (g *sower) text() string { return `"` + secrets[g.IntN(len(secrets))] + `"` }

// number is a string that nobody can take for a name.
func (g *sower) number() string { return `"` + g.one(secretChat, secretPhone, secretEmail) + `"` }

// value holds secrets, whole or inside something.
func (g *sower) value() string {
	switch g.IntN(6) {
	case 0:
		return secretChat
	case 1:
		return `[` + g.text() + `,` + secretChat + `]`
	case 2:
		return `{"chat_id":` + secretChat + `,"x":` + g.text() + `}`
	case 3:
		return `[{"a":[` + g.text() + `]}]`
	}
	return g.text()
}

func (g *sower) lead() string {
	return g.one(
		`{"chat_id":`+secretChat+`,"username":"`+secretUser+`","ip":"`+secretIP+`","locale":"ru"}`,
		`{"chat_id":"`+secretChat+`"}`, `{"chat_id":`+secretChat+`.5}`, `{"chat_id":`+secretChat+secretChat+`}`,
		`{"ip":`+g.text()+`,"chat_id":`+g.value()+`}`, `{"locale":"`+secretEmail+`"}`, `{"username":`+g.value()+`}`,
		`{"chatid":`+g.value()+`,"`+secretChat+`":1}`, g.value())
}

// payload fits order.placed, or breaks it in one of many ways.
func (g *sower) payload() string {
	fields := []string{`"plan":"pro"`}
	for _, f := range []string{
		`"email":"` + secretEmail + `"`, `"contact":{"phone":"` + secretPhone + `","city":"Berlin"}`, `"people":[{"name":` + g.text() + `},{"name":` + g.value() + `}]`,
		`"who":` + g.value(), `"any":{"chat":` + g.value() + `}`,
	} {
		if g.IntN(2) == 0 {
			fields = append(fields, f)
		}
	}
	if g.IntN(2) == 0 {
		fields = append(fields, g.one(
			`"amount":-1`, `"plan2":`+g.value(), `"`+secretEmail+`":1`, `"`+secretChat+`":{"a":1}`, `"amount":`+g.one(`{"x":`+g.text()+`}`, `[`+g.text()+`]`), `"plans":[`+g.text()+`]`,
			`"contacts":{"phone":`+g.text()+`}`))
	}
	if g.IntN(6) == 0 {
		fields[0] = g.one(`"plan":{"a":`+g.value()+`}`, `"plan":"gold"`, `"emails":`+g.value())
	}
	out := "{" + strings.Join(fields, ",") + "}"
	if g.IntN(6) == 0 {
		out = g.one(strings.Replace(out, `"contact":{"phone"`, `"contact":{"fax"`, 1), strings.Replace(out, `"email":"`, `"email":["x","`, 1), g.value())
		if strings.Count(out, "[") != strings.Count(out, "]") {
			out = strings.Replace(out, secretEmail+`"`, secretEmail+`"]`, 1)
		}
	}
	return out
}

// event is one in the envelope of our own or, cloudy, of CloudEvents.
func (g *sower) event(cloudy bool) string {
	kind := g.one("order.placed", "order.placed", "order.placed", "order.placed", "Order", "order.placed.")
	fields := []string{`"id":"` + fmt.Sprint(g.Uint32()) + `"`, `"type":"` + kind + `"`}
	data := `"payload":`
	if cloudy {
		fields = append(fields, `"specversion":"1.0"`, `"source":"/`+g.one("a", "")+`"`)
		data = `"data":`
		if g.IntN(2) == 0 {
			fields = append(fields, `"leadchatid":`+g.one(secretChat, `"`+secretChat+`"`, g.value()), `"leadip":`+g.text(), `"username":`+g.value())
		}
	} else if g.IntN(3) > 0 {
		fields = append(fields, `"lead":`+g.lead())
	}
	fields = append(fields, data+g.payload())
	for range g.IntN(3) {
		fields = append(fields, g.one(
			`"chat_id":`+g.value(), `"chat":`+g.value(), `"`+secretChat+`":1`, `"`+secretEmail+`":2`, `"spans":`+g.value(), `"tracestate":`+g.value(), `"traceparent":`+g.value(),
			`"bot":[`+g.text()+`]`, `"attempt":[`+secretChat+`]`, `"campaign":{"a":`+g.text()+`}`, `"attempt":0`, `"attempt":`+secretChat, `"attempt":`+secretChat+`.5`,
			`"occurred_at":[`+g.text()+`]`, `"occurred_at":`+g.number(), `"time":`+g.number(), `"schema":`+g.number(), `"sent_at":`+g.number(), `"schema":"order.placed/`+g.one("1", "2", "x")+`"`, `"data_base64":`+g.text()))
	}
	g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	return "{" + strings.Join(fields, ",") + "}"
}

// Whatever is sent, and wherever personal data stands in it: none of it is in a record's bytes or in a receipt.
func TestNoSecretIsKept(t *testing.T) {
	t.Parallel()
	g := &sower{rand.New(rand.NewPCG(3, 14))}
	d := newDecoder(privateSchemas(t), func(string) []byte { return []byte("pepper") }, newClock())
	hook := mustHook(t, "id: str('id')\ntype: str('type')\nchat_id: num('chat')\nip: str('user.ip')\nbot: str('bot')")
	codes := map[string]int{}
	for range 30_000 {
		r := Request{Partner: "acme", ReceivedAt: received, Received: received, Format: Format(g.IntN(4))}
		var body string
		switch r.Format {
		case FormatCloudEvent:
			body = g.event(true)
		case FormatCloudEvents:
			body = "[" + g.event(true) + "," + g.value() + "]"
		case FormatNDJSON:
			body = g.event(false) + "\n" + g.value() + "\n" + g.event(false)[1:]
		default:
			body = g.one(g.event(false), "["+g.event(false)+","+g.event(false)+"]", g.value())
		}
		if g.IntN(20) == 0 {
			body = body[:g.IntN(len(body))]
		}
		r.Body = []byte(body)
		read := (*decoder).decode
		if g.IntN(5) == 0 {
			r.Format = FormatJSON
			r.Body = []byte(strings.Replace(g.payload(), "{", `{"type":"order.placed","id":`+g.one(`"1"`, `"`+secretEmail+`"`, secretChat)+`,"chat":`+secretChat+`,"user":{"ip":`+g.text()+`},`, 1))
			body = string(r.Body)
			read = func(d *decoder) error { return d.hook(hook) }
		}
		d.begin(&r, 1)
		err := read(d)
		said := spoken(d, err)
		for _, v := range d.verdicts {
			codes[string(v.result)+v.code]++
		}
		for _, s := range secrets {
			if bytes.Contains(said, []byte(s)) {
				t.Fatalf("%d %s\nleaves %s in\n%q", r.Format, body, s, said)
			}
		}
		if err == nil {
			checkRecords(t, d)
		}
		d.end()
	}
	for _, c := range []string{"ok", "warning", "drop" + CodeSchemaViolation, "drop" + CodeUnknownField, "drop" + CodeInvalidField, "drop" + CodeInvalidJSON, "drop" + CodeNotAnObject, "drop" + CodeSchemaUnknown, "drop" + CodeBinaryData} {
		if codes[c] < 50 {
			t.Errorf("only %d items were %s: %v", codes[c], c, codes)
		}
	}
}

func TestMaskedEvent(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *Options) { o.Schemas = privateSchemas(t) })
	f := func(body string) {
		t.Helper()
		p.Submit(context.Background(), Request{Partner: "acme", Body: []byte(body)})
	}
	f(`{"id":"1","type":"order.placed","payload":{"plan":"pro","email":"ada@example.org","people":[{"name":7},{"name":null}],"who":{"a":1}}}`)
	f(`{"payload":{"plan":"pro","email":"ada@example.org"},"id":"2","type":"order.placed"}`)
	f(`{"id":"3","type":"order.placed","lead":{"chat_id":5},"payload":{"plan":"pro","email":"ada","emial":"ada@example.org","amount":-1}}`)
	f(`{"id":"4","type":"order","payload":{"plan":"pro","email":"ada@example.org"}}`)
	f(`{"id":"5","type":"order.open","payload":{"amount":"x","` + strings.Repeat("é", 10) + `":1,"more":2}}`)
	m := drained(t, p)
	if len(m.events) != 2 || len(m.rejected) != 3 {
		t.Fatalf("%d events, %d rejected", len(m.events), len(m.rejected))
	}
	var l leads
	token := func(v string) string {
		return `"pii:` + string(l.token(p.opts.Pepper, "acme", []byte(v))) + `"`
	}
	if got, want := string(m.events[0].Payload), `{"plan":"pro","email":`+token("ada@example.org")+`,"people":[{"name":`+token("7")+`},{"name":null}],"who":"***"}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := string(m.events[1].Payload), `{"plan":"pro","email":`+token("ada@example.org")+`}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	lead := string(l.of(p.opts.Pepper, "acme", 5))
	kept := []string{
		`{"id":"3","type":"order.placed","payload":{"plan":"pro","email":` + token("ada") + `,"emial":` + token("ada@example.org") + `,"amount":-1},"lead":{"lead_key":"` + lead + `"}}`,
		`{"id":"4","type":"order"}`, // nobody knows which schema would have said what is personal
		`{"id":"5","type":"order.open","payload":{"amount":"x","` + strings.Repeat("é", 10) + `":` + token("1") + `,"more":` + token("2") + `}}`,
	}
	for i, x := range m.rejected {
		if string(x.Payload) != kept[i] {
			t.Errorf("got  %s\nwant %s", x.Payload, kept[i])
		}
	}
	if x := m.rejected[0]; x.LeadKey != lead {
		t.Errorf("lead key %q", x.LeadKey)
	}
}

// What one item's check noted is not taken for another's, wherever their payloads stand and whichever scan checked them.
func TestMaskedEventsOfARequest(t *testing.T) {
	t.Parallel()
	var l leads
	pepper := func(string) []byte { return []byte("pepper") }
	mail := `"pii:` + string(l.token(pepper, "acme", []byte("ada@example.org"))) + `"`
	const head = `"type":"order.open","id":`
	items := []struct{ body, payload string }{
		{`{` + head + `"1","payload": {"amount":1,"email":"ada@example.org"} }`, `{"amount":1,"email":` + mail + `}`},
		{`{` + head + `"2"}`, `{}`},
		{`{"payload":{ "email" : "ada@example.org" },` + head + `"3"}`, `{ "email" : ` + mail + ` }`},
		{`{` + head + `"4","payload":{"amount":1}}`, `{"amount":1}`},
		{`{"type":"order.closed","id":"5","payload":{"email":"x","amount":1}}`, `{"email":"x","amount":1}`},
		{`{"type":"order.closed","id":"6","payload":{"email":"ada@example.org"},"schema":"order.open/1"}`, `{"email":` + mail + `}`},
		{`{` + head + `"7","payload":{"email":null,"em\u0061il2":2}}`, `{"email":null,"em\u0061il2":2}`},
	}
	d := newDecoder(privateSchemas(t), pepper, newClock())
	f := func(format Format, body string) {
		t.Helper()
		d.begin(&Request{Partner: "acme", Format: format, Body: []byte(body), ReceivedAt: received, Received: received}, 1)
		defer d.end()
		if err := d.decode(); err != nil || len(d.ends) != len(items) {
			t.Fatal(err, d.items())
		}
		r, from := newRecords(), 0
		for i, end := range d.ends {
			var e leadline.Event
			if kind, err := r.kind(d.out[from:end]); err != nil || kind != recordEvent {
				t.Fatal(kind, err)
			}
			if _, err := r.event(&e); err != nil || string(e.Payload) != items[i].payload {
				t.Errorf("%v, %s\n got %s\nwant %s", err, items[i].body, e.Payload, items[i].payload)
			}
			from = end
		}
	}
	var bodies []string
	for _, item := range items {
		bodies = append(bodies, item.body)
	}
	f(FormatJSON, "["+strings.Join(bodies, ", ")+"]")
	f(FormatNDJSON, strings.Join(bodies, "\n"))
}

// A masked payload may be longer than what came.
func TestMaskedEventIsBounded(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *Options) { o.Schemas = privateSchemas(t) })
	_, err := submit(p, `{"id":"1","type":"order.open","payload":{"email":1`+strings.Repeat(" ", 10)+`,"amount":1}}`)
	if err != nil {
		t.Error(err)
	}
	r, err := schema.Load(fstest.MapFS{"order.open/1.json": {Data: []byte(`{"properties":{"list":{"items":{"x-pii":true}}}}`)}})
	if err != nil {
		t.Fatal(err)
	}
	p = start(t, func(o *Options) { o.Schemas = r })
	_, err = submit(p, `{"id":"1","type":"order.open","payload":{"list":[`+strings.Repeat("1,", 10_000)+`1]}}`)
	if x := problem(t, err); x.Receipt.Items[0].Code != CodeTooLarge {
		t.Errorf("got %+v", x)
	}
	if m := drained(t, p); len(m.rejected) != 1 || string(m.rejected[0].Payload) != `{"id":"1","type":"order.open"}` {
		t.Errorf("rejected %+v", m.rejected)
	}
}

// The id of an event without one is a keyed hash: a bare one of a chat id could be tried out.
func TestDerivedIDIsKeyed(t *testing.T) {
	t.Parallel()
	id := func(pepper string) string {
		d := newDecoder(schemas(t), func(string) []byte { return []byte(pepper) }, newClock())
		d.begin(&Request{Partner: "acme", Body: []byte(`{"type":"lead.created","lead":{"chat_id":5}}`), ReceivedAt: received, Received: received}, 1)
		if err := d.array(); err != nil {
			t.Fatal(err)
		}
		return string(d.ids)
	}
	if first, again := id("a"), id("a"); first != again || first == id("b") {
		t.Error("the id does not hang on the pepper")
	}
}
