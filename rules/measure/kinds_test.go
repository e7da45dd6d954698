package measure

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"leadline"
)

// TestBaselineIsThePastWindows compares the windows of earlier seasons with the events, on both paths.
func TestBaselineIsThePastWindows(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	r := New(p.open(t))
	season := &Baseline{Season: 10 * time.Hour, Periods: 4, Stat: Median}
	f := func(by []string, window time.Duration, end time.Time) {
		t.Helper()
		a := &Ask{Name: "g/r", By: by, Interval: time.Minute, Measures: []Measure{
			{Name: "n", Source: Events, Window: window, Kind: Count, Baseline: season},
			{Name: "p50", Source: Events, Window: window, Kind: Quantile, Level: 0.5, Of: "e2e_ms", Baseline: season},
			{Name: "now", Source: Events, Window: window, Kind: Count},
		}}
		got := rowsOf(t, r, a, end)
		if by[0] == "partner" {
			end = end.Truncate(time.Minute)
		}
		took := func(k int) map[string]*truth {
			to := end.Add(-time.Duration(k) * season.Season)
			return tell(p.events, by, to.Add(-window).UnixMicro(), to.UnixMicro(), func(*item) bool { return true })
		}
		for key, now := range took(0) {
			row := got[key]
			want := [][]float64{nil, nil}
			for k := 1; k <= 4; k++ {
				n, p50 := math.NaN(), math.NaN()
				if x := took(k)[key]; x != nil {
					n, p50 = float64(x.events), x.middle(0.5)
				}
				want[0], want[1] = append(want[0], n), append(want[1], p50)
			}
			if row.Values[0] != float64(now.events) || row.Values[2] != float64(now.events) || fmt.Sprint(row.Past[:2]) != fmt.Sprint(want) || row.Past[2] != nil {
				t.Errorf("%s: %v after %v, want %d after %v", key, row.Values, row.Past, now.events, want)
			}
		}
	}
	f([]string{"partner"}, 2*time.Hour, noon.Add(-90*time.Second))
	f([]string{"bot"}, time.Hour, noon.Add(-90*time.Second))
}

// TestExpectedSeriesHaveRows looks for crab, which has been silent for 20 hours.
func TestExpectedSeriesHaveRows(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := &counting{Querier: p.open(t)}
	r := New(db)
	f := func(by []string, where Predicate, expect time.Duration, series int, there bool) {
		t.Helper()
		a := &Ask{Name: "g/r", By: by, Interval: time.Minute, Expect: expect, Measures: []Measure{
			{Name: "n", Source: Events, Window: 10 * time.Minute, Kind: Count, Where: where},
			{Name: "age", Source: Events, Window: max(expect, 24*time.Hour), Kind: Age},
			{Name: "p95", Source: Events, Window: 10 * time.Minute, Kind: Quantile, Level: 0.95, Of: "e2e_ms"},
		}}
		got := rowsOf(t, r, a, noon.Add(-time.Minute))
		if len(got) != series {
			t.Errorf("%d series, want %d: %v", len(got), series, got)
		}
		found := false
		for _, row := range got {
			if row.Labels["partner"] != "crab" {
				continue
			}
			found = true
			if row.Values[0] != 0 || !(row.Values[1] > 19*3600e3 && row.Values[1] < 21*3600e3) || !math.IsNaN(row.Values[2]) {
				t.Errorf("crab has %v", row.Values)
			}
		}
		if found != there {
			t.Errorf("crab is there: %v", found)
		}
	}
	f([]string{"partner"}, Predicate{}, 0, 3, true) // by its age, which looks a day back
	f([]string{"partner"}, Predicate{}, 30*time.Hour, 3, true)
	f([]string{"bot", "partner"}, Predicate{}, 30*time.Hour, 9, true)
	f([]string{"partner"}, where(t, Events, `campaign == "none"`), 30*time.Hour, 3, true)

	a := &Ask{Name: "g/r", By: []string{"partner"}, Interval: time.Minute, Expect: 30 * time.Hour, Measures: []Measure{
		{Name: "n", Source: Events, Window: 10 * time.Minute, Kind: Count},
	}}
	db.take()
	for _, step := range []struct {
		after time.Duration
		seen  int
	}{{0, 0}, {time.Minute, 1}, {4 * time.Minute, 0}, {8 * time.Minute, 2}, {9 * time.Minute, 0}} {
		end := noon.Add(-time.Minute + step.after) // 11:59, 12:00: another five minutes, 12:05: another hour
		if got := rowsOf(t, r, a, end); got[`partner="crab"`].Key == "" || got[`partner="crab"`].Values[0] != 0 {
			t.Errorf("at %v: %v", end, got)
		}
		seen := 0
		for _, q := range db.take() {
			if strings.HasSuffix(q.Name, " seen") {
				seen++
			}
		}
		if seen != step.seen {
			t.Errorf("at %v it was looked %d times, want %d", end, seen, step.seen)
		}
	}
	less := *a
	less.Expect = 10 * time.Hour
	if got := rowsOf(t, r, &less, noon.Add(-time.Minute)); len(got) != 2 {
		t.Errorf("crab is expected for 10 hours: %v", got)
	}
}

