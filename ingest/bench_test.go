package ingest

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"

	"leadline"
	"leadline/ingest/enrich"
	"leadline/ingest/spool"
	"leadline/schema"
)

// discard is a ClickHouse that takes everything at once, so that what is measured is ours.
type discard struct{}

func (discard) Block() leadline.Block         { return discard{} }
func (discard) Begin(string)                  {}
func (discard) Add([]leadline.Event)          {}
func (discard) Reject(leadline.Rejected)      {}
func (discard) Leave(func(int) time.Duration) {}
func (discard) Write(context.Context) error   { return nil }

// event is 650 bytes, as in the measurements of the design. The id has a fixed width.
func event(n int) string {
	return fmt.Sprintf(`{"id":"01JQ7Z%020d","type":"lead.qualified","occurred_at":"%s","sent_at":"%s","bot":"acme_leads_bot","campaign":"spring-sale-%02d",`+
		`"lead":{"chat_id":858%06d,"username":"somebody_with_a_name","ip":"203.0.%d.%d","locale":"ru"},"traceparent":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",`+
		`"schema":"lead.qualified/2","attempt":1,"payload":{"plan":"pro","amount":4900,"currency":"EUR","tags":["a tag of some length","another tag of some length","and a third one, so that the event has six hundred and fifty bytes"]}}`,
		n, at(-time.Second), at(0), n%20, n%1000000, n>>8&255, n&255)
}

func benchPipeline(b *testing.B) *Pipeline {
	b.Helper()
	return start(b, func(o *Options) {
		o.Writer, o.MinAge = discard{}, 100*time.Millisecond
		o.Spool = openSpool(b, b.TempDir(), func(s *spool.Options) { s.SegmentBytes, s.MaxBytes = 64<<20, 16<<30 })
		o.GeoIP = geo{answer: func(netip.Addr) enrich.Result { return enrich.Result{Country: "DE", Status: leadline.StatusOK} }}
		text, err := os.ReadFile("../examples/qualify.yaml")
		if err != nil {
			b.Fatal(err)
		}
		if o.Qualify, err = LoadRules("qualify.yaml", text); err != nil {
			b.Fatal(err)
		}
	})
}

// benchSubmit submits from many goroutines while the pipeline drains; the time ends when everything is written.
func benchSubmit(b *testing.B, size int) {
	b.Helper()
	p := benchPipeline(b)
	ctx, cancel := context.WithCancel(b.Context())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	bodies := make(chan []byte, b.N)
	for from := 0; from < b.N; from += size {
		var body []byte
		for i := from; i < min(from+size, b.N); i++ {
			body = append(append(body, event(i)...), '\n')
		}
		bodies <- body
	}
	close(bodies)
	b.SetBytes(int64(len(event(0))))
	b.ReportAllocs()
	senders := max(2, 64/size)
	finished := make(chan error, senders)
	runtime.GC()
	b.ResetTimer()
	for range senders {
		go func() {
			for body := range bodies {
				if _, err := p.Submit(ctx, Request{Partner: "acme", Format: FormatNDJSON, Body: body}); err != nil {
					finished <- err
					return
				}
			}
			finished <- nil
		}()
	}
	for range senders {
		if err := <-finished; err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "acked/s")
	await(b, "an empty spool", func() bool { return p.Stats().Fill == 0 })
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "stored/s")
	cancel()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
	if s := p.Stats(); s.Stored != int64(b.N) {
		b.Fatalf("stored %d of %d", s.Stored, b.N)
	}
}

func BenchmarkSubmitOne(b *testing.B)  { benchSubmit(b, 1) }
func BenchmarkSubmit1000(b *testing.B) { benchSubmit(b, 1000) }

// BenchmarkDecode is one event's scan, checks, keys and record, without the spool.
func BenchmarkDecode(b *testing.B) {
	d := newDecoder(schemas(b), func(string) []byte { return []byte("pepper") }, newClock())
	r := Request{Partner: "acme", Body: []byte(event(1)), ReceivedAt: received, Received: received}
	b.SetBytes(int64(len(r.Body)))
	b.ReportAllocs()
	for b.Loop() {
		d.begin(&r, 1)
		if err := d.array(); err != nil || d.verdicts[0].result != leadline.ResultOK {
			b.Fatal(err, d.verdicts)
		}
		d.end()
	}
}

