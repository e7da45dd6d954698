package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline/internal/chtest"
)

// sumHours sums up all hours that a test has written.
func sumHours(t *testing.T, d *DB) {
	t.Helper()
	if _, err := d.SumHours(context.Background(), noon.Add(7*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
}

// unevenHours asks for what latency_1h has otherwise than latency_1m, before a time.
func unevenHours(t *testing.T, db *chtest.DB, before time.Time) string {
	t.Helper()
	sums := func(table, time string) string {
		return fmt.Sprintf("SELECT toStartOfHour(%[2]s) AS h, stage, partner, campaign, day, sum(events) AS a, sum(failed) AS b, sum(wait_us) AS c, sum(duration_us) AS d, sumMap(histogram) AS m FROM %[1]s WHERE %[2]s < toDateTime(%[3]d) GROUP BY ALL", table, time, before.Unix())
	}
	return db.Query(t, "SELECT h, stage, count() AS n FROM ("+sums("latency_1m", "minute")+" UNION ALL "+sums("latency_1h", "hour")+") GROUP BY h, stage, partner, campaign, day, a, b, c, d, m HAVING n != 2 ORDER BY ALL")
}

// every20Minutes is a batch an hour's third, before and after midnight.
func every20Minutes(t *testing.T, d *DB, from time.Time, batches int) {
	t.Helper()
	for n := range batches {
		at := from.Add(time.Duration(n) * 20 * time.Minute)
		write(t, d, newRush(uint64(n), at, 50*time.Millisecond).batch(300))
	}
}

func TestSumHours(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	ctx := context.Background()
	ten := noon.Add(10 * time.Hour)
	every20Minutes(t, d, ten, 9) // to 00:40
	f := func(now, until time.Time, hours string) {
		t.Helper()
		for _, d := range []*DB{d, d, open(t, db, nil)} { // again, and after a restart
			if got, err := d.SumHours(ctx, now); err != nil || !got.Equal(until) {
				t.Errorf("at %v: until %v, %v, want %v", now, got, err, until)
			}
		}
		if got := db.Query(t, "SELECT arrayStringConcat(groupArray(toString(toHour(hour))), ' ') FROM (SELECT DISTINCT hour FROM latency_1h ORDER BY hour)"); got != hours {
			t.Errorf("at %v: hours %q, want %q", now, got, hours)
		}
		if got := unevenHours(t, db, until); got != "" {
			t.Errorf("at %v:\n%s", now, got)
		}
	}
	f(ten.Add(time.Hour+hourRests-time.Second), ten, "")
	f(ten.Add(time.Hour+hourRests), ten.Add(time.Hour), "22")
	f(ten.Add(3*time.Hour+hourRests), ten.Add(3*time.Hour), "22 23 0")
	every20Minutes(t, d, ten.Add(5*time.Hour), 2)
	f(ten.Add(30*time.Hour+hourRests), ten.Add(30*time.Hour), "22 23 0 3")

	if got, err := d.SumHours(ctx, ten); err != nil || !got.Equal(ten.Add(30*time.Hour)) {
		t.Errorf("a clock that goes back: until %v, %v", got, err)
	}
}

// The connection is cut anywhere, or an answer is lost: every hour is there once.
func TestSumHoursAgainIsOnce(t *testing.T) {
	t.Parallel()
	after := noon.Add(24 * time.Hour)
	clean, db := migrated(t)
	r := newRelay(t, db.Native)
	through := func() *DB { return open(t, db, func(o *Options) { o.Addrs = []string{r.addr()} }) }
	db.Exec(t, "CREATE TABLE none AS latency_1h")
	fresh := func() { // a truncated table would still know the tokens
		db.Exec(t, "DROP TABLE latency_1h SYNC")
		db.Exec(t, "CREATE TABLE latency_1h AS none")
		r.heal()
	}
	every20Minutes(t, clean, noon.Add(11*time.Hour), 5)
	write(t, clean, half("late", noon.Add(12*time.Hour-300*time.Millisecond))) // the hour after midnight has two days
	if _, err := through().SumHours(context.Background(), after); err != nil {
		t.Fatal(err)
	}
	sent := r.recorded()
	check := func(what string) {
		t.Helper()
		if got := unevenHours(t, db, after); got != "" {
			t.Errorf("%s:\n%s", what, got)
		}
	}
	check("without a fault")
	var at []int
	for begin := 0; ; {
		next := strings.Index(sent[begin:], "hours/") // the token, which goes before the statement
		if next < 0 {
			break
		}
		begin += next + 1
		at = append(at, begin-300, begin, begin+1000, begin+20_000) // the sums are asked for, the statement, the rows
	}
	if at = append(at, len(sent)-10); len(at) != 4*3+1 {
		t.Fatalf("%d places in %d bytes: want three inserts", len(at), len(sent))
	}
	for n, cut := range at {
		for name, again := range map[string]func(d *DB) *DB{"in the process": func(d *DB) *DB { return d }, "after a restart": func(*DB) *DB { return through() }} {
			fresh()
			d := through()
			r.cutAfter.Store(int64(cut))
			if _, err := d.SumHours(context.Background(), after); err == nil {
				t.Errorf("no error when cut after %d bytes", cut)
			}
			r.heal()
			if _, err := again(d).SumHours(context.Background(), after); err != nil {
				t.Error(err)
			}
			check(fmt.Sprintf("cut %d, after %d bytes, again %s", n, cut, name))
		}
	}
}

// ClickHouse is killed between an hour's token and its rows.
func TestSumHoursSwallowed(t *testing.T) {
	t.Parallel()
	const database = "leadline_hours_swallowed"
	after := noon.Add(24 * time.Hour)
	o := newOwnEngine(t)
	d, db, _ := o.at(t, database)
	db.Exec(t, "ALTER TABLE latency_1h MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1")
	db.Exec(t, "ALTER TABLE latency_1h REMOVE TTL")
	every20Minutes(t, d, noon.Add(11*time.Hour), 5)
	if _, err := d.SumHours(context.Background(), after); err != nil {
		t.Fatal(err)
	}
	parts := folders(t, db, "latency_1h", "")
	if len(parts) < 2 {
		t.Fatalf("parts %q: want one an hour", parts)
	}
	for range 2 { // the second token's rows are lost as well
		o.lose(t, parts[len(parts)-1:])
		var log fmt.Stringer
		d, db, log = o.at(t, database)
		if got := unevenHours(t, db, after); got == "" {
			t.Fatal("nothing is lost")
		}
		before := folders(t, db, "latency_1h", "")
		if _, err := d.SumHours(context.Background(), after); err != nil {
			t.Fatal(err)
		}
		if got := unevenHours(t, db, after); got != "" {
			t.Errorf("%s\n%s", got, log)
		}
		parts = without(folders(t, db, "latency_1h", ""), before)
	}
}

// An insert that began before an hour ended may still add to its minutes.
func TestSumHoursWaitsForInserts(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		db.Exec(t, "INSERT INTO latency_1m (minute, day, stage, events) SELECT '2026-11-21 12:59:00', '2026-11-21', 'e2e', sleepEachRow(0.1) + 1 FROM numbers(30) SETTINGS log_comment = '"+comment("latency_1m")+"', max_block_size = 1")
	}()
	for end := time.Now().Add(10 * time.Second); db.Query(t, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO latency_1m%'") != "1"; {
		if time.Now().After(end) {
			t.Fatal("the insert never began")
		}
	}
	err := d.with(context.Background(), func(ctx context.Context, w *writer) error {
		if err := w.quietSince(ctx, time.Minute); err != nil {
			t.Error(err)
		}
		return w.quietSince(ctx, 0)
	})
	if err == nil || !strings.Contains(err.Error(), "still at work") || errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	<-ended
	if err := d.with(context.Background(), func(ctx context.Context, w *writer) error { return w.quietSince(ctx, 0) }); err != nil {
		t.Error(err)
	}
}

// Before this migration batches wrote hours themselves: what one that has not ended had goes, the others stay as they are.
func TestHoursOfEarlier(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	d := open(t, db, nil)
	ctx := context.Background()
	earlier(t, d, db, 7)
	db.Exec(t, "INSERT INTO latency_1m (minute, day, stage, events) SELECT toStartOfMinute(now('UTC') - INTERVAL n HOUR), today(), 'e2e', 5 FROM (SELECT arrayJoin([-1, 2, 3]) AS n)")
	db.Exec(t, "INSERT INTO latency_1h (hour, day, stage, events) SELECT toStartOfHour(now('UTC') - INTERVAL n HOUR), today(), 'e2e', if(n < 0, 3, 5) FROM (SELECT arrayJoin([-1, 2, 3]) AS n)")
	if _, err := d.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	f := func(want string) {
		t.Helper()
		if got := db.Query(t, "SELECT arrayStringConcat(groupArray(toString(events)), ' ') FROM (SELECT hour, sum(events) AS events FROM latency_1h GROUP BY hour ORDER BY hour)"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f("5 5")
	if _, err := d.SumHours(ctx, time.Now().Add(3*time.Hour)); err != nil {
		t.Fatal(err)
	}
	f("5 5 5")
}
