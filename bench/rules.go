package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"leadline"
	"leadline/rules/measure"
	"leadline/source"
	"leadline/store"
)

// slots are what a slot of many rules costs over the rollups of a day's 100 million spans: reading and computing all
// their rows.
type slots struct {
	Single slot // 1,000 rules, one query each
	First  slot // 1,000 rules, nothing known yet
	Next   slot // the same in the next minute
	Same   slot // the same in the same minute, as groups that look more often than once a minute do
	Many   slot // 10,000 rules, nothing known yet
	Later  slot // the same in the next minute
}

type slot struct {
	Wall, CPU float64 // seconds; CPU is ClickHouse's
	Queries   float64
}

const (
	rulePartners = 199
	ruleStages   = 6
	rulesFew     = 1_000
	rulesMany    = 10_000
	singleShare  = 10 // of as many rules one is asked by itself: all of them take minutes
)

var ruleWindows = []time.Duration{5 * time.Minute, time.Hour, 24 * time.Hour}

// fillMinutes makes an hour of minutes with 58 spans of each partner and stage, which is 100 million a day. Their times
// are lognormal and differ by stage; the bucket is that of package latency. fillDay repeats it for 25 hours more.
const fillMinutes = `INSERT INTO leadline.latency_1m (minute, stage, partner, campaign, day, events, failed, wait_us, duration_us, histogram)
WITH
    58 AS n,
    intDiv(number, 1194) AS m,
    toDateTime(%d + 60 * m, 'UTC') AS at,
    number %% 6 AS s,
    arrayMap(i -> cityHash64(number, i), range(n)) AS h,
    arrayMap(x -> sqrt(-2 * log((x %% 1000003 + 1) / 1000004)) * cos(2 * pi() * (intDiv(x, 1000003) %% 1000003) / 1000003), h) AS normal,
    arrayMap(x -> toUInt64(300 * exp2(s) * exp(0.7 * x)), normal) AS us,
    arraySort(arrayMap(x -> toUInt16(if(x < 32, x, bitShiftRight(reinterpretAsUInt64(toFloat64(x)), 47) - 32864)), us)) AS buckets,
    arrayDistinct(buckets) AS keys
SELECT
    at, concat('stage-', toString(s)), concat('partner-', leftPad(toString(intDiv(number, 6) %% 199), 3, '0')), 'spring', toDate(at), n, number %% 7 = 0, 0, arraySum(us),
    mapFromArrays(keys, arrayMap(k -> toUInt64(countEqual(buckets, k)), keys))
FROM numbers(1194 * 60)`

const fillDay = `INSERT INTO leadline.latency_1m (minute, stage, partner, campaign, day, events, failed, wait_us, duration_us, histogram)
SELECT minute + 3600 * k AS at, stage, partner, campaign, toDate(at), events, failed, wait_us, duration_us, histogram
FROM leadline.latency_1m ARRAY JOIN range(%d, %d) AS k
WHERE minute < %d`

const fillHours = `INSERT INTO leadline.latency_1h (hour, stage, partner, campaign, day, events, failed, wait_us, duration_us, histogram)
SELECT toStartOfHour(minute), stage, partner, campaign, day, sum(events), sum(failed), sum(wait_us), sum(duration_us), sumMap(histogram)
FROM leadline.latency_1m GROUP BY ALL`

// alone measures the rules without the rest of the bench.
func alone(ctx context.Context, _ []string, out io.Writer) error {
	o, r := &options{}, &run{Scenarios: map[string]any{}}
	remove, err := o.makeData()
	if err != nil {
		return err
	}
	defer remove()
	got, err := measureRules(ctx, o, r)
	if err != nil {
		return err
	}
	r.Scenarios["rules"] = got
	var b strings.Builder
	renderRules(&b, []*run{r})
	fmt.Fprint(out, b.String())
	for i := range targets {
		t := &targets[i]
		if v := t.judge([]*run{r}); v.Runs > 0 {
			fmt.Fprintf(out, "%s: %s, floor %s, aim %s\n", t.name, t.format(v.Median), t.bound(t.floor), t.bound(t.aim))
			if v.Held == 0 {
				err = errors.Join(err, fmt.Errorf("the floor does not hold: %s", t.name))
			}
		}
	}
	return err
}

