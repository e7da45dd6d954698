package measure

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"

	"pgregory.net/rapid"
)

// counting notes the queries that pass through it.
type counting struct {
	Querier
	mu   sync.Mutex
	seen []leadline.Query
}

func (c *counting) Select(ctx context.Context, q leadline.Query) (*leadline.Table, error) {
	c.mu.Lock()
	c.seen = append(c.seen, q)
	c.mu.Unlock()
	return c.Querier.Select(ctx, q)
}

// take returns the queries since the last time.
func (c *counting) take() []leadline.Query {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.seen
	c.seen = nil
	return out
}

func rowsOf(t fataler, r *Reader, a *Ask, end time.Time) map[string]Row {
	t.Helper()
	rows, err := r.Fetch(context.Background(), []*Ask{a}, end).Rows(a)
	if err != nil {
		t.Fatalf("%v", err)
	}
	out := map[string]Row{}
	for _, row := range rows {
		out[row.Key] = row
	}
	if len(out) != len(rows) || !slices.IsSortedFunc(rows, func(a, b Row) int { return strings.Compare(a.Key, b.Key) }) {
		t.Fatalf("rows are doubled or out of order: %v", rows)
	}
	return out
}

// condition is a `where` and what it means.
type condition struct {
	text  string
	takes func(i *item) bool
}

var conditions = map[Source][]condition{
	Events: {
		{"", func(*item) bool { return true }},
		{`partner == "acme"`, func(i *item) bool { return i.labels["partner"] == "acme" }},
		{`campaign != "spring" and not (partner in ["crab", "x"])`, func(i *item) bool { return i.labels["campaign"] != "spring" && i.labels["partner"] != "crab" }},
		{`worst != "ok"`, func(i *item) bool { return i.status != "ok" }},
		{`worst == "ok" and partner == "blue's"`, func(i *item) bool { return i.status == "ok" && i.labels["partner"] == "blue's" }},
		{`e2e_ms > 200.5`, func(i *item) bool { return i.us > 200_500 }},
		{`e2e_ms <= 100 and campaign == "autumn"`, func(i *item) bool { return i.us <= 100_000 && i.labels["campaign"] == "autumn" }},
	},
	Spans: {
		{"", func(*item) bool { return true }},
		{`stage == "enrich.geoip"`, func(i *item) bool { return i.labels["stage"] == "enrich.geoip" }},
		{`stage == "write" and partner == "acme"`, func(i *item) bool { return i.labels["stage"] == "write" && i.labels["partner"] == "acme" }},
		{`status != "ok" and stage != "write"`, func(i *item) bool { return i.status != "ok" && i.labels["stage"] != "write" }},
		{`total_ms >= 50 and stage == "write"`, func(i *item) bool { return i.us >= 50_000 && i.labels["stage"] == "write" }},
	},
}

// TestTiersAreTheEvents asks the rollup for windows, labels, conditions and ends at random, and compares every number with
// the events themselves: counts and buckets are exact, whichever tier they came from.
func TestTiersAreTheEvents(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	r := New(p.open(t))
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom(Sources()).Draw(t, "source")
		c := rapid.SampledFrom(conditions[source]).Draw(t, "where")
		by := rapid.SampledFrom([][]string{nil, {"partner"}, {"campaign", "partner"}}).Draw(t, "by")
		window := time.Duration(rapid.OneOf(rapid.Int64Range(5, 200), rapid.Int64Range(5, 33*60)).Draw(t, "minutes")) * time.Minute
		end := noon.Add(-time.Duration(rapid.Int64Range(0, 3*3600).Draw(t, "before noon")) * time.Second)
		where := where(t, source, c.text)
		a := &Ask{Name: "g/r", By: by, Interval: 10 * time.Second, Measures: []Measure{
			{Name: "n", Source: source, Window: window, Kind: Count, Where: where},
			{Name: "share", Source: source, Window: window, Kind: Ratio, Where: where},
			{Name: "age", Source: source, Window: window, Kind: Age},
			{Name: "p95", Source: source, Window: window, Kind: Quantile, Level: 0.95, Of: views[source].duration},
		}}
		to := end.Truncate(time.Minute)
		from := to.Add(-window)
		everything := tell(p.items(source), by, from.UnixMicro(), to.UnixMicro(), func(*item) bool { return true })
		wanted := tell(p.items(source), by, from.UnixMicro(), to.UnixMicro(), c.takes)
		got := rowsOf(t, r, a, end)
		if len(by) > 0 && len(got) != len(everything) {
			t.Fatalf("%d series, want %d", len(got), len(everything))
		}
		for key, all := range everything {
			row, n := got[key], 0.0
			if w := wanted[key]; w != nil {
				n = float64(w.events)
			}
			off := 0.0 // of a threshold, in its bucket
			if where.cut.pick == longer || where.cut.pick == shorter {
				off = max(1, 0.05*float64(all.events))
			}
			if math.Abs(row.Values[0]-n) > off || math.Abs(row.Values[1]-n/float64(all.events)) > off/float64(all.events) {
				t.Fatalf("%s: n %v of %v, want %v of %v", key, row.Values[0], row.Values[0]/row.Values[1], n, all.events)
			}
			newest := time.UnixMicro(all.newest).Truncate(time.Minute).Add(time.Minute)
			if age := float64(end.Sub(newest).Microseconds()) / 1000; row.Values[2] != max(0, age) {
				t.Fatalf("%s: age %v, want %v", key, row.Values[2], age)
			}
			if row.Values[3] != all.middle(0.95) {
				t.Fatalf("%s: p95 %v, want %v", key, row.Values[3], all.middle(0.95))
			}
		}
	})
}