// lead is an event of 650 bytes as the examples' schema of lead.qualified knows it, which marks the e-mail address.
func lead(n int, form string) string {
	return fmt.Sprintf(`{"id":"0001-%016x","type":"lead.qualified","schema":"lead.qualified/2","occurred_at":"%s","sent_at":"%s","bot":"leads_%03d_bot","campaign":"campaign_%05d",`+
		`"lead":{"chat_id":41%08d,"ip":"203.0.%d.%d","locale":"en"},"payload":{"plan":"pro","amount":%d,"currency":"EUR","score":0.%02d,"utm_source":"telegram","utm_medium":"invite",`+
		`"utm_campaign":"spring_deep_%d","premium":false,"device":"android","steps":[254,500,460],"form":{"company":"start plan GmbH","employees":829,"budget":7875,"country":"DE",%s},"external_id":"bonus-%08x"}}`,
		n, at(-time.Second), at(0), n%64, n%500, n, n>>8&255, n&255, 900+n, n%100, n%99, form, n)
}

// benchLines decodes requests of 1000 lines, one of which after the other is an operation.
func benchLines(b *testing.B, form string) {
	b.Helper()
	schemas, err := schema.Load(os.DirFS("../examples/schemas"))
	if err != nil {
		b.Fatal(err)
	}
	d := newDecoder(schemas, func(string) []byte { return []byte("pepper") }, newClock())
	r := Request{Partner: "acme", Format: FormatNDJSON, ReceivedAt: received, Received: received}
	const size = 1000
	for n := range size {
		r.Body = append(append(r.Body, lead(n, form)...), '\n')
	}
	b.SetBytes(int64(len(r.Body) / size))
	b.ReportAllocs()
	b.ResetTimer()
	begin := cpu(b)
	for n := 0; n < b.N; n += size {
		d.begin(&r, 1)
		d.lines()
		if v := d.verdicts[size-1]; len(d.records) != size || v.result != leadline.ResultOK {
			b.Fatal(v)
		}
		d.end()
	}
	b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(b.N), "cpu-ns/op")
}

// BenchmarkLines is the cost of an event where its schema marks personal data and it has none.
func BenchmarkLines(b *testing.B) {
	benchLines(b, `"email_hash":"00000000000000000000000000000000000000000000000000005b98d5fecc44"`)
}

// BenchmarkLinesMasked is the cost of an event with personal data.
func BenchmarkLinesMasked(b *testing.B) {
	benchLines(b, `"website":"https://nordwind.example/team","email":"ada@nordwind.example"`)
}

// BenchmarkDrain is the other side of the spool: read records, enrich, qualify. There are as many as a batch has at full
// load, more than the processor's caches hold.
func BenchmarkDrain(b *testing.B) {
	const n = 60_000
	p := benchPipeline(b)
	d := newDecoder(schemas(b), p.opts.Pepper, p.clock)
	records := make([][]byte, n)
	for i := range records {
		r := Request{Partner: "acme", Body: []byte(event(i)), ReceivedAt: received, Received: received}
		d.begin(&r, 1)
		if err := d.array(); err != nil {
			b.Fatal(err)
		}
		records[i] = bytes.Clone(d.out)
		d.end()
	}
	s, bt := newStretch(), &batch{Block: discard{}, segment: new(spool.Segment)}
	b.ReportAllocs()
	begin := cpu(b)
	for b.Loop() {
		for records := range slices.Chunk(records, stretchEvents) {
			p.load(s, bt, records)
			from, to := p.enrich(b.Context(), s)
			p.settle(s, from, to)
		}
		if bt.rejected > 0 {
			b.Fatal("records that cannot be read")
		}
	}
	b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(n*b.N), "cpu-ns/event")
}

// cpu is the processor time of this process: on a busy machine it says more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