func measureRules(ctx context.Context, o *options, _ *run) (any, error) {
	dir, err := o.folder()
	if err != nil {
		return nil, err
	}
	e, err := startEngine(ctx, dir, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	defer e.Close() //nolint:errcheck // its data is thrown away
	db, err := store.Open(ctx, store.Options{Addrs: []string{e.NativeAddr()}, Database: "leadline", Username: "leadline", Password: enginePassword})
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // only read
	if _, err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	w := &ruleWorld{engine: &database{e.HTTPAddr(), "leadline", enginePassword}, db: db}
	end := time.Now().Truncate(time.Hour).Add(-23 * time.Minute) // 37 minutes past a full hour
	begin := end.Add(23*time.Minute - 26*time.Hour)
	fill := []string{fmt.Sprintf(fillMinutes, begin.Unix())}
	for k := 1; k < 26; k += 5 {
		fill = append(fill, fmt.Sprintf(fillDay, k, k+5, begin.Unix()+3600))
	}
	for _, sql := range append(fill, fillHours) {
		if _, err := w.engine.query(ctx, sql); err != nil {
			return nil, err
		}
	}
	few, err := manyRules(rulesFew)
	if err != nil {
		return nil, err
	}
	many, err := manyRules(rulesMany)
	if err != nil {
		return nil, err
	}
	var out slots
	for range 2 { // the first time warms the page cache
		small, large := measure.New(db), measure.New(db)
		for _, x := range []struct {
			into *slot
			r    *measure.Reader
			asks []*measure.Ask
			end  time.Time
		}{
			{&out.First, small, few, end},
			{&out.Same, small, few, end.Add(10 * time.Second)},
			{&out.Next, small, few, end.Add(time.Minute)},
			{&out.Many, large, many, end},
			{&out.Later, large, many, end.Add(time.Minute)},
		} {
			if *x.into, err = w.slot(ctx, func() error { return rowsOf(ctx, x.r, x.asks, x.end) }); err != nil {
				return nil, err
			}
		}
	}
	if out.Single, err = w.slot(ctx, func() error { return w.single(ctx, few, end) }); err != nil {
		return nil, err
	}
	out.Single = slot{out.Single.Wall * singleShare, out.Single.CPU * singleShare, out.Single.Queries * singleShare}
	return &out, nil
}

// ruleWorld is a ClickHouse with a day's rollups.
type ruleWorld struct {
	engine *database
	db     *store.DB
}

// slot measures what do takes. ClickHouse's own log tells its share.
func (w *ruleWorld) slot(ctx context.Context, do func() error) (s slot, err error) {
	if _, err := w.engine.query(ctx, "SYSTEM FLUSH LOGS"); err != nil {
		return s, err
	}
	const used = "SELECT count(), sum(ProfileEvents['UserTimeMicroseconds'] + ProfileEvents['SystemTimeMicroseconds']) FROM system.query_log WHERE type = 'QueryFinish' AND startsWith(log_comment, 'leadline rule')"
	read := func() (queries, micros float64, err error) {
		text, err := w.engine.query(ctx, used)
		if err != nil {
			return 0, 0, err
		}
		_, err = fmt.Sscan(text, &queries, &micros)
		return queries, micros, err
	}
	queries, micros, err := read()
	if err != nil {
		return s, err
	}
	began := time.Now()
	if err := do(); err != nil {
		return s, err
	}
	s.Wall = time.Since(began).Seconds()
	if _, err := w.engine.query(ctx, "SYSTEM FLUSH LOGS"); err != nil {
		return s, err
	}
	if s.Queries, s.CPU, err = read(); err != nil {
		return s, err
	}
	s.Queries -= queries
	s.CPU = (s.CPU - micros) / 1e6
	return s, nil
}

// manyRules are rules that watch the P95 of one partner and stage each, over one of three windows.
func manyRules(n int) ([]*measure.Ask, error) {
	asks := make([]*measure.Ask, n)
	for i := range asks {
		text := fmt.Sprintf(`partner == %q and stage == %q`, rulePartner(i), ruleStage(i))
		where, errs := measure.Where(source.Expr{Passage: source.Passage{Text: text}}, measure.Spans)
		if len(errs) > 0 {
			return nil, errs
		}
		w := ruleWindows[i%len(ruleWindows)]
		asks[i] = &measure.Ask{Name: "bench/" + strconv.Itoa(i), Interval: time.Minute, Measures: []measure.Measure{
			{Name: "p95", Source: measure.Spans, Window: w, Kind: measure.Quantile, Level: 0.95, Of: "total_ms", Where: where},
			{Name: "n", Source: measure.Spans, Window: w, Kind: measure.Count, Where: where},
		}}
	}
	return asks, nil
}

func rulePartner(i int) string { return fmt.Sprintf("partner-%03d", i%rulePartners) }
func ruleStage(i int) string   { return fmt.Sprintf("stage-%d", i/rulePartners%ruleStages) }

// rowsOf is a slot: everything read, and every row computed.
func rowsOf(ctx context.Context, r *measure.Reader, asks []*measure.Ask, end time.Time) error {
	answers := r.Fetch(ctx, asks, end)
	for _, a := range asks {
		rows, err := answers.Rows(a)
		if err != nil {
			return err
		}
		if len(rows) != 1 || !(rows[0].Values[0] > 0) || rows[0].Values[1] != 58*a.Measures[0].Window.Minutes() {
			return fmt.Errorf("rules: %s has %v", a.Name, rows)
		}
	}
	return nil
}

// single is how rules are read elsewhere: each has a query of its own, four at a time, here over the same rollups and
// tiers.
func (w *ruleWorld) single(ctx context.Context, asks []*measure.Ask, end time.Time) error {
	jobs := make(chan int)
	errs := make([]error, len(asks))
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for i := range jobs {
				errs[i] = w.one(ctx, i, asks[i].Measures[0].Window, end)
			}
		})
	}
	for i := 0; i < len(asks); i += singleShare {
		jobs <- i
	}
	close(jobs)
	all.Wait()
	return errors.Join(errs...)
}

