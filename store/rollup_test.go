package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
)

// sums asks every table that a batch goes to how many events of a partner it has, and how many of them twice.
func sums(t *testing.T, db *chtest.DB, partner string) string {
	t.Helper()
	return db.Query(t, fmt.Sprintf("SELECT count() AS rows, uniqExact(id), (SELECT sum(events) FROM latency_1m WHERE stage = 'e2e' AND partner = '%[1]s') = rows, (SELECT sum(arraySum(mapValues(histogram))) FROM latency_1m WHERE stage = 'geo' AND partner = '%[1]s') = rows, (SELECT count() FROM rejected WHERE partner = '%[1]s') FROM events WHERE partner = '%[1]s'", partner))
}

// allOnce is what sums says of half().
const allOnce = "600\t600\t1\t1\t200"

// half is a batch that waits half a minute, so that it is stored in the minute, hour or day after it came.
func half(partner string, from time.Time) *leadline.Batch {
	b := &leadline.Batch{Token: partner}
	for range 200 {
		b.Rejected = append(b.Rejected, leadline.Rejected{Partner: partner, ReceivedAt: from, Payload: []byte("{}")})
	}
	for i := range 600 {
		e := leadline.Event{ID: fmt.Sprintf("%04d", i), Partner: partner, Campaign: fmt.Sprint("c", i%7), ReceivedAt: from.Add(time.Duration(i) * time.Millisecond)}
		e.Spend("geo", time.Duration(i)*time.Millisecond, time.Duration(i*i)*time.Microsecond, leadline.StatusOK)
		b.Events = append(b.Events, e)
	}
	return b
}

// again is the same batch an hour and a half later: same spooled bytes, other timings.
func again(b *leadline.Batch) {
	for i := range b.Events {
		b.Events[i].Spend(leadline.StageWrite, 90*time.Minute, time.Duration(i)*time.Second, leadline.StatusError)
	}
}

// The connection is cut before, within and after the insert of each table, or the answer is lost, at a border of a
// minute, of an hour, and of a day between the batch's own events; a retry with other timings leaves one copy everywhere.
func TestWriteAgainIsOnceInEveryTable(t *testing.T) {
	t.Parallel()
	_, db := migrated(t)
	r := newRelay(t, db.Native)
	n := 0
	f := func(from time.Time, spoil func(*DB, *leadline.Batch)) {
		t.Helper()
		n++
		partner := fmt.Sprintf("p%05d", n) // as long as each other: the borders stay where they are
		d := open(t, db, func(o *Options) { o.Addrs = []string{r.addr()} })
		b := half(partner, from)
		spoil(d, b)
		r.heal()
		again(b)
		write(t, d, b)
		write(t, d, b)
		if got := sums(t, db, partner); got != allOnce {
			t.Errorf("case %d, from %v: %s, want %s", n, from, got, allOnce)
		}
	}
	cut := func(after int64) func(*DB, *leadline.Batch) {
		return func(d *DB, b *leadline.Batch) {
			r.cutAfter.Store(after)
			if err := d.Write(context.Background(), b); err == nil {
				t.Errorf("no error when cut after %d bytes", after)
			}
		}
	}
	lost := func(after int64, table string) func(*DB, *leadline.Batch) {
		return func(d *DB, b *leadline.Batch) { loseAnswer(t, db, r, d, b, after, table) }
	}
	for _, from := range []time.Time{
		noon.Add(30*time.Minute - time.Second), noon.Add(-time.Second), noon.Add(12*time.Hour - 300*time.Millisecond),
	} {
		n++
		border := borders(t, db, r, fmt.Sprintf("p%05d", n), from)
		for i, table := range tables {
			begin, end := border[i], border[i+1]
			f(from, cut(begin))
			f(from, cut(begin+20)) // in the statement
			f(from, cut((begin+end)/2))
			f(from, cut(end-10))
			f(from, lost((begin+end)/2, table))
		}
	}
}

// tables are those that a batch goes to.
var tables = []string{"events", "latency_1m", "rejected"}

// borders tells after how many bytes on a connection each table's insert begins, and the last one ends.
func borders(t *testing.T, db *chtest.DB, r *relay, partner string, from time.Time) []int64 {
	t.Helper()
	d := open(t, db, func(o *Options) { o.Addrs = []string{r.addr()} })
	r.heal() // starts a new tape
	write(t, d, half(partner, from))
	sent := r.recorded()
	var at []int64
	for _, table := range tables {
		i := strings.Index(sent, partner+"/"+table) // the token, which goes before the statement
		if i < 0 {
			t.Fatalf("no insert into %s among %d bytes", table, len(sent))
		}
		at = append(at, int64(i))
	}
	if got := sums(t, db, partner); got != allOnce {
		t.Fatalf("without a fault: %s", got)
	}
	return append(at, int64(len(sent)))
}

// loseAnswer lets a table have its rows and keeps the answer back.
func loseAnswer(t *testing.T, db *chtest.DB, r *relay, d *DB, b *leadline.Batch, after int64, table string) {
	t.Helper()
	r.deafAt.Store(after)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error)
	go func() { ended <- d.Write(ctx, b) }()
	has := "SELECT count() > 0 FROM " + table + " WHERE partner = '" + b.Events[0].Partner + "'"
	for end := time.Now().Add(10 * time.Second); db.Query(t, has) != "1"; {
		if time.Now().After(end) {
			t.Fatalf("nothing arrived in %s", table)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("%s: %v", table, err)
	}
}
