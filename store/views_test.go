package store

import (
	"context"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/sql"
)

// Five minutes of a day are a 288th of its rows: a filter on time has to reach the table's index through the views.
func TestViewsPrune(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	const rows, granule = 200_000, 8192
	r := newRush(1, noon.Add(-11*time.Hour), 22*time.Hour/rows)
	if err := d.Write(context.Background(), r.batch(rows)); err != nil {
		t.Fatal(err)
	}
	f := func(view, value, where string) {
		t.Helper()
		// database, table, parts, rows, marks
		estimate := strings.Fields(db.Query(t, "EXPLAIN ESTIMATE SELECT count(), sum("+value+") FROM "+view+" WHERE "+where))
		if len(estimate) != 5 {
			t.Fatalf("estimate %q", estimate)
		}
		if n, err := strconv.Atoi(estimate[3]); err != nil || n > 3*granule {
			t.Errorf("%s WHERE %s reads %s of %d rows", view, where, estimate[3], rows)
		}
	}
	for view, value := range map[string]string{"events": "e2e_us", "journeys": "length(segment_us)", "all_spans": "total_us"} {
		f(view, value, "minute >= '2026-11-21 09:00:00' AND minute < '2026-11-21 09:05:00'")
		f(view, value, "stored_at >= '2026-11-21 09:00:00.25' AND stored_at < '2026-11-21 09:05:00.25'")
		f(view, value, "id = 'tg-810000020'")
		f(view, value, "trace_id = (SELECT trace_id FROM events WHERE id = 'tg-810000020')")
	}
	f("journeys", "e2e_us", "received_at >= '2026-11-21 09:00:00' AND received_at < '2026-11-21 09:05:00'")
}

func TestViews(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	e := leadline.Event{ID: "1", ReceivedAt: noon}
	e.Spend("receive", 0, 1500*time.Nanosecond, leadline.StatusOK)
	e.Spend("enrich.geoip", 2*time.Millisecond, 3*time.Millisecond, leadline.StatusTimeout)
	e.Spend("write", 500*time.Nanosecond, time.Second, leadline.StatusError)
	fine := leadline.Event{ID: "2", ReceivedAt: noon}
	fine.Spend("receive", 0, time.Millisecond, leadline.StatusOK)
	if err := d.Write(context.Background(), &leadline.Batch{Token: "t", Events: []leadline.Event{e, fine, {ID: "3", ReceivedAt: noon}}}); err != nil {
		t.Fatal(err)
	}
	f := func(query, want string) {
		t.Helper()
		if got := db.Query(t, query); got != want {
			t.Errorf("%s\n got %q\nwant %q", query, got, want)
		}
	}
	f("SELECT id, segment_us, e2e_us, e2e_ms, worst FROM journeys ORDER BY id",
		"1\t[1,5000,1000001]\t1005002\t1005.002\ttimeout\n2\t[1000]\t1000\t1\tok\n3\t[]\t0\t0\tok")
	f("SELECT start, parent_stage, stage, service, wait_us, duration_us, total_us, total_ms, status FROM all_spans WHERE id = '1' ORDER BY start",
		"2026-11-21 12:00:00.000000\t\treceive\tleadline\t0\t1\t1\t0.001\tok\n"+
			"2026-11-21 12:00:00.002001\treceive\tenrich.geoip\tleadline\t2000\t3000\t5000\t5\ttimeout\n"+
			"2026-11-21 12:00:00.005002\tenrich.geoip\twrite\tleadline\t1\t1000000\t1000001\t1000.001\terror")
	f("SELECT count() FROM all_spans", "4") // an event without stages has no spans
	f("SELECT countIf(arraySum(segment_us) != e2e_us OR dateDiff('microsecond', received_at, stored_at) != e2e_us) FROM journeys", "0")
}

var parameter = regexp.MustCompile(`\{(\w+):([^}]+)\}`)

// example is a value for a parameter of that name and type. Windows with a base before them meet at half-time.
func example(name, kind string) any {
	switch {
	case strings.HasPrefix(kind, "DateTime") && name == "to":
		return noon.Add(2 * time.Hour)
	case strings.HasPrefix(kind, "DateTime") && strings.HasSuffix(name, "_to"):
		return noon.Add(time.Hour)
	case strings.HasPrefix(kind, "DateTime"):
		return noon
	case strings.HasPrefix(kind, "Float"):
		return 0.95
	case name == "since" && kind == "UInt32":
		return int64(0)
	case name == "hour":
		return noon.Unix()
	case name == "before":
		return noon.Add(2 * time.Hour).Unix()
	case name == "day":
		return noon.Unix() / 86400
	case strings.HasPrefix(kind, "UInt"), strings.HasPrefix(kind, "Int"):
		return int64(60)
	case strings.HasPrefix(kind, "Array"):
		return []string{}
	case name == "partner":
		return "acme"
	case name == "id":
		return "looked-for"
	case name == "stage":
		return "e2e"
	default:
		return ""
	}
}

// Every file in sql/query runs on the real engine and finds something in what the rush left behind.
func TestQueries(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	b := newRush(1, noon, time.Second).batch(5000)
	b.Rejected = []leadline.Rejected{{ReceivedAt: noon.Add(time.Hour), Partner: "acme", ID: "looked-for", Code: "schema_violation"}}
	b.Events[0].Partner, b.Events[0].ID = "acme", "looked-for"
	if err := d.Write(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	if _, err := d.SumHours(context.Background(), noon.Add(time.Hour+hourRests)); err != nil { // of two
		t.Fatal(err)
	}
	if _, err := d.Select(context.Background(), leadline.Query{Name: "leadline rule=volume/IntakeStopped", SQL: "SELECT 1"}); err != nil {
		t.Fatal(err)
	}
	db.Exec(t, "SYSTEM FLUSH LOGS query_log")
	for _, name := range sql.Queries() {
		q := leadline.Query{Name: name, SQL: sql.Query(name), Params: map[string]any{}}
		if !strings.HasPrefix(q.SQL, "-- ") {
			t.Errorf("%s.sql has no comment at its head", name)
		}
		for _, p := range parameter.FindAllStringSubmatch(q.SQL, -1) {
			q.Params[p[1]] = example(p[1], p[2])
		}
		if table, err := d.Select(context.Background(), q); err != nil || len(table.Rows) == 0 {
			t.Errorf("%s.sql: %v, %v", name, table, err)
		}
	}
}
