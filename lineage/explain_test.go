package lineage_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/internal/storetest"
	"leadline/lineage"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// traffic is some events spread evenly over a span. Every event passes six stages of some milliseconds with long
// tails; slow adds to single stages.
type traffic struct {
	n        int
	from, to time.Time
	slow     map[string]string // SQL: microseconds by stage; may use number and campaign
	seed     int
}

func (f traffic) into(t *testing.T, db *chtest.DB) {
	t.Helper()
	if f.n == 0 {
		return
	}
	stages := []string{"receive", "validate", "spool", "enrich.geoip", "qualify", "write"}
	var wait, duration, status []string
	for i, s := range stages {
		add := "0"
		if f.slow[s] != "" {
			add = f.slow[s]
		}
		random := fmt.Sprintf("cityHash64(number, %d, %d)", i, f.seed)
		wait = append(wait, fmt.Sprintf("toUInt64(%s %% 300)", random))
		duration = append(duration, fmt.Sprintf("toUInt64(500 + 2000 * -log((1 + %s %% 9999) / 10000) + (%s))", random, add))
		status = append(status, "'ok'")
	}
	db.Exec(t, fmt.Sprintf(`
		INSERT INTO events (minute, stored_at, received_at, partner, campaign, country, id, stage, wait_us, duration_us, status, e2e_us)
		WITH
			['spring', 'spring', 'autumn', ''][1 + cityHash64(number, 'c', %[1]d) %% 4] AS campaign,
			[%[2]s]::Array(UInt64) AS wait, [%[3]s]::Array(UInt64) AS duration,
			fromUnixTimestamp64Micro(%[4]d + intDiv(%[5]d * number, %[6]d), 'UTC') AS stored,
			arraySum(wait) + arraySum(duration) AS e2e
		SELECT toStartOfMinute(stored), stored, stored - toIntervalMicrosecond(e2e), 'partner-' || toString(number %% 3), campaign,
			if(number %% 2 = 0, 'BR', 'UA'), toString(number), ['%[7]s'], wait, duration, [%[8]s], e2e
		FROM numbers(%[6]d)`,
		f.seed, strings.Join(wait, ", "), strings.Join(duration, ", "), f.from.UnixMicro(), f.to.Sub(f.from).Microseconds(), f.n, strings.Join(stages, "', '"), strings.Join(status, ", ")))
}

func explain(t *testing.T, q lineage.Querier, w lineage.Window) *leadline.Verdict {
	t.Helper()
	v, err := lineage.Explain(context.Background(), q, w)
	if err != nil {
		t.Fatal(err)
	}
	sum, now := 0.0, 0.0
	for i, s := range v.Stages {
		sum += s.Share
		now += s.NowMS
		if i > 0 && s.Share > v.Stages[i-1].Share {
			t.Errorf("stages are not in order: %+v", v.Stages)
		}
	}
	if len(v.Stages) > 0 && (math.Abs(sum-1) > 1e-9 || now < v.P95MS) {
		t.Errorf("shares add up to %g, stages to %g ms with a P95 of %g ms", sum, now, v.P95MS)
	}
	if (v.Incomplete == "") != (len(v.Stages) > 0) {
		t.Errorf("%d stages and incomplete %q", len(v.Stages), v.Incomplete)
	}
	return v
}

// hour is the usual case: an hour of normal traffic, then four slow minutes, looked at from their first bad slot on.
func hour(t *testing.T, db *chtest.DB, slow map[string]string) lineage.Window {
	t.Helper()
	fault := noon.Add(-margin)
	traffic{n: 9000, from: fault.Add(-time.Hour), to: fault, seed: 1}.into(t, db)
	traffic{n: 1000, from: fault, to: noon.Add(4 * time.Minute), slow: slow, seed: 2}.into(t, db)
	return lineage.WindowFor(noon, noon.Add(4*time.Minute), nil)
}

const margin = 20 * time.Second