// TestEventsAnswerAsTheRollupDoes asks both paths the same, at full minutes, and wants the same floats.
func TestEventsAnswerAsTheRollupDoes(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := &counting{Querier: p.open(t)}
	r := New(db)
	rapid.Check(t, func(t *rapid.T) {
		source := rapid.SampledFrom(Sources()).Draw(t, "source")
		by := rapid.SampledFrom([][]string{nil, {"partner"}, {"partner", "campaign"}}).Draw(t, "by")
		window := time.Duration(rapid.Int64Range(5, 20*60).Draw(t, "minutes")) * time.Minute
		end := noon.Add(-time.Duration(rapid.Int64Range(0, 180).Draw(t, "before noon")) * time.Minute)
		ask := func(condition, failed string) *Ask {
			w := where(t, source, condition)
			f := where(t, source, failed)
			return &Ask{Name: "g/r", By: by, Interval: 10 * time.Second, Measures: []Measure{
				{Name: "n", Source: source, Window: window, Kind: Count, Where: w},
				{Name: "bad", Source: source, Window: window, Kind: Ratio, Where: f, Den: w},
				{Name: "p99", Source: source, Window: window, Kind: Quantile, Level: 0.99, Of: views[source].duration, Where: w},
			}}
		}
		status := views[source].status
		db.take()
		rolled := rowsOf(t, r, ask("", status+` != "ok"`), end)
		for _, q := range db.take() {
			if !strings.Contains(q.SQL, "FROM latency_1") {
				t.Fatalf("not from the rollup: %s", q.SQL)
			}
		}
		raw := rowsOf(t, r, ask(`bot != ""`, status+` != "ok" and bot != ""`), end)
		for _, q := range db.take() {
			if strings.Contains(q.SQL, "FROM latency_1") {
				t.Fatalf("from the rollup: %s", q.SQL)
			}
		}
		if len(rolled) != len(raw) {
			t.Fatalf("%d and %d series", len(rolled), len(raw))
		}
		for key, a := range rolled {
			if b := raw[key]; fmt.Sprint(a.Values) != fmt.Sprint(b.Values) {
				t.Fatalf("%s: the rollup says %v, the events %v", key, a.Values, b.Values)
			}
		}
	})
}

// TestRawIsExact compares what only the events can answer with the events.
func TestRawIsExact(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	r := New(p.open(t))
	rapid.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.Int64Range(1000, 7_200_000).Draw(t, "ms")) * time.Millisecond
		end := noon.Add(-time.Duration(rapid.Int64Range(0, 30*3600*1e6).Draw(t, "µs before noon")) * time.Microsecond)
		by := rapid.SampledFrom([][]string{{"bot"}, {"bot", "outcome"}, {"partner", "bot"}}).Draw(t, "by")
		long := 24 * time.Hour
		a := &Ask{Name: "g/r", By: by, Interval: 10 * time.Second, Measures: []Measure{
			{Name: "n", Source: Events, Window: window, Kind: Count, Where: where(t, Events, `e2e_ms > 150`)},
			{Name: "p50", Source: Events, Window: window, Kind: Quantile, Level: 0.5, Of: "e2e_ms"},
			{Name: "age", Source: Events, Window: long, Kind: Age},
			{Name: "bad", Source: Events, Window: window, Kind: Ratio, Where: where(t, Events, `worst in ["error", "timeout"]`)},
		}}
		took := func(window time.Duration, takes func(i *item) bool) map[string]*truth {
			return tell(p.events, by, end.Add(-window).UnixMicro(), end.UnixMicro(), takes)
		}
		every := func(*item) bool { return true }
		day, now, slow, bad := took(long, every), took(window, every), took(window, func(i *item) bool { return i.us > 150_000 }), took(window, func(i *item) bool { return i.status != "ok" })
		got := rowsOf(t, r, a, end)
		if len(got) != len(day) {
			t.Fatalf("%d series, want %d", len(got), len(day))
		}
		for key, d := range day {
			want := []float64{0, math.NaN(), float64(end.UnixMicro()-d.newest) / 1000, math.NaN()}
			if x := slow[key]; x != nil {
				want[0] = float64(x.events)
			}
			if x := now[key]; x != nil {
				want[1], want[3] = x.middle(0.5), 0
				if math.Abs(x.quantile(0.5)-want[1]) > x.quantile(0.5)/64 {
					t.Fatalf("p50 %v, exactly %v", want[1], x.quantile(0.5))
				}
				if y := bad[key]; y != nil {
					want[3] = float64(y.events) / float64(x.events)
				}
			}
			if fmt.Sprint(got[key].Values) != fmt.Sprint(want) {
				t.Fatalf("%s: %v, want %v", key, got[key].Values, want)
			}
		}
	})
}