// TestExpectedSeriesAreNotReadEachSlot asks for labels that only the events have.
func TestExpectedSeriesAreNotReadEachSlot(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := &counting{Querier: p.open(t)}
	r := New(db)
	a := &Ask{Name: "g/r", By: []string{"bot"}, Interval: time.Minute, Expect: 30 * time.Hour, Measures: []Measure{
		{Name: "n", Source: Events, Window: time.Minute, Kind: Count},
	}}
	for _, want := range []int{3, 1, 1} { // the events each slot, the series once
		if got := rowsOf(t, r, a, noon.Add(-time.Minute)); len(got) != 3 {
			t.Errorf("%d series, want 3", len(got))
		}
		if got := len(db.take()); got != want {
			t.Errorf("%d queries, want %d", got, want)
		}
	}
}

// TestSchemaCounts compares what schemas said with the tables.
func TestSchemaCounts(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	r := New(p.open(t))
	window, end := 5*time.Hour, noon.Add(-time.Hour-17*time.Second)
	a := &Ask{Name: "g/r", By: []string{"partner"}, Interval: time.Minute, Measures: []Measure{
		{Name: "unknown", Source: Schema, Window: window, Kind: Count, Of: UnknownFields},
		{Name: "rejected", Source: Schema, Window: window, Kind: Count, Of: Rejected},
		{Name: "ratio", Source: Schema, Window: window, Kind: Ratio, Of: Rejected},
	}}
	got := rowsOf(t, r, a, end)
	if len(got) != 2 {
		t.Fatalf("%v", got)
	}
	number := func(table, at, condition string) (n float64) {
		t.Helper()
		answer := p.ch.Query(t, fmt.Sprintf("SELECT count() FROM %s WHERE %s >= fromUnixTimestamp64Micro(%d) AND %[2]s < fromUnixTimestamp64Micro(%[4]d) AND %[5]s", table, at, end.Add(-window).UnixMicro(), end.UnixMicro(), condition))
		if _, err := fmt.Sscan(answer, &n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, partner := range []string{"acme", "blue's"} {
		is := " AND partner = '" + strings.ReplaceAll(partner, "'", "''") + "'"
		rejected := number("rejected", "received_at", "code IN ('schema_violation', 'unknown_field')"+is)
		unknown := number("rejected", "received_at", "code = 'unknown_field'"+is) + number("events", "stored_at", "has(warnings, 'unknown_extension')"+is)
		taken := number("events", "stored_at", "1"+is)
		want := []float64{unknown, rejected, rejected / (rejected + taken)}
		row := got[leadline.Labels{"partner": partner}.Key()]
		if rejected == 0 || unknown == 0 || fmt.Sprint(row.Values) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", partner, row.Values, want)
		}
	}
	only := &Ask{Name: "g/r", By: []string{"bot"}, Interval: time.Minute, Measures: a.Measures[1:2]}
	if p := makePlan([]*Ask{only}); strings.Contains(p.sheets[0].sql, "FROM events") {
		t.Error("rejected items alone read the events too")
	}
}

func TestOwnSQL(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := &counting{Querier: p.open(t)}
	r := New(db)
	ask := func(sql string, by ...string) *Ask {
		return &Ask{Name: "g/own", By: by, Interval: 10 * time.Second, Measures: []Measure{{Name: Value}}, Custom: &Custom{SQL: sql, Window: time.Hour, Timeout: 3 * time.Second, MaxBytes: 1 << 30}}
	}
	const bounds = " FROM events WHERE stored_at >= {from:DateTime64(6)} AND stored_at < {to:DateTime64(6)} "
	good := ask("SELECT partner, bot, count() AS value"+bounds+"GROUP BY ALL", "partner", "bot")
	same := ask("SELECT partner, bot, count() AS value"+bounds+"GROUP BY ALL", "partner", "bot")
	end := noon.Add(-time.Hour - 123*time.Millisecond)
	x := r.Fetch(t.Context(), []*Ask{good, same}, end)
	if q := db.take(); len(q) != 1 || q[0].Name != "leadline rule=g/own" || q[0].Timeout != 3*time.Second || q[0].MaxBytes != 1<<30 {
		t.Errorf("%d queries: %+v", len(q), q)
	}
	want := tell(p.events, []string{"partner", "bot"}, end.Add(-time.Hour).UnixMicro(), end.UnixMicro(), func(*item) bool { return true })
	for _, a := range []*Ask{good, same} {
		rows, err := x.Rows(a)
		if err != nil || len(rows) != len(want) {
			t.Fatal(rows, err)
		}
		for _, row := range rows {
			if row.Values[0] != float64(want[row.Key].events) || row.Labels.Key() != row.Key {
				t.Errorf("%v, want %d", row, want[row.Key].events)
			}
		}
	}
	f := func(want, sql string, by ...string) {
		t.Helper()
		a := ask(sql, by...)
		if rows, err := r.Fetch(t.Context(), []*Ask{a}, end).Rows(a); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v and error %v, want %s", sql, rows, err, want)
		}
	}
	f("name the number `value`", "SELECT count()"+bounds)
	f(`no column "bot"`, "SELECT count() AS value"+bounds, "bot")
	f("name it in `by`", "SELECT partner, count() AS value"+bounds+"GROUP BY ALL")
	f("two rows have the labels", "SELECT partner, count() AS value"+bounds+"GROUP BY partner, bot", "partner")
	f("want texts", "SELECT 'x' AS value"+bounds)
	f("want texts", "SELECT 1.5 AS value, stored_at"+bounds)
	f("want texts", "SELECT 1.5 AS value, 2 AS more"+bounds)
	f("readonly", "INSERT INTO events SELECT *"+bounds)
	f("readonly", "SELECT count() AS value"+bounds+"SETTINGS max_execution_time = 100")
	small := ask("SELECT count() AS value" + bounds + "AND payload != 'x'")
	small.Custom.MaxBytes = 1000
	if _, err := r.Fetch(t.Context(), []*Ask{small}, end).Rows(small); err == nil || !strings.Contains(err.Error(), "bytes to read") {
		t.Errorf("a query that reads too much: %v", err)
	}
}