func TestOneSlowStage(t *testing.T) {
	t.Parallel()
	q, db := storetest.New(t)
	v := explain(t, q, hour(t, db, map[string]string{"enrich.geoip": "if(number % 3 = 0, 800000 + number % 1000 * 100, 0)"}))
	if s, ok := v.Bottleneck(); !ok || s.Stage != leadline.StageGeoIP || s.Share < 0.9 || s.NowMS < 800 || s.BaseMS > 5 {
		t.Errorf("bottleneck %+v", s)
	}
	if v.Events != 1000 || v.Slow < 50 || v.Slow > 60 || v.P95MS < 800 || v.BaseP95MS < 10 || v.BaseP95MS > 40 {
		t.Errorf("%+v", v)
	}
	mean, now := 0.0, 0.0
	for _, s := range v.Stages {
		now += s.NowMS
	}
	if _, err := fmt.Sscan(db.Query(t, fmt.Sprintf("SELECT avg(e2e_ms) FROM journeys WHERE stored_at >= '2026-11-21 11:59:40' AND e2e_ms >= %f", v.P95MS)), &mean); err != nil {
		t.Fatal(err)
	}
	if math.Abs(mean-now) > 1e-6 {
		t.Errorf("stages add up to %f ms, the slow events took %f ms", now, mean)
	}
	if len(v.Partners) != 1 || v.Partners[0].Name != "partner-0" || v.Partners[0].Slow != v.Slow || v.Partners[0].Events != 334 {
		t.Errorf("partners %+v", v.Partners)
	}
	if len(v.Campaigns) != 2 || v.Campaigns[0].Name != "spring" || v.Campaigns[0].Slow <= v.Campaigns[1].Slow {
		t.Errorf("campaigns %+v", v.Campaigns)
	}
}

func TestTwoCauses(t *testing.T) {
	t.Parallel()
	q, db := storetest.New(t)
	v := explain(t, q, hour(t, db, map[string]string{"enrich.geoip": "700000", "write": "300000"}))
	if len(v.Stages) != 6 || v.Stages[0].Stage != "enrich.geoip" || v.Stages[1].Stage != "write" {
		t.Fatalf("%+v", v.Stages)
	}
	if a, b := v.Stages[0].Share, v.Stages[1].Share; math.Abs(a-0.7) > 0.03 || math.Abs(b-0.3) > 0.03 {
		t.Errorf("shares %.3f and %.3f", a, b)
	}
}

func TestNoSlowDown(t *testing.T) {
	t.Parallel()
	q, db := storetest.New(t)
	v := explain(t, q, hour(t, db, nil))
	if _, ok := v.Bottleneck(); ok || !strings.HasPrefix(v.Incomplete, "no slow-down: P95 is ") {
		t.Errorf("%+v", v)
	}
	if len(v.Partners) != 3 || v.P95MS == 0 {
		t.Errorf("%+v", v)
	}
}

