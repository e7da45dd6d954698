package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"leadline"
)

func TestErase(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	ctx := context.Background()
	b := newRush(1, past, time.Second).batch(2000)
	for i := range b.Events {
		e := &b.Events[i]
		e.Partner, e.LeadKey = fmt.Sprint("p", i%2), "o'lead"+fmt.Sprint(i/2%10)
	}
	for i := range 10 {
		b.Rejected = append(b.Rejected, leadline.Rejected{ReceivedAt: past, Partner: fmt.Sprint("p", i%2), LeadKey: "o'lead" + fmt.Sprint(i/2%3)})
	}
	b.Rejected = append(b.Rejected, leadline.Rejected{ReceivedAt: past, Partner: "p0"})
	write(t, d, b)

	f := func(partner, lead string, want Erased) {
		t.Helper()
		if got, err := d.Erase(ctx, partner, lead); err != nil || got != want {
			t.Errorf("erase %s of %s: %+v, %v, want %+v", lead, partner, got, err, want)
		}
	}
	f("p0", "o'lead1", Erased{100, 2})
	f("p0", "o'lead1", Erased{})
	f("p0", "nobody", Erased{})
	f("p9", "o'lead2", Erased{})
	for _, from := range []string{"events", "journeys", "(SELECT DISTINCT id, partner FROM all_spans)"} {
		if got := db.Query(t, "SELECT countIf(partner = 'p0'), countIf(partner = 'p1') FROM "+from); got != "900\t1000" {
			t.Errorf("%s: %s", from, got)
		}
	}
	if got := db.Query(t, "SELECT partner, lead_key, count() FROM events WHERE lead_key LIKE '%1' GROUP BY ALL"); got != `p1	o\'lead1	100` {
		t.Errorf("left of the lead: %s", got)
	}
	if got := db.Query(t, "SELECT countIf(partner = 'p0'), countIf(partner = 'p1') FROM rejected"); got != "4\t5" {
		t.Errorf("rejected: %s", got)
	}
	// The rollups go on counting, and the proofs know why.
	sumHours(t, d)
	if got := proof(t, d, "missing_rows"); got != "[events 1900 0] [latency_1m 2000 0] [latency_1h 2000 0]" {
		t.Error(got)
	}
	if got := proof(t, d, "duplicate_rows"); got != "[events 1900 0] [latency_1m 2000 0] [latency_1h 2000 0]" {
		t.Error(got)
	}

	again := &leadline.Batch{Token: "more", Events: []leadline.Event{{ID: "x", Partner: "p0", LeadKey: "o'lead1", ReceivedAt: past}}}
	write(t, d, again)
	f("p0", "o'lead1", Erased{1, 0})
	again.Token = "once more, the same"
	write(t, d, again)
	f("p0", "o'lead1", Erased{1, 0})
}

// A try that ended after it had noted the events, or with the deletion on its way, notes them once.
func TestEraseAgainAfterAnError(t *testing.T) {
	t.Parallel()
	f := func(spoil, heal string) {
		t.Helper()
		d, db := migrated(t)
		b := newRush(1, past, time.Second).batch(1000)
		for i := range b.Events {
			b.Events[i].Partner, b.Events[i].LeadKey = "p", fmt.Sprint(i%2)
		}
		write(t, d, b)
		db.Exec(t, spoil)
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if _, err := d.Erase(short, "p", "1"); err == nil {
			t.Errorf("%s: no error", spoil)
		}
		db.Exec(t, heal)
		if _, err := d.Erase(context.Background(), "p", "1"); err != nil {
			t.Error(err)
		}
		if got := db.Query(t, "SELECT count(), (SELECT sum(events) FROM erasures) FROM events"); got != "500\t500" {
			t.Errorf("%s: left and noted: %s", spoil, got)
		}
	}
	f("RENAME TABLE rejected TO away", "RENAME TABLE away TO rejected")
	f("SYSTEM STOP MERGES events", "SYSTEM START MERGES events") // a mutation waits behind them
}

func TestEraseRefuses(t *testing.T) {
	t.Parallel()
	d, _ := migrated(t)
	for _, who := range [][2]string{{"", "k"}, {"p", ""}} {
		if _, err := d.Erase(context.Background(), who[0], who[1]); err == nil {
			t.Errorf("no error for %q", who)
		}
	}
}

func TestWriteResources(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	ctx := context.Background()
	r := leadline.Resources{
		At: noon, Interval: 10 * time.Second, CPU: 1.5, EngineCPU: 0.5, MachineCPU: 0.75, RSS: 1, EngineRSS: 2, Heap: 3, GCPause: 4 * time.Microsecond,
		Goroutines: 5, OpenFiles: 6, SpoolBytes: 7, SpoolFill: 0.25, SpoolLag: 8 * time.Microsecond, DiskFree: 9, DiskRead: 10, DiskWrite: 11, NetIn: 12, NetOut: 13,
	}
	samples := []leadline.Resources{r, {At: noon.Add(10 * time.Second), RSS: -1}}
	for range 2 {
		if err := d.WriteResources(ctx, samples); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.WriteResources(ctx, nil); err != nil {
		t.Error(err)
	}
	const want = "2026-11-21 12:00:00.000\tingest-1\t10\t1.5\t0.5\t0.75\t1\t2\t3\t4\t5\t6\t7\t0.25\t8\t9\t10\t11\t12\t13\n" +
		"2026-11-21 12:00:10.000\tingest-1\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0\t0"
	if got := db.Query(t, "SELECT * FROM resources ORDER BY at"); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.WriteResources(ctx, samples); err == nil {
		t.Error("no error after Close")
	}
}
