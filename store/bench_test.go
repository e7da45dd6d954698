package store

import (
	"context"
	"fmt"
	"io"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"leadline"
	"leadline/sql"
)

// The whole way into the embedded ClickHouse, guard included, by size of batch.
func BenchmarkWrite(b *testing.B) {
	for _, n := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			d, _ := migrated(b)
			batch, block := newRush(1, noon, time.Millisecond).batch(n), d.Block()
			write := func(token string) {
				batch.Token = token
				fill(block, batch)
				if err := block.Write(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			for i := range writers { // their memory grows once
				write(fmt.Sprint("first-", i))
			}
			b.ReportAllocs()
			begin := cpu(b)
			for i := 0; b.Loop(); i++ {
				write(fmt.Sprint(i))
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "events/s")
			b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(n*b.N), "cpu-ns/event") // of this process, guard included
		})
	}
}

// Leadline's own part of it: columns filled and put into wire format, nothing sent.
func BenchmarkColumns(b *testing.B) {
	const n = 10_000
	batch := newRush(1, noon, time.Millisecond).batch(n)
	c := newEvents("ingest-1")
	w := proto.NewWriter(io.Discard, new(proto.Buffer))
	b.ReportAllocs()
	begin := cpu(b)
	for b.Loop() {
		c.input.Reset()
		for i := range batch.Events {
			c.add(&batch.Events[i])
		}
		if err := (proto.Block{Columns: len(c.input), Rows: n}).WriteBlock(w, proto.Version, c.input); err != nil {
			b.Fatal(err)
		}
		if _, err := w.Flush(); err != nil {
			b.Fatal(err)
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

// Bytes on disk for a million events of half an hour, merged; a span is a stage's entry in the four parallel arrays.
func BenchmarkBytes(b *testing.B) {
	const n, batches, stages = 50_000, 20, 6
	for b.Loop() {
		d, db := migrated(b)
		r := newRush(1, noon, 2*time.Millisecond)
		for range batches {
			write(b, d, r.batch(n))
		}
		db.Exec(b, "OPTIMIZE TABLE events FINAL")
		f := func(columns string, per int, unit string) {
			b.Helper()
			var bytes float64
			answer := db.Query(b, "SELECT sum(data_compressed_bytes) FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND "+columns)
			if _, err := fmt.Sscan(answer, &bytes); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(bytes/float64(n*batches*per), unit)
		}
		f("true", 1, "B/event")
		f("name != 'payload'", 1, "B/event-without-payload")
		f("name IN ('stage', 'wait_us', 'duration_us', 'status')", stages, "B/span")
	}
}

// The dearest statement of the dashboard over 100,000 events.
func BenchmarkSelect(b *testing.B) {
	d, _ := migrated(b)
	write(b, d, newRush(1, noon, time.Millisecond).batch(100_000))
	params := map[string]any{"from": noon, "to": noon.Add(time.Hour), "step": int64(15)}
	for b.Loop() {
		if _, err := d.Select(context.Background(), leadline.Query{SQL: sql.Query("stage_p95"), Params: params}); err != nil {
			b.Fatal(err)
		}
	}
}
