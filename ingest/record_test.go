package ingest

import (
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"leadline"
)

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func drawTime(t *rapid.T, name string) time.Time {
	if !rapid.Bool().Draw(t, name+"_given") {
		return time.Time{}
	}
	return time.UnixMicro(rapid.Int64Range(1, 7e15).Draw(t, name)).UTC()
}

func drawEvent(t *rapid.T) leadline.Event {
	text := rapid.StringN(0, 20, 100)
	e := leadline.Event{
		Key: leadline.KeyOf(text.Draw(t, "a"), text.Draw(t, "b")), TraceID: leadline.KeyOf("", text.Draw(t, "trace")),
		ID: text.Draw(t, "id"), Type: text.Draw(t, "type"), Schema: text.Draw(t, "schema"), Partner: text.Draw(t, "partner"),
		Bot: text.Draw(t, "bot"), Campaign: text.Draw(t, "campaign"), Source: text.Draw(t, "source"),
		ReceivedAt: drawTime(t, "received"), OccurredAt: drawTime(t, "occurred"), SentAt: drawTime(t, "sent"),
		Attempt: rapid.Uint8().Draw(t, "attempt"), LeadKey: text.Draw(t, "lead"), Locale: text.Draw(t, "locale"),
		Payload: []byte(text.Draw(t, "payload")),
	}
	switch rapid.IntRange(0, 2).Draw(t, "ip") {
	case 1:
		e.IP = netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "ip4")))
	case 2:
		e.IP = netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "ip6")))
	}
	e.Warnings = rapid.SliceOfN(text, 0, 3).Draw(t, "warnings")
	for range rapid.IntRange(0, 3).Draw(t, "segments") {
		micros := rapid.Int64Range(0, 1e12)
		e.Segments = append(e.Segments, leadline.Segment{
			Stage: text.Draw(t, "stage"), Wait: time.Duration(micros.Draw(t, "wait")) * time.Microsecond,
			Duration: time.Duration(micros.Draw(t, "duration")) * time.Microsecond, Status: leadline.Status(text.Draw(t, "status")),
		})
	}
	return e
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	r := newRecords()
	var got leadline.Event // used again: nothing of the event before may stay
	rapid.Check(t, func(t *rapid.T) {
		want := drawEvent(t)
		s := stamp{rapid.Uint64().Draw(t, "process"), time.Duration(rapid.Int64().Draw(t, "mono")), rapid.Uint64().Draw(t, "request")}
		data := appendEvent(nil, &want, s)
		kind, err := r.kind(data)
		if err != nil || kind != recordEvent {
			t.Fatalf("kind %q, %v", kind, err)
		}
		gotStamp, err := r.event(&got)
		if err != nil || gotStamp != s {
			t.Fatalf("stamp %+v, %v, want %+v", gotStamp, err, s)
		}
		empty := cmp.Transformer("empty", func(s []string) []string { return append([]string{}, s...) })
		noSegments := cmp.Transformer("none", func(s []leadline.Segment) []leadline.Segment { return append([]leadline.Segment{}, s...) })
		if diff := cmp.Diff(want, got, sameAddr, empty, noSegments); diff != "" {
			t.Fatal(diff)
		}
		for cut := range data { // a torn record is never taken for a whole one
			if kind, err := r.kind(data[:cut]); err == nil && kind == recordEvent {
				if _, err := r.event(&got); err == nil {
					t.Fatalf("%d of %d bytes are taken", cut, len(data))
				}
			}
		}
	})
}

func TestRejectedRoundTrip(t *testing.T) {
	t.Parallel()
	r := newRecords()
	text := rapid.StringN(0, 20, 100)
	rapid.Check(t, func(t *rapid.T) {
		want := leadline.Rejected{
			ReceivedAt: drawTime(t, "received"), Partner: text.Draw(t, "partner"), Bot: text.Draw(t, "bot"), ID: text.Draw(t, "id"),
			Type: text.Draw(t, "type"), Schema: text.Draw(t, "schema"), Source: text.Draw(t, "source"), Code: text.Draw(t, "code"),
			Payload: []byte(text.Draw(t, "payload")),
		}
		for range rapid.IntRange(0, 3).Draw(t, "violations") {
			want.Violations = append(want.Violations, leadline.Violation{
				Pointer: text.Draw(t, "pointer"), Rule: text.Draw(t, "rule"), Expected: text.Draw(t, "expected"),
				Got: text.Draw(t, "got"), Nearest: text.Draw(t, "nearest"),
			})
		}
		data := appendRejected(nil, &want)
		if kind, err := r.kind(data); err != nil || kind != recordRejected {
			t.Fatalf("kind %q, %v", kind, err)
		}
		var got leadline.Rejected
		if err := r.rejected(&got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func TestRecordOfAnotherVersion(t *testing.T) {
	t.Parallel()
	data := appendEvent(nil, &leadline.Event{ID: "a"}, stamp{})
	data[0]++
	if _, err := newRecords().kind(data); err == nil || err != errRecordVersion { //nolint:errorlint // exactly this one
		t.Errorf("got %v", err)
	}
}

// A record costs no allocation to read once its words are known and its slices have grown.
func TestRecordAllocations(t *testing.T) {
	e := leadline.Event{
		ID: "01JQ7Z", Type: "lead.qualified", Partner: "acme", Campaign: "spring", Payload: []byte(`{}`), Warnings: []string{"no_schema"},
		Segments: []leadline.Segment{{Stage: "receive", Status: "ok"}, {Stage: "validate", Status: "ok"}},
	}
	data := appendEvent(nil, &e, stamp{})
	r := newRecords()
	var got leadline.Event
	if n := testing.AllocsPerRun(100, func() {
		if _, err := r.kind(data); err != nil {
			t.Fatal(err)
		}
		if _, err := r.event(&got); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever the bytes: an error or an event, never a panic, and what is an event is the same when written again.
func FuzzRecord(f *testing.F) {
	f.Add(appendEvent(nil, &leadline.Event{ID: "a", IP: netip.MustParseAddr("203.0.113.9"), Warnings: []string{"w"}, Segments: []leadline.Segment{{Stage: "s"}}}, stamp{1, 2, 3}))
	f.Add(appendRejected(nil, &leadline.Rejected{ID: "a", Violations: []leadline.Violation{{Pointer: "/a"}}}))
	f.Add([]byte{recordVersion, recordEvent})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRecords()
		kind, err := r.kind(data)
		if err != nil {
			return
		}
		if kind != recordEvent {
			var x leadline.Rejected
			_ = r.rejected(&x)
			return
		}
		var e, again leadline.Event
		s, err := r.event(&e)
		if err != nil {
			return
		}
		copied := appendEvent(nil, &e, s)
		if _, err := r.kind(copied); err != nil {
			t.Fatal(err)
		}
		if s2, err := r.event(&again); err != nil || s2 != s {
			t.Fatalf("written again: %v", err)
		}
		if diff := cmp.Diff(e, again, sameAddr); diff != "" {
			t.Error(diff)
		}
	})
}
