package store

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

func write(tb testing.TB, d *DB, b *leadline.Batch) {
	tb.Helper()
	if err := d.Write(context.Background(), b); err != nil {
		tb.Fatal(err)
	}
}

func TestWriteEveryValue(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	e := leadline.Event{
		ID: "it's\t\"1\"\n\\", TraceID: [16]byte{0: 1, 15: 255}, Type: "lead.created", Schema: "lead.created/2",
		Partner: "acme", Bot: "бот", Campaign: "black friday", Source: leadline.SourceTelegram, Lane: leadline.LaneOverflow,
		ReceivedAt: noon.Add(123456*time.Microsecond + 789), OccurredAt: noon.Add(-time.Second - time.Millisecond), SentAt: noon.Add(-time.Second),
		Attempt: 255, LeadKey: "k", Locale: "pt-BR", IP: netip.MustParseAddr("203.0.113.77"), Country: "BR", Outcome: "qualified",
		Warnings: []string{"late_event", "unknown_field"}, Payload: []byte(`{"a":"\u0000"}` + "\x00"),
	}
	e.Spend("receive", 3*time.Microsecond, 5*time.Microsecond, leadline.StatusOK)
	e.Spend("write", 0, time.Minute, leadline.StatusSkipped)
	r := leadline.Rejected{
		ReceivedAt: noon, Partner: "acme", Bot: "b", ID: "2", Type: "lead.created", Schema: "lead.created/2", Source: leadline.SourceEvents,
		LeadKey: "k", Code: "schema_violation", Payload: []byte(`{"x":`),
		Violations: []leadline.Violation{{Pointer: "/a/0", Rule: "maximum", Expected: "9", Got: "10"}, {Pointer: "/compaign", Rule: "additionalProperties", Nearest: "campaign"}},
	}
	write(t, d, &leadline.Batch{Token: "t", Events: []leadline.Event{e, {ID: "empty"}}, Rejected: []leadline.Rejected{r, {}}})

	f := func(query string, want ...[]string) {
		t.Helper()
		var got [][]string
		for row := range strings.SplitSeq(db.Query(t, query), "\n") {
			got = append(got, strings.Split(row, "\t"))
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	const epoch, epochMilli, epochMicro = "1970-01-01 00:00:00", "1970-01-01 00:00:00.000", "1970-01-01 00:00:00.000000"
	f("SELECT * EXCEPT inserted_at REPLACE hex(trace_id) AS trace_id FROM events ORDER BY received_at", []string{
		epoch, epochMicro, epochMicro, epochMilli, epochMilli,
		"", "", "", "", "", "", "", "", "", "", "empty", strings.Repeat("00", 16), "", "", "0", "[]", "", "[]", "[]", "[]", "[]", "0", "ingest-1",
	}, []string{
		"2026-11-21 12:01:00", "2026-11-21 12:01:00.123464", "2026-11-21 12:00:00.123456", "2026-11-21 11:59:58.999", "2026-11-21 11:59:59.000",
		"acme", "бот", "black friday", "lead.created", "lead.created/2", "telegram", "overflow", "BR", "pt-BR", "qualified",
		`it\'s\t"1"\n\\`, "01" + strings.Repeat("00", 14) + "FF", "k", "203.0.113.0/24", "255", "['late_event','unknown_field']", `{"a":"\\u0000"}\0`,
		"['receive','write']", "[3,0]", "[5,60000000]", "['ok','skipped']", "60000008", "ingest-1",
	})
	f("SELECT * EXCEPT inserted_at FROM rejected ORDER BY received_at", []string{
		epochMicro, "", "", "", "", "", "", "", "", "[]", "[]", "[]", "[]", "[]", "", "0",
	}, []string{
		"2026-11-21 12:00:00.000000", "acme", "b", "2", "lead.created", "lead.created/2", "events", "k", "schema_violation",
		"['/a/0','/compaign']", "['maximum','additionalProperties']", "['9','']", "['10','']", "['','campaign']", `{"x":`, "5",
	})
}

func TestWriteClampsTimes(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	f := func(at time.Time, want string) {
		t.Helper()
		e := leadline.Event{ReceivedAt: at, OccurredAt: at, SentAt: at}
		e.Spend("write", 0, time.Millisecond, leadline.StatusOK)
		write(t, d, &leadline.Batch{Token: at.String(), Events: []leadline.Event{e}})
		got := db.Query(t, "SELECT minute, stored_at, received_at, occurred_at, sent_at FROM events FORMAT TSV")
		if want = strings.ReplaceAll(want, ", ", "\t"); got != want {
			t.Errorf("%v\n got %s\nwant %s", at, got, want)
		}
		db.Exec(t, "TRUNCATE TABLE events")
	}
	const first = "1970-01-01 00:00:00, 1970-01-01 00:00:00.001000, 1970-01-01 00:00:00.000000, 1970-01-01 00:00:00.000, 1970-01-01 00:00:00.000"
	const last = "2106-02-07 06:28:00, 2106-02-07 06:28:15.999999, 2106-02-07 06:28:15.999999, 2106-02-07 06:28:15.999, 2106-02-07 06:28:15.999"
	f(time.Time{}, first)
	f(time.Date(1815, 3, 31, 0, 0, 0, 0, time.UTC), first)
	f(time.Unix(0, -1), first)
	f(time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC), last)
	f(time.Unix(1<<55, 0), last)
	f(time.Date(2106, 2, 7, 6, 28, 15, 999_999_999, time.UTC), last)
	f(time.Date(2026, 11, 21, 1, 0, 0, 0, time.FixedZone("far", 3600)),
		"2026-11-21 00:00:00, 2026-11-21 00:00:00.001000, 2026-11-21 00:00:00.000000, 2026-11-21 00:00:00.000, 2026-11-21 00:00:00.000")
}

func TestPrefix(t *testing.T) {
	t.Parallel()
	f := func(ip, want string) {
		t.Helper()
		var a netip.Addr
		if ip != "" {
			a = netip.MustParseAddr(ip)
		}
		if got := string(appendPrefix(nil, a)); got != want {
			t.Errorf("%s: got %q, want %q", ip, got, want)
		}
	}
	f("", "")
	f("203.0.113.0", "203.0.113.0/24")
	f("203.0.113.77", "203.0.113.0/24")
	f("::ffff:203.0.113.77", "203.0.113.0/24")
	f("2001:db8:1:2::3", "2001:db8:1::/48")
	f("fe80::1%eth0", "fe80::/48")
}

// The segments' borders are cut to microseconds: six times 0.9 µs are 5 µs, not 0.
func TestSegmentsAddUp(t *testing.T) {
	t.Parallel()
	var e leadline.Event
	for range 6 {
		e.Spend("s", 500*time.Nanosecond, 400*time.Nanosecond, leadline.StatusOK)
	}
	e.Segments = append(e.Segments, leadline.Segment{Stage: "back", Wait: -time.Hour, Duration: -1})
	c := newEvents("")
	if us := c.addSegments(e.Segments); us != 5 {
		t.Errorf("%d µs", us)
	}
	var sum uint64
	for i, wait := range *c.wait.of {
		sum += wait + (*c.duration.of)[i]
	}
	if sum != 5 {
		t.Errorf("sum of the arrays: %d µs", sum)
	}
}

// A dictionary's keys take one, two or four bytes.
func TestWriteManyWords(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	f := func(n int) {
		t.Helper()
		b := &leadline.Batch{Token: fmt.Sprint(n)}
		for i := range n {
			e := leadline.Event{ID: fmt.Sprint("c", i), Campaign: fmt.Sprint("c", i), Warnings: []string{fmt.Sprint("c", i), "w"}, ReceivedAt: noon}
			b.Events = append(b.Events, e)
		}
		write(t, d, b)
		if got := db.Query(t, "SELECT uniqExact(campaign), countIf(campaign != id), countIf(warnings != [id, 'w']) FROM events"); got != fmt.Sprint(n, "\t0\t0") {
			t.Errorf("%d: got %s", n, got)
		}
		db.Exec(t, "TRUNCATE TABLE events")
	}
	f(256)
	f(257)
	f(1 << 16)
	f(1<<16 + 1)
}

// An owner may use a batch's memory again as soon as Write is back.
func TestWriteKeepsNothing(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	memory := make([]byte, 4)
	for i := range 50 {
		copy(memory, fmt.Sprintf("b%03d", i))
		s := unsafe.String(&memory[0], len(memory))
		write(t, d, &leadline.Batch{Token: fmt.Sprint(i), Events: []leadline.Event{{ID: s, Bot: s, Partner: s, Warnings: []string{s}, ReceivedAt: noon}}})
	}
	if got := db.Query(t, "SELECT count(), countIf(bot != id OR partner != id OR warnings != [id]) FROM events"); got != "50\t0" {
		t.Errorf("got %s", got)
	}
}

// The second call of each case has the token of the first.
func TestWriteTwiceIsOnce(t *testing.T) {
	t.Parallel()
	f := func(change func(*leadline.Event), first time.Time) {
		t.Helper()
		d, db := migrated(t)
		b := newRush(1, first, time.Millisecond).batch(1000)
		b.Rejected = []leadline.Rejected{{ReceivedAt: first, ID: "r1"}, {ReceivedAt: first.Add(24 * time.Hour), ID: "r2"}}
		write(t, d, b)
		for i := range b.Events {
			change(&b.Events[i])
		}
		for range 2 {
			write(t, d, b)
		}
		if got := db.Query(t, "SELECT count(), uniqExact(partner, id) FROM events"); got != "1000\t1000" {
			t.Errorf("events: %s", got)
		}
		if got := db.Query(t, "SELECT count(), uniqExact(id) FROM rejected"); got != "2\t2" {
			t.Errorf("rejected: %s", got)
		}
	}
	midnight := noon.Add(12 * time.Hour)
	same := func(*leadline.Event) {}
	other := func(e *leadline.Event) {
		e.Country, e.Outcome = "", "unknown"
		e.Spend(leadline.StageWrite, time.Hour, time.Second, leadline.StatusOK)
	}
	f(same, noon)
	f(other, noon)
	f(other, midnight.Add(-2*time.Second)) // stored_at is after midnight in the second call
	f(other, midnight.Add(-500*time.Millisecond))
}

// One partition of a batch was stored before the server went away; the retry stores the other.
func TestWriteAfterHalfOfIt(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	b := newRush(1, noon.Add(12*time.Hour-500*time.Millisecond), time.Millisecond).batch(1000)
	half := &leadline.Batch{Token: b.Token}
	for _, e := range b.Events {
		if e.ReceivedAt.Before(noon.Add(12 * time.Hour)) {
			half.Events = append(half.Events, e)
		}
	}
	if len(half.Events) == 0 || len(half.Events) == len(b.Events) {
		t.Fatalf("%d of %d events are before midnight", len(half.Events), len(b.Events))
	}
	write(t, d, half)
	write(t, d, b)
	if got := db.Query(t, "SELECT count(), uniqExact(partner, id) FROM events"); got != "1000\t1000" {
		t.Error(got)
	}
}

func TestWriteOneBlock(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	const n = 100_000
	write(t, d, newRush(1, noon, time.Microsecond).batch(n))
	if got := db.Query(t, "SELECT count(), uniqExact(_part) FROM events"); got != fmt.Sprintf("%d\t1", n) {
		t.Errorf("rows, parts: %s", got)
	}
	write(t, d, &leadline.Batch{Token: "nothing"})
	write(t, d, &leadline.Batch{Token: "one", Events: []leadline.Event{{ID: "x", Payload: make([]byte, 20<<20), ReceivedAt: noon}}})
	if got := db.Query(t, "SELECT count(), max(length(payload)) FROM events"); got != fmt.Sprintf("%d\t%d", n+1, 20<<20) {
		t.Errorf("rows, longest payload: %s", got)
	}
}

func TestWriteAtOnce(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			b := newRush(uint64(i), noon, time.Millisecond).batch(500)
			b.Token = fmt.Sprint("writer-", i)
			for j := range b.Events {
				b.Events[j].ID = fmt.Sprint(i, "-", j)
			}
			if err := d.Write(context.Background(), b); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := db.Query(t, "SELECT count(), uniqExact(id), countIf(partner || bot || campaign = '') FROM events"); got != "4000\t4000\t0" {
		t.Error(got)
	}
}

func TestWriteCompressed(t *testing.T) {
	t.Parallel()
	_, db := migrated(t)
	d := open(t, db, func(o *Options) { o.Compress = true })
	b := newRush(1, noon, time.Millisecond).batch(1000)
	b.Rejected = []leadline.Rejected{{ID: "r", Violations: []leadline.Violation{{Pointer: "/p", Rule: "type"}}}}
	write(t, d, b)
	if got := db.Query(t, "SELECT (SELECT count() FROM events), (SELECT any(violations.pointer) FROM rejected)"); got != "1000\t['/p']" {
		t.Error(got)
	}
	if table, err := d.Select(context.Background(), leadline.Query{SQL: "SELECT count() FROM all_spans"}); err != nil || table.Rows[0][0] != int64(6000) {
		t.Error(table, err)
	}
}

func TestWriteAllocatesNothingPerRow(t *testing.T) {
	b := newRush(1, noon, time.Millisecond).batch(1000)
	c := newEvents("host")
	n := testing.AllocsPerRun(10, func() {
		c.input.Reset()
		for i := range b.Events {
			c.add(&b.Events[i])
		}
	})
	if n > 10 {
		t.Errorf("%v allocations for %d events", n, len(b.Events))
	}
}