// The rule noticed late: the last eighth of the normal window is slow already, and its own P95 with it.
func TestContaminatedBaseline(t *testing.T) {
	t.Parallel()
	q, db := storetest.New(t)
	slow := map[string]string{"enrich.geoip": "900000"}
	traffic{n: 1400, from: noon.Add(-90 * time.Second), to: noon.Add(-30 * time.Second), seed: 1}.into(t, db)
	traffic{n: 600, from: noon.Add(-30 * time.Second), to: noon.Add(30 * time.Second), slow: slow, seed: 2}.into(t, db)
	v := explain(t, q, lineage.WindowFor(noon, noon.Add(30*time.Second), nil))
	if s, ok := v.Bottleneck(); !ok || s.Stage != leadline.StageGeoIP || s.Share < 0.9 || s.BaseMS > 10 {
		t.Errorf("%+v", v)
	}
	if v.BaseP95MS > 40 {
		t.Errorf("the P95 before is %g ms", v.BaseP95MS)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	q, db := storetest.New(t)
	w := hour(t, db, map[string]string{"enrich.geoip": "if(number % 2 = 0, 500000, 0)"}) // even numbers are BR
	f := func(filter leadline.Labels, want bool) {
		t.Helper()
		w.Filter = filter
		if _, got := explain(t, q, w).Bottleneck(); got != want {
			t.Errorf("%v: bottleneck %v", filter, got)
		}
	}
	f(leadline.Labels{"country": "BR"}, true)
	f(leadline.Labels{"country": "UA"}, false)
	f(leadline.Labels{"stage": "write", "severity": "page"}, true) // no columns of an event
	f(leadline.Labels{"country": "BR", "partner": "partner-1", "campaign": "spring"}, true)
	f(leadline.Labels{"campaign": ""}, true)
	f(leadline.Labels{"bot": "nobody"}, false)
	w.Filter = leadline.Labels{"partner": "partner-1"}
	if v := explain(t, q, w); len(v.Partners) != 1 || v.Partners[0].Name != "partner-1" || v.Events > 340 {
		t.Errorf("%+v", v)
	}
}

func TestTooLittleData(t *testing.T) {
	t.Parallel()
	f := func(base, now int, want string) {
		t.Helper()
		q, db := storetest.New(t)
		slow := map[string]string{"write": "500000 + number"}
		traffic{n: base, from: noon.Add(-time.Hour), to: noon.Add(-margin), seed: 1}.into(t, db)
		traffic{n: now, from: noon, to: noon.Add(time.Minute), slow: slow, seed: 2}.into(t, db)
		v := explain(t, q, lineage.WindowFor(noon, noon.Add(time.Minute), nil))
		if v.Incomplete != want || len(v.Partners) > 0 != (now > 0) {
			t.Errorf("%d and %d events: %q, want %q: %+v", base, now, v.Incomplete, want, v)
		}
	}
	f(0, 0, "no events in the slow window")
	f(1000, 0, "no events in the slow window")
	f(1000, 60, "too few slow events yet: 3 of 60, 5 are needed")
	f(0, 200, "too few events before it to compare with: 0, 50 are needed")
	f(49, 200, "too few events before it to compare with: 49, 50 are needed")
	f(50, 200, "")
}

func TestErrorsNameTheQuery(t *testing.T) {
	t.Parallel()
	q, _ := storetest.New(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := lineage.Explain(ctx, q, lineage.WindowFor(noon, noon, nil)); err == nil || !strings.Contains(err.Error(), "explain_windows") {
		t.Errorf("%v", err)
	}
}

// Half a million events, a hundred thousand of them slow: each query within 300 ms on two idle cores.
func TestCostOfAnExplanation(t *testing.T) {
	t.Parallel()
	q, db := storetest.New(t)
	traffic{n: 400_000, from: noon.Add(-time.Hour), to: noon.Add(-margin), seed: 1}.into(t, db)
	traffic{n: 100_000, from: noon.Add(-margin), to: noon.Add(4 * time.Minute), slow: map[string]string{"enrich.geoip": "500000"}, seed: 2}.into(t, db)
	v := explain(t, q, lineage.WindowFor(noon, noon.Add(4*time.Minute), nil))
	if s, _ := v.Bottleneck(); s.Stage != leadline.StageGeoIP || v.Events != 100_000 {
		t.Errorf("%+v", v)
	}
	db.Exec(t, "SYSTEM FLUSH LOGS query_log")
	costs := db.Query(t, `SELECT log_comment, query_duration_ms, ProfileEvents['OSCPUVirtualTimeMicroseconds'] / 1000, read_rows, memory_usage
		FROM system.query_log WHERE type = 'QueryFinish' AND current_database = currentDatabase() AND log_comment LIKE 'explain_%' ORDER BY log_comment`)
	t.Logf("query, ms, CPU ms, rows, bytes of memory:\n%s", costs)
	lines := strings.Split(strings.TrimSpace(costs), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d queries", len(lines))
	}
	for _, line := range lines {
		var name string
		var ms, cpu, rows, memory float64
		if _, err := fmt.Sscan(line, &name, &ms, &cpu, &rows, &memory); err != nil {
			t.Fatal(err)
		}
		if cpu > 1500 || memory > 300e6 {
			t.Errorf("%s took %g ms of CPU and %g bytes", name, cpu, memory)
		}
	}
}