// manyRules are rules as an installation with many partners has them: each watches one partner and stage in one of three
// windows.
func manyRules(t fataler, n int) []*Ask {
	t.Helper()
	windows := []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour}
	asks := make([]*Ask, n)
	for i := range asks {
		w := where(t, Spans, fmt.Sprintf(`partner == "partner-%03d" and stage == "stage-%d"`, i%199, i%6))
		a := &Ask{Name: fmt.Sprint("g/r", i), Interval: time.Minute}
		a.Measures = append(a.Measures,
			Measure{Name: "p95", Source: Spans, Window: windows[i%3], Kind: Quantile, Level: 0.95, Of: "total_ms", Where: w},
			Measure{Name: "n", Source: Spans, Window: windows[i%3], Kind: Count, Where: w})
		asks[i] = a
	}
	return asks
}

// TestQueriesDoNotGrowWithRules wants 10,000 rules read by as many queries as 1,000, and none for what is known.
func TestQueriesDoNotGrowWithRules(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := &counting{Querier: p.open(t)}
	f := func(r *Reader, asks []*Ask, end time.Time, want int) {
		t.Helper()
		x := r.Fetch(t.Context(), asks, end)
		for _, a := range asks {
			rows, err := x.Rows(a)
			if err != nil || len(rows) != 1 {
				t.Fatal(rows, err)
			}
		}
		got := db.take()
		if len(got) != want {
			t.Errorf("%d rules took %d queries, want %d", len(asks), len(got), want)
		}
		for _, q := range got {
			if want := "leadline rules latency_1"; !strings.HasPrefix(q.Name, want) || !strings.HasSuffix(q.Name, " partner,stage") {
				t.Errorf("a query is named %q", q.Name)
			}
		}
	}
	end := noon.Add(-10 * time.Minute) // 11:50: the hours up to 11:00 are settled
	for _, n := range []int{1000, 10_000} {
		r := New(db)
		asks := manyRules(t, n)
		f(r, asks, end, 2)                           // minutes and hours
		f(r, asks, end.Add(30*time.Second), 0)       // the same minute
		f(r, asks[:n/2], end, 0)                     // another group in it
		f(r, asks, end.Add(time.Minute), 1)          // the next one: minutes only
		f(r, asks, end.Add(11*time.Minute), 2)       // after the full hour, another hour is the first whole one
		f(r, asks[n/2:], end.Add(11*time.Minute), 0) // and all know it
		f(r, asks, end.Add(24*time.Hour+time.Second), 2)
	}
}

// TestGroupsAtOnceReadOnce lets many groups ask for the same minute at the same time.
func TestGroupsAtOnceReadOnce(t *testing.T) {
	t.Parallel()
	p := seeded(t)
	db := &counting{Querier: p.open(t)}
	r := New(db)
	asks := manyRules(t, 300)
	r.Fetch(t.Context(), asks, noon.Add(-20*time.Minute)) // from now on the reader knows what all of them need
	db.take()
	var wg sync.WaitGroup
	for i := range 10 {
		wg.Go(func() {
			mine := asks[i*30 : i*30+30]
			x := r.Fetch(t.Context(), mine, noon.Add(-15*time.Minute+time.Duration(i)*time.Second))
			for _, a := range mine {
				if _, err := x.Rows(a); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if got := db.take(); len(got) != 1 {
		t.Errorf("%d queries, want 1", len(got))
	}
}
