package ingest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"leadline"
)

// What a receipt quotes stays what it was, whatever the same decoder reads next.
func TestReceiptOutlivesItsItems(t *testing.T) {
	t.Parallel()
	d := newDecoder(schemas(t), func(string) []byte { return []byte("pepper") }, newClock())
	read := func(body string) []leadline.Item {
		d.begin(&Request{Partner: "acme", Format: FormatNDJSON, Body: []byte(body), ReceivedAt: received, Received: received}, 1)
		defer d.end()
		d.lines()
		return d.items()
	}
	items := read(`{"id":"1","type":"lead.qualified","schema":"lead.qualified/7"}` + "\n" + `{"id":"of_another_item","type":"lead.created"}`)
	read(`{"id":"of_another_request","type":"lead.created","bot":"somebody"}`)
	if v := items[0].Violations; len(v) != 1 || v[0].Got != "lead.qualified/7" {
		t.Errorf("got %+v", v)
	}
}

// What a decoder has read before changes nothing of what it makes of an item.
func TestDecoderForgets(t *testing.T) {
	t.Parallel()
	g := &sower{rand.New(rand.NewPCG(2, 72))}
	schemas := privateSchemas(t)
	fresh := func() *decoder {
		return newDecoder(schemas, func(string) []byte { return []byte("pepper") }, newClock())
	}
	made := func(d *decoder, r *Request) string {
		d.begin(r, 1)
		defer d.end()
		if err := d.decode(); err != nil {
			return err.Error()
		}
		out, from, records := fmt.Sprintf("%+v", d.items()), 0, newRecords()
		for _, end := range d.ends {
			var x leadline.Rejected
			var e leadline.Event
			kind, err := records.kind(d.out[from:end])
			if kind == recordRejected {
				err = errors.Join(err, records.rejected(&x))
			} else {
				_, more := records.event(&e)
				err = errors.Join(err, more)
			}
			e.Segments = nil // which say how long it took
			out += fmt.Sprintf("%+v %s %+v %s %v", e, e.Payload, x, x.Payload, err)
			from = end
		}
		return out
	}
	used := fresh()
	for i := range 5_000 {
		r := Request{Partner: "acme", ReceivedAt: received, Received: received}
		body := g.event(false)
		if i%3 == 0 {
			r.Format, body = FormatCloudEvent, g.event(true)
		}
		switch g.IntN(8) {
		case 0:
			body = `{"id":"1","type":"` + g.one("order.open", "order.placed", "order.none") + `","schema":"` + g.one("", "order.open/1", "order.open/1.2", "order.placed/1", "order.open/2", "a/1") + `"}`
		case 1:
			body = strings.Replace(body, `"type":"order.placed"`, `"type":"order.open"`, 1)
		}
		r.Body = []byte(body)
		if got, want := made(used, &r), made(fresh(), &r); got != want {
			t.Fatalf("%s\n got %s\nwant %s", body, got, want)
		}
	}
}
