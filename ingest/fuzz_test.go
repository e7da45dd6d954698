package ingest

import (
	"encoding/json"
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