// TestKeysPrune looks at the plans that ClickHouse makes: the bounds on time must reach the primary keys, of the rollups
// and through the views.
func TestKeysPrune(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := p.open(t)
	f := func(q leadline.Query, key string) {
		t.Helper()
		q.SQL = "EXPLAIN indexes = 1 " + q.SQL
		table, err := db.Select(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var plan strings.Builder
		for _, row := range table.Rows {
			plan.WriteString(row[0].(string) + "\n")
		}
		_, found, _ := strings.Cut(plan.String(), "PrimaryKey")
		if found, _, _ = strings.Cut(found, "Parts:"); !strings.Contains(found, key+" in") && !strings.Contains(found, "("+key) {
			t.Errorf("the primary key is not used by\n%s\n%s", q.SQL, plan.String())
		}
	}
	all := []*Ask{
		{Name: "g/a", By: []string{"partner"}, Measures: []Measure{
			{Source: Events, Window: 24 * time.Hour, Kind: Quantile, Level: 0.9, Of: "e2e_ms"},
			{Source: Spans, Window: time.Hour, Kind: Count},
			{Source: Events, Window: 24 * time.Hour, Kind: Age},
		}},
		{Name: "g/b", By: []string{"bot"}, Expect: 10 * time.Hour, Measures: []Measure{
			{Source: Events, Window: time.Minute, Kind: Count},
			{Source: Spans, Window: time.Minute, Kind: Count},
			{Source: Schema, Window: time.Minute, Kind: Ratio, Of: Rejected},
		}},
	}
	plan := makePlan(all)
	for s, windows := range plan.shapes {
		near, far, ages := readings(s, windows, noon)
		f(near.query(), "minute")
		if s.source == Events {
			f(far.query(), "hour")
			f(ages.query(), "minute")
		}
	}
	for _, s := range plan.sheets {
		key := "minute"
		if s.source == Schema {
			key = "received_at"
		}
		f(s.query(noon), key)
	}
	for _, s := range plan.sights {
		hours, _ := s.parts(noon)
		f(s.query(hours, byHour), "minute")
	}
}

// broken fails some queries.
type broken struct {
	Querier
	with string
}

func (b *broken) Select(ctx context.Context, q leadline.Query) (*leadline.Table, error) {
	if b.with != "" && strings.Contains(q.SQL, b.with) {
		return nil, errors.New("out of cheese")
	}
	return b.Querier.Select(ctx, q)
}

// TestErrorsBelongToWhoNeedsTheAnswer breaks one query after the other.
func TestErrorsBelongToWhoNeedsTheAnswer(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := &broken{Querier: p.open(t)}
	r := New(db)
	count := func(name string, source Source, window time.Duration, by ...string) *Ask {
		return &Ask{Name: name, By: by, Interval: time.Second, Measures: []Measure{{Name: "n", Source: source, Window: window, Kind: Count, Of: Rejected}}}
	}
	asks := map[string]*Ask{
		"short": count("short", Events, time.Minute, "bot"), "rolled": count("rolled", Events, time.Hour, "partner"), "hours": count("hours", Spans, 20*time.Hour, "partner"),
		"schema": count("schema", Schema, time.Minute, "partner"), "expect": count("expect", Events, 10*time.Minute, "partner"),
		"own": {Name: "own", Interval: time.Second, Measures: []Measure{{Name: Value}}, Custom: &Custom{SQL: "SELECT 1 AS value", Window: time.Hour}},
	}
	asks["expect"].Expect = 5 * time.Hour
	var list []*Ask
	for _, a := range asks {
		list = append(list, a)
	}
	minute := 0
	f := func(with string, fail ...string) {
		t.Helper()
		db.with = with
		minute++
		x := r.Fetch(t.Context(), list, noon.Add(-time.Duration(minute)*time.Minute-30*time.Minute))
		for name, a := range asks {
			_, err := x.Rows(a)
			want := false
			for _, n := range fail {
				want = want || n == name
			}
			if want != (err != nil) || want && !strings.Contains(err.Error(), "out of cheese") {
				t.Errorf("without %q, %s: %v", with, name, err)
			}
		}
	}
	f("nothing")
	f("journeys", "short")
	f("stage = 'e2e'", "rolled", "expect")
	f("FROM rejected", "schema")
	f("1 AS value", "own")
	f("FROM", "short", "rolled", "hours", "schema", "expect")
	f("nothing") // and what failed is read again
	r = New(db)
	f("FROM latency_1h", "hours", "expect")
	if _, err := r.Fetch(t.Context(), nil, noon).Rows(asks["own"]); err == nil {
		t.Error("an ask that was not asked has rows")
	}
}

func TestForeignTablesAreRefused(t *testing.T) {
	t.Parallel()
	s := shape{source: Spans, labels: "partner"}
	near, _, _ := readings(s, map[time.Duration]demand{5 * time.Minute: {histogram: true, counts: true}}, noon)
	columns := []string{"partner", "cell", "n", "bad", "newest", "shape"}
	f := func(want string, columns []string, rows ...[]any) {
		t.Helper()
		if _, err := near.slab(&leadline.Table{Columns: columns, Rows: rows}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	f(`no column "shape"`, columns[:5])
	f("column partner is a int64", columns, []any{int64(1), int64(0), int64(1), int64(1), int64(1), "{}"})
	f("column n is a float64", columns, []any{"a", int64(0), 1.0, int64(1), int64(1), "{}"})
	f("cell 7 of 1", columns, []any{"a", int64(7), int64(1), int64(1), int64(1), "{}"})
	f("not a map", columns, []any{"a", int64(0), int64(1), int64(1), int64(1), "[]"})
	f("100000 label sets", columns, make([][]any, maxAnswer)...)

	plan := makePlan([]*Ask{{Name: "g/r", By: []string{"bot"}, Measures: []Measure{{Source: Events, Window: time.Minute, Kind: Count}}}})
	page := func(want string, columns []string, rows ...[]any) {
		t.Helper()
		if _, err := plan.sheets[0].page(&leadline.Table{Columns: columns, Rows: rows}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	page(`no column "m0"`, []string{"bot"})
	page("column bot is a float64", []string{"bot", "m0"}, []any{1.0, int64(1)})
	page("column m0 is a float64", []string{"bot", "m0"}, []any{"a", 1.0})
	page("100000 label sets", []string{"bot", "m0"}, make([][]any, maxAnswer)...)
}
