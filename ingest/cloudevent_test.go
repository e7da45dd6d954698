package ingest

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

// cloud is a good CloudEvent with attributes added or replaced by the given ones.
func cloud(attributes string) string {
	out := "{"
	for _, a := range []string{`"specversion":"1.0"`, `"id":"A234"`, `"source":"/bots/acme"`, `"type":"lead.qualified"`, `"data":{"plan":"pro"}`} {
		name, _, _ := strings.Cut(a, ":")
		if !strings.Contains(attributes, name+":") {
			out += a + ","
		}
	}
	return strings.TrimSuffix(out+attributes, ",") + "}"
}

func TestCloudEvent(t *testing.T) {
	t.Parallel()
	got := takenEvent(t, Request{Format: FormatCloudEvent, Body: []byte(`{"specversion":"1.0","id":"A234-1234-1234","source":"https://example.org/bots/acme",
		"type":"lead.qualified","time":"` + at(-time.Second) + `","dataschema":"https://example.org/schemas/lead.qualified/2.json",
		"datacontenttype":"application/json","subject":"42","sequence":"1","recordedtime":"x","partitionkey":"7","comexample":null,
		"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01","tracestate":"a=b",
		"campaign":"spring","bot":"acme_bot","leadchatid":"858012761","leadip":"203.0.113.9","leadlocale":"ru",
		"data":{"plan":"pro","amount":5}}`)})
	want := leadline.Event{
		ID: "ce:05237088308b281a1efa36e7e28ce484", TraceID: [16]byte{0x4b, 0xf9, 0x2f, 0x35, 0x77, 0xb3, 0x4d, 0xa6, 0xa3, 0xce, 0x92, 0x9d, 0x0e, 0x0e, 0x47, 0x36},
		Type: "lead.qualified", Schema: "lead.qualified/2", Partner: "acme", Bot: "acme_bot", Campaign: "spring", Source: leadline.SourceEvents,
		ReceivedAt: received, OccurredAt: received.Add(-time.Second).Truncate(time.Millisecond), Attempt: 1,
		LeadKey: takenEvent(t, Request{Body: []byte(with(`"lead":{"chat_id":858012761}`))}).LeadKey, Locale: "ru",
		IP: netip.MustParseAddr("203.0.113.0"), Payload: []byte(`{"plan":"pro","amount":5}`), Warnings: []string{},
	}
	want.Key = leadline.KeyOf("acme", want.ID)
	if diff := cmp.Diff(want, got, sameAddr, cmp.Comparer(func(a, b []string) bool { return strings.Join(a, " ") == strings.Join(b, " ") })); diff != "" {
		t.Error(diff)
	}
}

// Source and id together are unique: neither alone makes a duplicate.
func TestCloudEventIdentity(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	f := func(body string, want leadline.Result) {
		t.Helper()
		r, err := p.Submit(context.Background(), Request{Partner: "acme", Format: FormatCloudEvent, Body: []byte(body), Itemize: true})
		if err != nil || r.Items[0].Result != want || len(r.Items[0].ID) != 35 {
			t.Errorf("%s: got %+v, %v", body, r, err)
		}
	}
	f(cloud(``), leadline.ResultOK)
	f(cloud(`"data":{"plan":"free"}`), leadline.ResultDuplicate)
	f(cloud(`"source":"/bots/other"`), leadline.ResultOK)
	f(cloud(`"id":"ID with spaces, ключ, any length"`), leadline.ResultOK)
	f(cloud(`"source":"/bots/acm","id":"eA234"`), leadline.ResultOK)
}

func TestCloudEventRemarks(t *testing.T) {
	t.Parallel()
	f := func(attributes, schema string, want ...string) {
		t.Helper()
		e := takenEvent(t, Request{Format: FormatCloudEvent, Body: []byte(cloud(attributes))})
		if strings.Join(e.Warnings, " ") != strings.Join(want, " ") || e.Schema != schema {
			t.Errorf("%s: got %q with %s", attributes, e.Warnings, e.Schema)
		}
	}
	f(``, "lead.qualified/2")
	f(`"comexampleextension1":"value","comexampleothervalue":5`, "lead.qualified/2", CodeUnknownExtension)
	f(`"dataschema":"lead.qualified/1"`, "lead.qualified/1")
	f(`"dataschema":"urn:whatever"`, "lead.qualified/2")
	f(`"dataschema":"https://example.org/schemas/2"`, "lead.qualified/2")
	f(`"dataschema":"x:/lead.qualified/2","schema":"lead.qualified/1"`, "lead.qualified/1")
	f(`"schema":"lead.qualified/1","dataschema":"x:/lead.qualified/2"`, "lead.qualified/1")
	f(`"leadchatid":858012761,"time":null,"dataschema":null,"traceparent":"00-zz"`, "lead.qualified/2", CodeInvalidTraceparent)
	f(`"type":"com.github.pull_request.opened"`, "", CodeNoSchema)
}

