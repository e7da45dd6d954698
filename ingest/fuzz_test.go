package ingest

import (
	"encoding/json"
	"strings"
	"testing"

	"leadline"
	"leadline/ingest/spool"
)

// checkRecords reads back what a decoder made of a request: every record is whole, and an event in it is one that
// ClickHouse and the receipt can hold.
func checkRecords(t *testing.T, d *decoder) {
	t.Helper()
	if len(d.records) > len(d.verdicts) || len(d.ends) != len(d.records) {
		t.Fatalf("%d records, %d ends, %d verdicts", len(d.records), len(d.ends), len(d.verdicts))
	}
	byRecord := map[int]verdict{}
	for _, v := range d.verdicts {
		if v.record < 0 && v.code != CodeErased {
			t.Fatalf("verdict %+v has no record", v)
		}
		byRecord[v.record] = v
	}
	r := newRecords()
	from := 0
	for i, end := range d.ends {
		data := d.out[from:end]
		from = end
		kind, err := r.kind(data)
		if err != nil {
			t.Fatal(err)
		}
		var x leadline.Rejected
		var e leadline.Event
		switch kind {
		case recordRejected:
			if err := r.rejected(&x); err != nil || x.Code == "" || len(x.Violations) == 0 || len(x.Payload) > maxEvent || details[x.Code] == "" {
				t.Fatalf("rejected %+v, %v", x, err)
			}
			if byRecord[i].result != leadline.ResultDrop || d.records[i].Key != (leadline.Key{}) {
				t.Fatalf("verdict %+v of a rejected item", byRecord[i])
			}
		default:
			if _, err := r.event(&e); err != nil {
				t.Fatal(err)
			}
			if e.ID == "" || e.Type == "" || !isType([]byte(e.Type)) || e.Key != d.records[i].Key || !json.Valid(e.Payload) || e.Payload[0] != '{' {
				t.Fatalf("event %+v %s", e, e.Payload)
			}
			for _, w := range e.Warnings {
				if details[w] == "" {
					t.Fatalf("warning %q is not documented", w)
				}
			}
		}
	}
	d.items()
}

func seeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		good, "[" + good + "," + good + "]", good + "\n{}\n5\n{", `[{"type":"lead.created"},null]`, "", "{}",
		with(`"lead":{"chat_id":1,"ip":"::1","locale":"ru"},"attempt":2`), with(`"schema":"lead.qualified/1.2","spans":[]`),
		with(`"occurred_at":"2026-03-20T19:30:27.123Z","sent_at":"2026-03-20T19:30:28Z"`), with(`"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"`),
		`{"payload":{"plan":"pro","tags":[1]},"type":"lead.qualified","id":"\u0061"}`, `{"type":"lead.created","payload":{"a":" \" "} , "bot":"\ud83d\ude00"}`,
	} {
		f.Add([]byte(s))
	}
}

func fuzzBody(f *testing.F, read func(d *decoder)) {
	f.Helper()
	seeds(f)
	d := newDecoder(schemas(f), func(string) []byte { return []byte("p") }, newClock())
	f.Fuzz(func(t *testing.T, body []byte) {
		r := Request{Partner: "acme", Body: body, ReceivedAt: received, Received: received}
		d.begin(&r, 1)
		defer d.end()
		read(d)
		checkRecords(t, d)
	})
}

// Whatever the body, what is decoded of it can be spooled and read back.
func FuzzJSON(f *testing.F) {
	fuzzBody(f, func(d *decoder) {
		if err := d.array(); err != nil {
			d.records, d.verdicts, d.ends = []spool.Record{}, nil, nil
		}
	})
}

func FuzzNDJSON(f *testing.F) { fuzzBody(f, (*decoder).lines) }

func cloudSeeds(f *testing.F) {
	f.Helper()
	for _, s := range []string{
		cloud(``), "[" + cloud(``) + "," + cloud(`"id":"2"`) + "]", "[]", "{}", "5", `[null,{"specversion":"1.0"}]`,
		cloud(`"time":"2026-03-20T19:30:27.123Z","dataschema":"https://example.org/lead.qualified/2.json"`), cloud(`"data_base64":"aGk="`),
		cloud(`"leadchatid":"1","leadip":"::1","leadlocale":"ru","x":null`), cloud(`"schema":"lead.qualified/1","traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"`),
		cloud(`"subject":null,"sequence":"1","comexampleextension1":7`), cloud(`"source":"\u0000"`), cloud(`"data":{"plan":1,"amont":2}`),
	} {
		f.Add([]byte(s))
	}
}

func fuzzCloud(f *testing.F, format Format) {
	f.Helper()
	cloudSeeds(f)
	d := newDecoder(schemas(f), func(string) []byte { return []byte("p") }, newClock())
	f.Fuzz(func(t *testing.T, body []byte) {
		r := Request{Partner: "acme", Format: format, Body: body, ReceivedAt: received, Received: received}
		d.begin(&r, 1)
		defer d.end()
		if d.decode() == nil {
			checkRecords(t, d)
		}
	})
}

func FuzzCloudEvent(f *testing.F)  { fuzzCloud(f, FormatCloudEvent) }
func FuzzCloudEvents(f *testing.F) { fuzzCloud(f, FormatCloudEvents) }

// FuzzHook maps bodies of any kind with the expressions of a shop's webhook.
func FuzzHook(f *testing.F) {
	for _, s := range []string{
		`{"id":"1","type":"charge.paid","amount":1}`, `{"id":"1","type":"charge.paid","created":1774035027,"data":{"chat":1,"ip":"::1","utm":{"campaign":"x"}}}`,
		`{}`, `[]`, `5`, ``, `{"type":"charge.paid","data":{"chat":1e400,"ip":"x"},"created":-1}`, `{"data.chat":7,"data":{"chat":8},"type":"a"}`, `{"type":"\u0000"}`,
	} {
		f.Add([]byte(s))
	}
	d := newDecoder(schemas(f), func(string) []byte { return []byte("p") }, newClock())
	h := mustHook(f, shop)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := Request{Partner: "acme", Body: body, ReceivedAt: received, Received: received}
		d.begin(&r, 1)
		defer d.end()
		if d.hook(h) == nil {
			checkRecords(t, d)
		}
	})
}

// FuzzPrivate sends events with an x-pii field: its value is in nothing that is kept.
func FuzzPrivate(f *testing.F) {
	for _, s := range []string{`"ada@example.org"`, `7`, `{"a":["b"]}`, `null`, `"\u0061\ud83d\ude00"`, `true`, `[[]]`, `-1.5e3`} {
		f.Add(s, `"plan":"pro"`)
		f.Add(s, `"plan":"gold","emial":1`)
	}
	d := newDecoder(privateSchemas(f), func(string) []byte { return []byte("p") }, newClock())
	f.Fuzz(func(t *testing.T, value, rest string) {
		r := Request{Partner: "acme", Body: []byte(`{"id":"1","type":"order.placed","payload":{"who":["SECRET",` + value + `],` + rest + `}}`), ReceivedAt: received, Received: received}
		d.begin(&r, 1)
		defer d.end()
		if d.decode() == nil && strings.Count(value+rest, "SECRET") == 0 && !strings.Contains(value, "]") {
			checkRecords(t, d)
			if strings.Contains(string(spoken(d, nil)), "SECRET") {
				t.Fatalf("%s leaves the secret in %q", r.Body, spoken(d, nil))
			}
		}
	})
}
