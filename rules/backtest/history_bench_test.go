package backtest

import (
	"strconv"
	"syscall"
	"testing"
	"time"

	"leadline/rules/measure"
)

// BenchmarkHistory is the look back that a change of an objective needs: 7 days of 50 partners, the four windows of two
// burn rates, a slot a minute. clickhouse-ms is the time in which ClickHouse is waited for, go-ms all other; cpu is that of
// each, which a busy machine does not change.
func BenchmarkHistory(b *testing.B) {
	const partners = "50"
	ch := migrated(b)
	db := ch.open(b)
	ch.Exec(b, `INSERT INTO latency_1m
		SELECT toDateTime('2026-11-10 00:00:00', 'UTC') + 60 * intDiv(number, `+partners+`) AS minute, 'e2e', 'p' || toString(number % `+partners+`), 'spring',
			toDate(minute), 60, number % 3, 1000, 100000, mapFromArrays(
				arrayMap(k -> toUInt16(200 + 4 * k + intHash32(number + k) % 4), range(30)), arrayMap(k -> toUInt64(2), range(30)))
		FROM numbers(11 * 1440 * `+partners+`) SETTINGS max_partitions_per_insert_block = 0`)
	ch.Exec(b, `INSERT INTO latency_1h SELECT toStartOfHour(minute) AS hour, stage, partner, campaign, day, sum(events), sum(failed), sum(wait_us), sum(duration_us), sumMap(histogram)
		FROM latency_1m GROUP BY hour, stage, partner, campaign, day SETTINGS max_partitions_per_insert_block = 0`)
	to := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for _, x := range []struct{ name, bad string }{{"failed", `worst != "ok"`}, {"slower", "e2e_ms > 8"}} {
		ask := &measure.Ask{Name: "burn", By: []string{"partner"}, Interval: time.Minute}
		for _, w := range []time.Duration{time.Hour, 5 * time.Minute, 6 * time.Hour, 30 * time.Minute} {
			ask.Measures = append(ask.Measures, measure.Measure{Source: measure.Events, Kind: measure.Ratio, Window: w, Where: where(b, x.bad, measure.Events)})
		}
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			var all, waited time.Duration
			server, own := serverTime(b, ch), ownTime(b)
			for b.Loop() {
				began := time.Now()
				h, err := measure.New(db).History(b.Context(), []*measure.Ask{ask}, to.Add(-7*24*time.Hour), to, 0)
				if err != nil {
					b.Fatal(err)
				}
				for end := to.Add(-7 * 24 * time.Hour); end.Before(to); end = end.Add(time.Minute) {
					answers, err := h.At(b.Context(), end)
					if err != nil {
						b.Fatal(err)
					}
					if rows, err := answers.Rows(ask); err != nil || len(rows) != 50 {
						b.Fatalf("%d rows, %v", len(rows), err)
					}
				}
				all += time.Since(began)
				waited += h.Waited
			}
			n := float64(b.N) * 1e6
			b.ReportMetric(float64(ownTime(b)-own)/n, "go-cpu-ms")
			b.ReportMetric(float64(serverTime(b, ch)-server)/n, "clickhouse-cpu-ms")
			b.ReportMetric(float64(waited)/n, "clickhouse-ms")
			b.ReportMetric(float64(all-waited)/n, "go-ms")
		})
	}
}

// ownTime is the processor time of this process, serverTime that of all queries.
func ownTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func serverTime(b *testing.B, ch world) time.Duration {
	b.Helper()
	us, err := strconv.ParseInt(ch.Query(b, "SELECT toInt64(sum(value)) FROM system.events WHERE event = 'OSCPUVirtualTimeMicroseconds'"), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(us) * time.Microsecond
}