// The shapes of events in the specification's own examples, and everything that can be wrong.
func TestCloudEventDrops(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	f := func(body, code string, violations ...string) {
		t.Helper()
		r, err := p.Submit(context.Background(), Request{Partner: "acme", Format: FormatCloudEvent, Body: []byte(body), ReceivedAt: received, Itemize: true})
		if x := problem(t, err); x.Status != 422 || x.Code != CodeItemRejected || len(r.Items) != 1 {
			t.Fatalf("%s: got %+v", body, x)
		}
		var got []string
		for _, v := range r.Items[0].Violations {
			got = append(got, v.Pointer+" "+v.Rule)
		}
		if r.Items[0].Code != code || strings.Join(got, ", ") != strings.Join(violations, ", ") {
			t.Errorf("%s: got %s %q", body, r.Items[0].Code, got)
		}
	}
	f(`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","subject":null,"id":"C234-1234-1234","time":"2018-04-05T17:31:00Z",
		"comexampleextension1":"value","datacontenttype":"application/xml","data":"<much wow=\"xml\"/>"}`, CodeInvalidField, "/data type", "/time minimum")
	f(`{"specversion":"1.0","type":"com.example.someevent","source":"/mycontext","id":"D234","datacontenttype":"application/vnd.apache.thrift.binary",
		"data_base64":"aGVsbG8="}`, CodeBinaryData, "/data_base64 type")
	f(`{"specversion":"1.0","type":"com.example.someEvent","source":"/mycontext","id":"E"}`, CodeInvalidField, "/type pattern")
	f(`{}`, CodeMissingField, "/specversion required", "/id required", "/source required", "/type required")
	f(`{"specversion":null,"id":null,"source":null,"type":null}`, CodeMissingField, "/specversion required", "/id required", "/source required", "/type required")
	f(cloud(`"specversion":"0.3"`), CodeInvalidField, "/specversion pattern")
	f(cloud(`"specversion":1.0`), CodeInvalidField, "/specversion type")
	f(cloud(`"id":""`), CodeInvalidField, "/id pattern")
	f(cloud(`"id":7`), CodeInvalidField, "/id type")
	f(cloud(`"source":"a\u0000b"`), CodeInvalidField, "/source pattern")
	f(cloud(`"type":"created"`), CodeInvalidField, "/type pattern")
	f(cloud(`"time":"yesterday"`), CodeInvalidField, "/time format")
	f(cloud(`"time":"`+at(6*time.Minute)+`"`), CodeFutureTimestamp, "/time maximum")
	f(cloud(`"leadchatid":"abc"`), CodeInvalidField, "/leadchatid type")
	f(cloud(`"leadchatid":true`), CodeInvalidField, "/leadchatid type")
	f(cloud(`"leadip":"x"`), CodeInvalidField, "/leadip format")
	f(cloud(`"leadlocale":"x y"`), CodeInvalidField, "/leadlocale pattern")
	f(cloud(`"dataschema":7`), CodeInvalidField, "/dataschema type")
	f(cloud(`"schema":"x"`), CodeInvalidField, "/schema pattern")
	f(cloud(`"dataschema":"x:/lead.qualified/3"`), CodeSchemaUnknown, "/dataschema const")
	f(cloud(`"data":{"plan":"gold","amont":1}`), CodeSchemaViolation, "/data/plan enum", "/data/amont additionalProperties")
	f(cloud(`"data":[]`), CodeInvalidField, "/data type")
	f(cloud(`"data":{"plan":"pro","x":"`+strings.Repeat("x", maxEvent)+`"}`), CodeTooLarge, " maxLength")
	f(`[`+cloud(``)+`]`, CodeNotAnObject, " type")
	m := drained(t, p)
	if got := string(m.rejected[0].Payload); got != `{"id":"C234-1234-1234","source":"/mycontext","type":"com.example.someevent","time":"2018-04-05T17:31:00Z"}` {
		t.Errorf("kept %s", got)
	}
}

func TestCloudEventBatch(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	send := func(body string) (leadline.Receipt, error) {
		return p.Submit(context.Background(), Request{Partner: "acme", Format: FormatCloudEvents, Body: []byte(body), Itemize: true})
	}
	r, err := send(`[` + cloud(``) + `,5,` + cloud(`"id":"2","leadchatid":"x"`) + `,` + cloud(`"id":"3"`) + `,` + cloud(``) + `]`)
	var got []string
	for _, i := range r.Items {
		got = append(got, string(i.Result)+" "+i.Code)
	}
	if err != nil || strings.Join(got, ",") != "ok ,drop not_an_object,drop invalid_field,ok ,duplicate " {
		t.Errorf("got %q, %v", got, err)
	}
	f := func(body string, status int, code string) {
		t.Helper()
		_, err := send(body)
		if x := problem(t, err); x.Status != status || x.Code != code {
			t.Errorf("%s: got %+v", body, x)
		}
	}
	f(cloud(``), 400, CodeInvalidBody)
	f(`[]`, 400, CodeEmptyBatch)
	f(`[`, 400, CodeInvalidBody)
	f(`x`, 400, CodeInvalidBody)
	f(`[5]`, 400, CodeAllRejected)
	f(`[`+cloud(`"partner":"other"`)+`]`, 403, CodePartnerMismatch)
}
