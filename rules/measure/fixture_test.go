package measure

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/internal/storetest"
	"leadline/latency"
	"leadline/store"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// fataler is a *testing.T or a *rapid.T.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// item is what an oracle knows of an event or a span.
type item struct {
	stored int64 // µs since 1970
	us     uint64
	status string
	labels leadline.Labels
}

// past are the events of 36 hours before noon, and what is in ClickHouse of them.
type past struct {
	ch     *chtest.DB
	events []item
	spans  []item
	batch  *leadline.Batch
}

func (p *past) items(from Source) []item {
	if from == Events {
		return p.events
	}
	return p.spans
}

// once is read by many tests and changed by none.
var once struct {
	sync.Mutex
	past *past
}

// seeded writes the past once for all tests.
func seeded(tb testing.TB) *past {
	tb.Helper()
	once.Lock()
	defer once.Unlock()
	if once.past == nil {
		once.past = seed(tb)
	}
	return once.past
}

func seed(tb testing.TB) *past {
	tb.Helper()
	ch := chtest.New(tb)
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{Addrs: []string{ch.Native}, Database: ch.Database, Username: ch.Username, Password: ch.Password, Host: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := db.Migrate(ctx); err != nil {
		tb.Fatal(err)
	}
	for _, table := range []string{"events", "rejected", "latency_1m", "latency_1h"} {
		ch.Exec(tb, "ALTER TABLE "+table+" REMOVE TTL")
	}
	p := &past{ch: ch}
	r := rand.New(rand.NewPCG(3, 14))
	const events = 20_000
	begin := noon.Add(-36 * time.Hour)
	for part := range 4 {
		p.batch = &leadline.Batch{Token: fmt.Sprint("seed", part)}
		for n := range events / 4 {
			at := begin.Add(time.Duration(float64(36*time.Hour) * float64(part*events/4+n) / events))
			p.add(r, at.Truncate(time.Microsecond), part*events/4+n)
		}
		if err := storetest.Write(ctx, db, p.batch); err != nil {
			tb.Fatal(err)
		}
	}
	storetest.SumHours(tb, db)
	if err := db.Close(); err != nil {
		tb.Fatal(err)
	}
	return p
}

// open is a connection of a test's own: the goroutines of a shared one would outlive the tests.
func (p *past) open(tb testing.TB) *store.DB {
	tb.Helper()
	return storetest.Open(tb, p.ch)
}

func (p *past) add(r *rand.Rand, at time.Time, n int) {
	e := leadline.Event{
		ID: fmt.Sprint(n), Partner: []string{"acme", "blue's", "crab"}[min(r.IntN(6)/2, 2)], Campaign: []string{"spring", "autumn"}[r.IntN(2)],
		Bot: fmt.Sprint("bot", r.IntN(3)), Type: "lead.created", ReceivedAt: at, Payload: []byte("{}"),
		Outcome: []string{"qualified", "unqualified"}[r.IntN(2)], Schema: "lead.created/1",
	}
	if e.Partner == "crab" && at.After(noon.Add(-20*time.Hour)) {
		e.Partner = "acme" // crab is silent since
	}
	if r.IntN(50) == 0 {
		e.Warnings = []string{"derived_id", "unknown_extension"}
	}
	worst := "ok"
	for _, stage := range []string{"receive", "enrich.geoip", "write"} {
		work := time.Duration(40e3*math.Exp(r.NormFloat64())) * time.Microsecond
		status := leadline.StatusOK
		if r.IntN(20) == 0 {
			status = []leadline.Status{leadline.StatusError, leadline.StatusTimeout}[r.IntN(2)]
			if worst == "ok" {
				worst = string(status)
			}
		}
		e.Spend(stage, time.Duration(r.IntN(3000))*time.Microsecond, work, status)
	}
	stored := at.Add(e.Elapsed()).UnixMicro()
	labels := func(more ...string) leadline.Labels {
		l := leadline.Labels{"partner": e.Partner, "campaign": e.Campaign, "bot": e.Bot, "type": e.Type}
		for i := 0; i < len(more); i += 2 {
			l[more[i]] = more[i+1]
		}
		return l
	}
	p.events = append(p.events, item{stored, uint64(e.Elapsed().Microseconds()), worst, labels("outcome", e.Outcome)})
	for _, s := range e.Segments {
		p.spans = append(p.spans, item{stored, uint64((s.Wait + s.Duration).Microseconds()), string(s.Status), labels("stage", s.Stage)})
	}
	p.batch.Events = append(p.batch.Events, e)
	if r.IntN(40) == 0 {
		code := []string{"schema_violation", "unknown_field", "too_old"}[r.IntN(3)]
		p.batch.Rejected = append(p.batch.Rejected, leadline.Rejected{Partner: e.Partner, Bot: e.Bot, Type: e.Type, ReceivedAt: at, Code: code, Payload: []byte("{}")})
	}
}

// truth is what items say of a window, by the key of some labels.
type truth struct {
	events, failed int64
	newest         int64
	times          []uint64
}

func tell(items []item, by []string, from, to int64, takes func(i *item) bool) map[string]*truth {
	out := map[string]*truth{}
	for i := range items {
		x := &items[i]
		if x.stored < from || x.stored >= to || !takes(x) {
			continue
		}
		labels := leadline.Labels{}
		for _, b := range by {
			labels[b] = x.labels[b]
		}
		k := labels.Key()
		if out[k] == nil {
			out[k] = &truth{}
		}
		t := out[k]
		t.events++
		t.newest = max(t.newest, x.stored)
		t.times = append(t.times, x.us)
		if x.status != "ok" {
			t.failed++
		}
	}
	return out
}

// quantile is the time at that position, in ms.
func (t *truth) quantile(q float64) float64 {
	slices.Sort(t.times)
	return float64(t.times[min(int(q*float64(len(t.times))), len(t.times)-1)]) / 1000
}

// middle is the same as the histogram tells it.
func (t *truth) middle(q float64) float64 {
	slices.Sort(t.times)
	return float64(latency.Middle(latency.Bucket(t.times[min(int(q*float64(len(t.times))), len(t.times)-1)]))) / 1000
}
