package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/latency"
	"leadline/sql"
)

func ask(t *testing.T, d *DB, name string, params map[string]any) *leadline.Table {
	t.Helper()
	table, err := d.Select(context.Background(), leadline.Query{Name: name, SQL: sql.Query(name), Params: params})
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// What latency_quantile says of each stage and partner is what Quantile says of the same histogram, before and after
// merging, and within 1/64 of the exact quantile of the events.
func TestLatencyQuantile(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	r := newRush(1, noon, time.Millisecond)
	for range 3 {
		write(t, d, r.batch(5000))
	}
	f := func() {
		t.Helper()
		table := ask(t, d, "latency_quantile", map[string]any{"from": noon.Add(time.Millisecond), "to": noon.Add(time.Hour)})
		if len(table.Rows) != 20*7 {
			t.Errorf("%d rows for 20 partners and 7 stages", len(table.Rows))
		}
		for _, row := range table.Rows {
			stage, partner := row[0].(string), row[1].(string)
			buckets, counts := histogram(t, db, stage, partner)
			exact := exactly(t, db, stage, partner)
			if row[2] != exact[0] {
				t.Errorf("%s of %s: %v events, want %d", stage, partner, row[2], exact[0])
			}
			for i, q := range []float64{0.5, 0.95, 0.99} {
				got := row[3+i].(int64)
				if want := latency.Quantile(buckets, counts, q); uint64(got) != want {
					t.Errorf("%s of %s, %g: %d, Quantile says %d", stage, partner, q, got, want)
				}
				if off := max(got, exact[1+i]) - min(got, exact[1+i]); 64*off > exact[1+i] {
					t.Errorf("%s of %s, %g: %d, exactly %d", stage, partner, q, got, exact[1+i])
				}
			}
		}
	}
	f()
	db.Exec(t, "OPTIMIZE TABLE latency_1m FINAL")
	f()
}

func histogram(t *testing.T, db *chtest.DB, stage, partner string) (buckets []uint16, counts []uint64) {
	t.Helper()
	answer := db.Query(t, "SELECT b, sum(n) FROM latency_1m ARRAY JOIN mapKeys(histogram) AS b, mapValues(histogram) AS n WHERE stage = '"+stage+"' AND partner = '"+partner+"' GROUP BY b ORDER BY b")
	for line := range strings.SplitSeq(answer, "\n") {
		var b uint16
		var n uint64
		if _, err := fmt.Sscan(line, &b, &n); err != nil {
			t.Fatal(err)
		}
		buckets, counts = append(buckets, b), append(counts, n)
	}
	return buckets, counts
}

// exactly is the number of times and their quantiles 0.5, 0.95 and 0.99.
func exactly(t *testing.T, db *chtest.DB, stage, partner string) (v [4]int64) {
	t.Helper()
	from, us := "all_spans WHERE stage = '"+stage+"' AND", "total_us"
	if stage == latency.Whole {
		from, us = "events WHERE", "e2e_us"
	}
	answer := db.Query(t, fmt.Sprintf("SELECT count(), quantileExact(0.5)(%[1]s), quantileExact(0.95)(%[1]s), quantileExact(0.99)(%[1]s) FROM %[2]s partner = '%[3]s'", us, from, partner))
	if _, err := fmt.Sscan(answer, &v[0], &v[1], &v[2], &v[3]); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestLatencyOver(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	write(t, d, newRush(1, noon, time.Millisecond).batch(20_000))
	sumHours(t, d)
	f := func(stage string, us int64) {
		t.Helper()
		var events, slower int64
		for _, row := range ask(t, d, "latency_over", map[string]any{"from": noon, "to": noon.Add(time.Hour), "stage": stage, "over_us": us}).Rows {
			events, slower = events+row[1].(int64), slower+int64(row[2].(float64))
		}
		var exact, near int64 // near is what lies in the threshold's bucket
		lo, hi := latency.Bounds(latency.Bucket(uint64(us)))
		answer := db.Query(t, fmt.Sprintf("SELECT countIf(total_us > %d), countIf(total_us >= %d AND total_us < %d) FROM all_spans WHERE stage = '%s'", us, lo, hi, stage))
		if _, err := fmt.Sscan(answer, &exact, &near); err != nil {
			t.Fatal(err)
		}
		const rounding = 20 // a partner each
		if events != 20_000 || max(slower, exact)-min(slower, exact) > near/2+rounding {
			t.Errorf("%s over %d µs: %d of %d, exactly %d, %d of them near it", stage, us, slower, events, exact, near)
		}
	}
	f("qualify", 0)
	f("qualify", 2)
	f("receive", 63)
	f("receive", 64)
	f("enrich.geoip", 100_000)
	f("enrich.geoip", 200_500)
	f("write", 1e9)
}

// The rollups' sums are those of the events, by minute and hour of stored_at and day of received_at.
func TestRollupsAddUp(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	write(t, d, newRush(1, noon.Add(11*time.Hour), 200*time.Millisecond).batch(20_000)) // over midnight
	f := func(table, of, round string) {
		t.Helper()
		events := db.Query(t, "SELECT "+round+"(stored_at) AS t, toDate(received_at) AS d, s, partner, campaign, count(), countIf(st != 'ok'), sum(w), sum(u) FROM events ARRAY JOIN stage AS s, status AS st, wait_us AS w, duration_us AS u GROUP BY ALL ORDER BY ALL")
		rows := db.Query(t, "SELECT "+of+", day, stage, partner, campaign, sum(events), sum(failed), sum(wait_us), sum(duration_us) FROM "+table+" WHERE stage != 'e2e' GROUP BY ALL ORDER BY ALL")
		if events != rows || events == "" {
			t.Errorf("%s differs from events", table)
		}
		whole := db.Query(t, "SELECT "+round+"(stored_at), toDate(received_at), partner, campaign, count(), countIf(arrayExists(s -> s != 'ok', status)), sum(arraySum(wait_us)), sum(arraySum(duration_us)) FROM events GROUP BY ALL ORDER BY ALL")
		rows = db.Query(t, "SELECT "+of+", day, partner, campaign, sum(events), sum(failed), sum(wait_us), sum(duration_us) FROM "+table+" WHERE stage = 'e2e' GROUP BY ALL ORDER BY ALL")
		if whole != rows {
			t.Errorf("e2e of %s differs from events", table)
		}
	}
	f("latency_1m", "minute", "toStartOfMinute")
	sumHours(t, d)
	f("latency_1h", "hour", "toStartOfHour")
}

// proof is what missing_rows or duplicate_rows says: table, events, rows.
func proof(t *testing.T, d *DB, query string) string {
	t.Helper()
	var b strings.Builder
	for _, row := range ask(t, d, query, map[string]any{"since": past}).Rows {
		fmt.Fprint(&b, row, " ")
	}
	return strings.TrimSpace(b.String())
}

// past is long enough ago that its minutes and hours are whole by any clock.
var past = time.Date(2020, 2, 3, 12, 0, 0, 0, time.UTC)

func TestProofs(t *testing.T) {
	t.Parallel()
	f := func(spoil, missing, duplicates string) {
		t.Helper()
		d, db := migrated(t)
		write(t, d, newRush(1, past.Add(-48*time.Hour), time.Millisecond).batch(500)) // before since
		write(t, d, newRush(2, past, time.Second).batch(1000))
		sumHours(t, d)
		if spoil != "" {
			db.Exec(t, spoil)
		}
		if got := proof(t, d, "missing_rows"); got != missing {
			t.Errorf("%s\nmissing    %s\nwant       %s", spoil, got, missing)
		}
		if got := proof(t, d, "duplicate_rows"); got != duplicates {
			t.Errorf("%s\nduplicates %s\nwant       %s", spoil, got, duplicates)
		}
	}
	const fine = "[events 1000 0] [latency_1m 1000 0] [latency_1h 1000 0]"
	f("", fine, fine)
	f("INSERT INTO events SELECT * FROM events WHERE received_at >= '2020-02-03' LIMIT 3",
		"[events 1003 0] [latency_1m 1000 3] [latency_1h 1000 3]", "[events 1000 3] [latency_1m 1000 0] [latency_1h 1000 0]")
	f("DELETE FROM events WHERE partner = 'partner-00' AND received_at < '2020-02-03 12:01:00'",
		"[events 986 14] [latency_1m 1000 0] [latency_1h 1000 0]", "[events 986 0] [latency_1m 986 14] [latency_1h 986 14]")
	f("TRUNCATE TABLE latency_1m",
		"[events 1000 0] [latency_1m 0 1000] [latency_1h 1000 0]", fine)
	f("INSERT INTO latency_1h SELECT * FROM latency_1h",
		"[events 1000 1000] [latency_1m 1000 0] [latency_1h 2000 0]", "[events 1000 0] [latency_1m 1000 0] [latency_1h 1000 1000]")

	d, _ := migrated(t) // what has just been stored is not whole
	write(t, d, &leadline.Batch{Token: "t", Events: []leadline.Event{{ID: "1", ReceivedAt: time.Now()}}})
	const nothing = "[events 0 0] [latency_1m 0 0] [latency_1h 0 0]"
	if got := proof(t, d, "missing_rows"); got != nothing {
		t.Error(got)
	}
	if got := proof(t, d, "duplicate_rows"); got != nothing {
		t.Error(got)
	}
}
