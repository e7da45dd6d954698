//go:build linux

package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"leadline/store"
)

// storedWithin bounds the wait for the backlog of a round: one write may first have to time out.
const storedWithin = 2 * time.Minute

// settled waits until every event that was acknowledged is in events, by its id, and holds that nothing is there twice,
// in no table. No request is on its way.
func (x *torture) settled() {
	x.Helper()
	for _, odd := range x.s.strange {
		x.Error(odd)
	}
	missing, bad := map[string]*fate{}, map[string]*fate{}
	since := time.Now()
	for it, f := range x.s.fates {
		switch {
		case f.stored || f.acks == 0:
			continue
		case it.bad:
			bad[it.partner+"\t"+it.id] = f
		default:
			missing[it.partner+"\t"+it.id] = f
		}
		if f.first.Before(since) {
			since = f.first
		}
	}
	after := fmt.Sprintf(" WHERE received_at >= toDateTime64('%s', 6, 'UTC') - INTERVAL 1 MINUTE", since.UTC().Format("2006-01-02 15:04:05"))
	x.arrive(missing, "SELECT DISTINCT partner, id FROM events"+after)
	x.arrive(bad, "SELECT DISTINCT partner, id FROM rejected"+after)
	for _, late := range []map[string]*fate{missing, bad} {
		shown := 0
		for key, f := range late {
			if shown++; shown <= 10 {
				x.Logf("lost: %s %+v", key, *f)
			}
		}
		if shown > 0 {
			x.Errorf("%d items were acknowledged and are not stored %s later\n%s", shown, storedWithin, x.h.log(x))
		}
	}
	for it, f := range x.s.fates {
		if !it.bad && f.accepted > 1 {
			x.Errorf("%v: %d answers said that it was new", it, f.accepted)
		}
	}
	x.never("SELECT count() - uniqExact(partner, id) FROM events")
	x.never("SELECT count() - uniqExact(partner, id) FROM journeys")
	x.never("SELECT (SELECT count() FROM journeys) - (SELECT count() FROM events)")
	x.never("SELECT countIf(arraySum(wait_us) + arraySum(duration_us) != e2e_us) FROM events")
	x.never("SELECT countIf(JSONExtractString(payload, 'start_param') != id) FROM events")
	x.rollup("latency_1m")
}

// arrive asks until nothing is missing, or no longer.
func (x *torture) arrive(missing map[string]*fate, sql string) {
	x.Helper()
	for end := time.Now().Add(storedWithin); len(missing) > 0 && time.Now().Before(end); {
		status, answer, err := x.h.ask(x.Context(), "analyst", x.h.analyst, sql)
		if err == nil && status == http.StatusOK {
			for line := range strings.Lines(answer) {
				if f := missing[strings.TrimSpace(line)]; f != nil {
					f.stored = true
					delete(missing, strings.TrimSpace(line))
				}
			}
		}
		<-time.After(100 * time.Millisecond)
	}
}

// never holds that the answer is 0.
func (x *torture) never(sql string) {
	x.Helper()
	if got := x.h.sql(x, sql); got != "0" {
		x.Errorf("%s rows: %s", got, sql)
	}
}

// rollup holds that a table has counted every event once. Its rows come a moment after those of events.
func (x *torture) rollup(table string) {
	x.Helper()
	off := `SELECT countIf(e.n != r.n), sum(toInt64(r.n) - toInt64(e.n))
		FROM (SELECT partner, campaign, count() AS n FROM events GROUP BY partner, campaign) AS e
		FULL OUTER JOIN (SELECT partner, campaign, sum(events) AS n FROM ` + table + ` WHERE stage = 'e2e' GROUP BY partner, campaign) AS r
		USING partner, campaign`
	if !within(patience, func() bool { return x.h.sql(x, off) == "0\t0" }) {
		x.Errorf("%s: groups that differ from events, rows too many: %s", table, x.h.sql(x, off))
	}
}

// hours sums all hours up, as Leadline does once they are over, and holds latency_1h against events.
func (x *torture) hours() {
	x.Helper()
	password := outsideWriter
	if x.engine == nil {
		password = x.h.secret(x, "clickhouse.writer")
	}
	db, err := store.Open(x.Context(), store.Options{Addrs: []string{x.h.native}, Database: "leadline", Username: "leadline", Password: password})
	if err != nil {
		x.Fatal(err)
	}
	defer db.Close()
	if _, err := db.SumHours(x.Context(), time.Now().Add(2*time.Hour)); err != nil {
		x.Error(err)
	}
	x.rollup("latency_1h")
}

// everything compares all rows that there are with all items that were ever posted.
func (x *torture) everything() {
	x.Helper()
	x.hours()
	rows := map[string]int{}
	for line := range strings.Lines(x.h.sql(x, "SELECT partner, id FROM events")) {
		rows[strings.TrimSpace(line)]++
	}
	rejected := x.h.rejected(x)
	var acked, bad, unsure, lost, doubled int
	for it, f := range x.s.fates {
		key := it.partner + "\t" + it.id
		n := rows[key]
		delete(rows, key)
		switch {
		case it.bad: // no identity: one row for each acknowledgement, perhaps one for a post without an answer
			bad++
			if n := rejected[key]; n < f.acks || n > f.posts {
				x.Errorf("rejected %s: %d rows, %d acknowledgements, %d posts", key, n, f.acks, f.posts)
			}
			delete(rejected, key)
		case f.acks == 0: // whoever hangs up does not know
			unsure += min(n, 1)
		default:
			acked++
			lost += max(0, 1-n)
		}
		doubled += max(0, n-1)
	}
	if lost+doubled+len(rows)+len(rejected) > 0 || acked < 100 {
		x.Errorf("%d acknowledged: %d lost, %d doubled, %d that nobody sent, %d rejected that nobody sent", acked, lost, doubled, len(rows), len(rejected))
	}
	x.Logf("in the end: %d events acknowledged, %d lost, %d doubled; %d stored without an acknowledgement; %d rejected items; e2e p50, p99, max in ms: %s",
		acked, lost, doubled, unsure, bad, x.h.sql(x, "SELECT arrayMap(x -> round(x / 1000), quantilesExact(0.5, 0.99, 1)(e2e_us)) FROM events"))
}