func (w *ruleWorld) one(ctx context.Context, i int, window time.Duration, end time.Time) error {
	const when = "AND stage = {stage:String} AND partner = {partner:String}"
	from := end.Add(-window)
	first, last := from.Add(time.Hour-1).Truncate(time.Hour), end.Add(-5*time.Minute).Truncate(time.Hour)
	if last.Before(first) {
		first, last = from, from // no whole hour
	}
	_, err := w.db.Select(ctx, leadline.Query{
		Name: "leadline rule=" + strconv.Itoa(i),
		SQL: `SELECT toInt64(sum(events)), toString(sumMap(histogram)) FROM (
    SELECT events, histogram FROM leadline.latency_1m
    WHERE (minute >= {from:DateTime('UTC')} AND minute < {first:DateTime('UTC')} OR minute >= {last:DateTime('UTC')} AND minute < {to:DateTime('UTC')}) ` + when + `
    UNION ALL
    SELECT events, histogram FROM leadline.latency_1h WHERE hour >= {first:DateTime('UTC')} AND hour < {last:DateTime('UTC')} ` + when + `)`,
		Params: map[string]any{
			"from": from, "first": first, "last": last, "to": end, "stage": ruleStage(i), "partner": rulePartner(i),
		},
		Timeout: time.Minute,
	})
	return err
}

func renderRules(b *strings.Builder, runs []*run) {
	if !measured[slots](runs) {
		return
	}
	b.WriteString("**Rules** over the rollups of 100 million spans a day (199 partners × 6 stages): the P95 and count of one partner and stage each, over 5 minutes, an hour or a day.\n\n")
	b.WriteString("| rules | how | wall, ms | ClickHouse CPU, ms | queries |\n|---|---|---|---|---|\n")
	for _, row := range []struct {
		rules float64
		how   string
		of    func(s *slots) slot
	}{
		{rulesFew, "one query a rule, four at a time (every tenth was asked)", func(s *slots) slot { return s.Single }},
		{rulesFew, "Leadline, the first slot", func(s *slots) slot { return s.First }},
		{rulesFew, "the next minute", func(s *slots) slot { return s.Next }},
		{rulesFew, "once more in the same minute", func(s *slots) slot { return s.Same }},
		{rulesMany, "Leadline, the first slot", func(s *slots) slot { return s.Many }},
		{rulesMany, "the next minute", func(s *slots) slot { return s.Later }},
	} {
		f := func(of func(s slot) float64) float64 {
			return figure(runs, func(s *slots) float64 { return of(row.of(s)) })
		}
		fmt.Fprintf(b, "| %s | %s | %.0f | %.0f | %.0f |\n", count(row.rules), row.how, 1000*f(func(s slot) float64 { return s.Wall }), 1000*f(func(s slot) float64 { return s.CPU }), f(func(s slot) float64 { return s.Queries }))
	}
	b.WriteByte('\n')
}
