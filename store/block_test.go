package store

import (
	"bytes"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
	"pgregory.net/rapid"

	"leadline"
	"leadline/latency"
)

// whatever draws an event with any content, also such as ingest never makes.
func whatever() *rapid.Generator[leadline.Event] {
	return rapid.Custom(func(t *rapid.T) leadline.Event {
		text := func(name string) string {
			return rapid.SampledFrom([]string{"", "a", "b", "ünï", "longer than eight bytes"}).Draw(t, name)
		}
		at := func(name string) time.Time {
			return time.UnixMicro(rapid.Int64Range(0, latency.Last).Draw(t, name)).UTC()
		}
		e := leadline.Event{
			ID: text("id"), Type: text("type"), Schema: text("schema"), Partner: text("partner"), Bot: text("bot"), Campaign: text("campaign"),
			Source: text("source"), Lane: text("lane"), LeadKey: text("lead"), Locale: text("locale"), Country: text("country"), Outcome: text("outcome"),
			ReceivedAt: at("received"), OccurredAt: at("occurred").Truncate(time.Millisecond), SentAt: at("sent").Truncate(time.Millisecond),
			Attempt: rapid.Uint8().Draw(t, "attempt"), Payload: []byte(text("payload")),
			Warnings: rapid.SliceOfN(rapid.SampledFrom([]string{"x", "y"}), 0, 3).Draw(t, "warnings"),
		}
		e.TraceID[3] = e.Attempt
		switch rapid.IntRange(0, 2).Draw(t, "address") {
		case 0:
			e.IP = netip.MustParseAddr("203.0.113.0")
		case 1:
			e.IP = netip.MustParseAddr("2001:db8::")
		}
		for range rapid.IntRange(0, 4).Draw(t, "stages") {
			us := rapid.Int64Range(0, 1e9)
			e.Spend(text("stage"), time.Duration(us.Draw(t, "wait"))*time.Microsecond, time.Duration(us.Draw(t, "work"))*time.Microsecond, leadline.Status(text("status")))
		}
		return e
	})
}

// wire is what ClickHouse would get.
func wire(t *rapid.T, c *events) []byte {
	var b bytes.Buffer
	w := proto.NewWriter(&b, new(proto.Buffer))
	if err := (proto.Block{Columns: len(c.input), Rows: c.rows()}).WriteBlock(w, proto.Version, c.input); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// An event comes back as it was added, though its memory has been used again, and an event of its own makes the same row.
func TestRowsComeBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(whatever(), 1, 20).Draw(t, "events")
		c := newEvents("h")
		for _, e := range events {
			spoil := []byte(e.Campaign + e.ID + "\x00")
			e.Campaign, e.ID = unsafe.String(&spoil[0], len(e.Campaign)), unsafe.String(&spoil[len(e.Campaign)], len(e.ID))
			c.add(&e)
			clear(spoil)
		}
		i := 0
		for e := range c.whole() {
			if got, want := fmt.Sprintf("%+v", *e), fmt.Sprintf("%+v", events[i]); got != want {
				t.Fatalf("row %d:\n%s\n%s", i, got, want)
			}
			i++
		}
		again := newEvents("h")
		again.pick(c, all)
		if i != len(events) || c.rows() != i || !bytes.Equal(wire(t, again), wire(t, c)) {
			t.Fatalf("%d rows of %d, or other ones", i, len(events))
		}
	})
}

// Leave is as if the last stage had waited for longer from the start; it never takes anything back.
func TestLeave(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(whatever(), 1, 20).Draw(t, "events")
		c, want := newEvents("h"), newEvents("h")
		after := make([]time.Duration, len(events))
		for i := range events {
			c.add(&events[i])
			after[i] = time.Duration(rapid.Int64Range(0, 9e12).Draw(t, "after"))
		}
		c.leave(func(i int) time.Duration { return after[i] / 2 })
		c.leave(func(i int) time.Duration { return after[i] })
		for i := range events {
			e := &events[i]
			if n := len(e.Segments); n > 0 {
				e.Segments[n-1].Wait += max(0, after[i].Truncate(time.Microsecond)-e.Elapsed())
			}
			want.add(e)
		}
		if !bytes.Equal(wire(t, c), wire(t, want)) {
			t.Fatalf("%v after %v", c.e2e, after)
		}
	})
}

// Rows of any length come back, and go over the wire one after the other, also out of memory that is used again.
func TestTextsInPieces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := new(texts)
		for range 2 {
			c.Reset()
			sizes := rapid.SliceOfN(rapid.SampledFrom([]int{0, 1, 127, 128, 300_000, textPiece - 10, textPiece, 3 * textPiece}), 0, 8).Draw(t, "sizes")
			var want, sent proto.Buffer
			for i, n := range sizes {
				row := strings.Repeat(string(rune('a'+i)), n)
				if want.PutString(row); i%2 == 0 {
					c.add(row)
				} else {
					c.addBytes([]byte(row))
				}
			}
			if c.EncodeColumn(&sent); !bytes.Equal(sent.Buf, want.Buf) || c.Rows() != len(sizes) {
				t.Fatalf("%d rows of %v: %d bytes, want %d", c.Rows(), sizes, len(sent.Buf), len(want.Buf))
			}
			var at place
			for i, n := range sizes {
				var row []byte
				if row, at = c.next(at); len(row) != n || n > 0 && row[n-1] != byte('a'+i) {
					t.Fatalf("row %d of %v has %d bytes", i, sizes, len(row))
				}
			}
		}
	})
}
