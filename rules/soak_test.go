package rules

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
	"leadline/rules/measure"
)

var fullSoak = flag.Bool("soak", false, "TestManyRules with 10,000 rules of 500 instances; make soak")

// crowd answers every ask with the same label sets and fresh values, and counts. It is a sink, too.
type crowd struct {
	keys   []string
	labels []leadline.Labels
	bad    int // every so many-th series of a rule is slow

	mu          sync.Mutex
	fetches     int
	asks        int
	kept        int
	transitions int
	known       map[string]leadline.GroupSlot
}

func newCrowd(series, bad int) *crowd {
	c := &crowd{bad: bad, known: map[string]leadline.GroupSlot{}}
	for i := range series {
		l := leadline.Labels{"campaign": fmt.Sprintf("campaign-%04d", i)}
		c.labels, c.keys = append(c.labels, l), append(c.keys, l.Key())
	}
	return c
}

func (c *crowd) Fetch(_ context.Context, asks []*measure.Ask, _ time.Time) measure.Answers {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fetches++
	c.asks += len(asks)
	return c
}

func (c *crowd) Rows(*measure.Ask) ([]measure.Row, error) {
	rows, values := make([]measure.Row, len(c.keys)), make([]float64, 2*len(c.keys))
	for i := range rows {
		v := values[2*i : 2*i+2 : 2*i+2]
		v[0], v[1] = 100, 50
		if c.bad > 0 && i%c.bad == 0 {
			v[0] = 1900
		}
		rows[i] = measure.Row{Labels: c.labels[i], Key: c.keys[i], Values: v}
	}
	return rows, nil
}

func (c *crowd) Apply(_ context.Context, e leadline.Evaluation) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[e.Group] = leadline.GroupSlot{Group: e.Group, Slot: e.Slot, Spec: e.Spec}
	c.kept += len(e.Instances)
	c.transitions += len(e.Transitions)
	return nil
}

func (c *crowd) Instances(context.Context, string) ([]leadline.Instance, error) { return nil, nil }

func (c *crowd) Slots(context.Context) ([]leadline.GroupSlot, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []leadline.GroupSlot
	for s := range maps.Values(c.known) {
		out = append(out, s)
	}
	return out, nil
}

// take returns the counts since the last time.
func (c *crowd) take() (fetches, kept, transitions int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fetches, kept, transitions = c.fetches, c.kept, c.transitions
	c.fetches, c.asks, c.kept, c.transitions = 0, 0, 0, 0
	return fetches, kept, transitions
}

// crowded makes groups of perGroup rules each.
func crowded(tb testing.TB, groups, perGroup int) []*Group {
	tb.Helper()
	var rule strings.Builder
	head, body, _ := strings.Cut(simple, "    - alert: Slow\n")
	for n := range perGroup {
		fmt.Fprintf(&rule, "    - alert: Slow%d\n%s", n, body)
	}
	text := strings.Replace(head, "limit: 3", "limit: 1000", 1) + rule.String()
	var out []*Group
	for n := range groups {
		out = append(out, named(one(tb, text), fmt.Sprintf("group-%03d", n)))
	}
	return out
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Many rules with many instances: one fetch a group and slot, memory that is bounded and does not grow, and only what
// changed is kept.
func TestManyRules(t *testing.T) { // not parallel: it measures the heap
	groups, perGroup, series, perSeries := 20, 5, 50, int64(256)
	if *fullSoak {
		groups, perGroup, series, perSeries = 100, 100, 500, 128
	}
	set := crowded(t, groups, perGroup)
	n := groups * perGroup * series
	synctest.Test(t, func(t *testing.T) {
		c := newCrowd(series, 100) // one series in a hundred is slow
		before := heap()
		e := New(Options{Groups: set, Asker: c, Sink: c, Log: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		slots := func(k int) { pass(time.Duration(k) * 10 * time.Second) }
		slots(1)
		_, kept, _ := c.take()
		slow := groups * perGroup * ((series + 99) / 100)
		if kept < n || kept > n+2*slow { // a group whose slot came early has seen more than one
			t.Errorf("%d instances kept when they appear, want %d", kept, n)
		}
		slots(4)
		_, _, fired := c.take()
		if fired != slow {
			t.Errorf("%d transitions, want %d firing", fired, slow)
		}
		settled := heap()
		for range 5 {
			slots(1)
			fetches, kept, transitions := c.take()
			if fetches != groups || kept != slow || transitions != 0 {
				t.Errorf("a slot of %d groups: %d fetches, %d of %d instances kept (want %d), %d transitions", groups, fetches, kept, n, slow, transitions)
			}
		}
		end := heap()
		t.Logf("%d rules, %d instances: %d bytes an instance, %+d after five slots more", groups*perGroup, n, (end-before)/int64(n), (end-settled)/int64(n))
		if (end-before)/int64(n) > perSeries || end-settled > settled/10+1<<20 {
			t.Errorf("heap %d, then %d, then %d bytes", before, settled, end)
		}
		for _, s := range e.Status()[:groups] {
			if s.Missed > 0 || s.Rules[0].Health != HealthGood {
				t.Fatalf("status %+v", s)
			}
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkEvaluate is one rule with 500 instances, of which five fire, at one slot.
func BenchmarkEvaluate(b *testing.B) {
	g := crowded(b, 1, 1)[0]
	c := newCrowd(500, 100)
	m, slot := NewMemory(time.Time{}, nil), epoch
	rows, _ := c.Rows(nil)
	answers := fixed(rows)
	for range 5 {
		slot = slot.Add(g.Interval)
		m.Keep(g.Evaluate(m, answers, slot))
	}
	b.ReportAllocs()
	for b.Loop() {
		slot = slot.Add(g.Interval)
		m.Keep(g.Evaluate(m, answers, slot))
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/500, "ns/series")
}

type fixed []measure.Row

func (f fixed) Rows(*measure.Ask) ([]measure.Row, error) { return f, nil }

// Whatever the values, what is kept of many series is only those that do not rest.
func TestOnlyTheRestlessAreKept(t *testing.T) {
	t.Parallel()
	g := crowded(t, 1, 1)[0]
	c := newCrowd(200, 0)
	m, slot, r := NewMemory(time.Time{}, nil), epoch, rand.New(rand.NewPCG(1, 2))
	for n := range 50 {
		slot = slot.Add(g.Interval)
		rows, _ := c.Rows(nil)
		for i := range 10 {
			rows[i].Values[0] = 2000 * r.Float64()
		}
		o := g.Evaluate(m, fixed(rows), slot)
		if n > 0 && len(o.Instances) > 10 {
			t.Fatalf("%d instances are to be kept, 10 change", len(o.Instances))
		}
		m.Keep(o)
	}
	if got := len(m.Instances("Slow0")); got != 200 {
		t.Errorf("%d instances", got)
	}
}
