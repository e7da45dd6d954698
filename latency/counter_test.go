package latency

import (
	"fmt"
	"math"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"leadline"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type name struct {
	day, minute              uint32
	stage, partner, campaign string
}

type sums struct {
	Events, Failed, Wait, Duration uint64
	Histogram                      map[uint16]uint32
}

func counted(t interface{ Fatalf(string, ...any) }, c *Counter) map[name]sums {
	all := map[name]sums{}
	for r := range c.Rows() {
		key := name{r.Day, r.Minute, r.Stage, r.Partner, r.Campaign}
		if _, twice := all[key]; twice {
			t.Fatalf("two rows of %v", key)
		}
		s := sums{r.Events, r.Failed, r.Wait, r.Duration, map[uint16]uint32{}}
		for i, b := range r.Buckets {
			if i > 0 && b <= r.Buckets[i-1] {
				t.Fatalf("buckets out of order: %v", r.Buckets)
			}
			s.Histogram[b] = r.Counts[i]
		}
		all[key] = s
	}
	return all
}

func TestCounter(t *testing.T) {
	t.Parallel()
	e := leadline.Event{Partner: "acme", Campaign: "x", ReceivedAt: noon.Add(-time.Second)}
	e.Spend("receive", 0, 1500*time.Nanosecond, leadline.StatusOK)
	e.Spend("write", 500*time.Nanosecond, time.Second, leadline.StatusTimeout)
	var c Counter
	c.Add(&e)
	c.Add(&leadline.Event{})
	const day, before = 20_778, 1_795_262_340
	want := map[name]sums{
		{day, before + 60, "receive", "acme", "x"}: {1, 0, 0, 1, map[uint16]uint32{1: 1}},
		{day, before + 60, "write", "acme", "x"}:   {1, 1, 1, 1_000_000, map[uint16]uint32{Bucket(1_000_001): 1}},
		{day, before + 60, Whole, "acme", "x"}:     {1, 1, 1, 1_000_001, map[uint16]uint32{Bucket(1_000_002): 1}},
		{0, 0, Whole, "", ""}:                      {1, 0, 0, 0, map[uint16]uint32{0: 1}},
	}
	if d := cmp.Diff(want, counted(t, &c)); d != "" {
		t.Error(d)
	}
	c.Reset()
	if got := counted(t, &c); len(got) > 0 {
		t.Errorf("after Reset: %v", got)
	}
}

// A Counter that was used before counts any batch as a map of maps does.
func TestCounterAgainstMaps(t *testing.T) {
	t.Parallel()
	var c Counter
	rapid.Check(t, func(t *rapid.T) {
		c.Reset()
		want := map[name]sums{}
		add := func(key name, wait, work, failed uint64) {
			s, ok := want[key]
			if !ok {
				s.Histogram = map[uint16]uint32{}
			}
			s.Events, s.Failed, s.Wait, s.Duration = s.Events+1, s.Failed+failed, s.Wait+wait, s.Duration+work
			s.Histogram[Bucket(wait+work)]++
			want[key] = s
		}
		text := rapid.SampledFrom([]string{"", "a", "b", "c"})
		stage := rapid.StringMatching("[a-d]?[a-d]") // 20 stages
		for range rapid.IntRange(0, 20).Draw(t, "events") {
			e := leadline.Event{
				Partner: text.Draw(t, "partner"), Campaign: text.Draw(t, "campaign"),
				ReceivedAt: noon.Add(time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "received"))),
			}
			for range rapid.IntRange(0, 7).Draw(t, "stages") {
				d := func(name string) time.Duration {
					return time.Duration(rapid.Int64Range(0, 1e5).Draw(t, name)) * time.Microsecond
				}
				status := rapid.SampledFrom([]leadline.Status{leadline.StatusOK, leadline.StatusError}).Draw(t, "status")
				e.Spend(stage.Draw(t, "stage"), d("wait"), d("work"), status)
			}
			c.Add(&e)

			stored := e.ReceivedAt.Truncate(time.Microsecond).Add(e.Elapsed())
			key := name{uint32(e.ReceivedAt.Unix() / 86400), uint32(stored.Truncate(time.Minute).Unix()), Whole, e.Partner, e.Campaign}
			var wait, work, failed uint64
			for _, s := range e.Segments {
				w, d, f := uint64(s.Wait.Microseconds()), uint64(s.Duration.Microseconds()), uint64(0)
				if s.Status != leadline.StatusOK {
					f = 1
				}
				key.stage = s.Stage
				add(key, w, d, f)
				wait, work, failed = wait+w, work+d, max(failed, f)
			}
			key.stage = Whole
			add(key, wait, work, failed)
		}
		if d := cmp.Diff(want, counted(t, &c)); d != "" {
			t.Fatal(d)
		}
	})
}

// More campaigns than a Counter has places for the newest of them.
func TestCounterOfManyCampaigns(t *testing.T) {
	t.Parallel()
	const campaigns = 5000
	var c Counter
	for range 2 {
		c.Reset()
		for i := range 3 * campaigns {
			c.Add(&leadline.Event{Campaign: fmt.Sprint(i % campaigns), ReceivedAt: noon})
		}
		got := counted(t, &c)
		for i := range campaigns {
			if n := got[name{20_778, 1_795_262_400, Whole, "", fmt.Sprint(i)}].Events; n != 3 {
				t.Fatalf("campaign %d: %d events, want 3", i, n)
			}
		}
		if len(got) != campaigns {
			t.Errorf("%d rows, want %d", len(got), campaigns)
		}
	}
}

func TestCounterStopsEarly(t *testing.T) {
	t.Parallel()
	var c Counter
	for i := range 3 {
		c.Add(&leadline.Event{Partner: fmt.Sprint(i)})
	}
	for range c.Rows() {
		break
	}
	if n := len(counted(t, &c)); n != 3 {
		t.Errorf("%d rows", n)
	}
}

// What a used Counter allocates does not grow with the batch.
func TestCounterAllocatesNothingPerEvent(t *testing.T) {
	batch := rush(20_000, 50)
	var c Counter
	n := testing.AllocsPerRun(5, func() {
		c.Reset()
		for i := range batch {
			c.Add(&batch[i])
		}
		for range c.Rows() {
		}
	})
	if n > 5 {
		t.Errorf("%v allocations for %d events", n, len(batch))
	}
}

// rush is a batch in which 500 campaigns, some far larger than others, belong to the partners; stages are lognormal.
func rush(events, partners int) []leadline.Event {
	r := rand.New(rand.NewPCG(1, 1))
	var partner, campaign [500]string
	for i := range campaign {
		partner[i], campaign[i] = fmt.Sprint("partner-", i%partners), fmt.Sprint("campaign-", i)
	}
	all := make([]leadline.Event, events)
	for i := range all {
		e := &all[i]
		n := int(500 * math.Pow(r.Float64(), 2))
		e.Partner, e.Campaign, e.ReceivedAt = partner[n], campaign[n], noon.Add(time.Duration(i)*20*time.Microsecond)
		lognormal := func(median time.Duration, sigma float64) time.Duration {
			return time.Duration(float64(median) * math.Exp(sigma*r.NormFloat64()))
		}
		e.Spend(leadline.StageReceive, 0, lognormal(60*time.Microsecond, 0.4), leadline.StatusOK)
		e.Spend(leadline.StageValidate, 0, lognormal(3*time.Microsecond, 0.3), leadline.StatusOK)
		e.Spend(leadline.StageSpool, lognormal(20*time.Microsecond, 1), lognormal(1200*time.Microsecond, 0.4), leadline.StatusOK)
		e.Spend(leadline.StageGeoIP, time.Duration(r.Int64N(int64(200*time.Millisecond))), lognormal(12*time.Millisecond, 0.8), leadline.StatusOK)
		e.Spend(leadline.StageQualify, 0, lognormal(2*time.Microsecond, 0.3), leadline.StatusOK)
		e.Spend(leadline.StageWrite, lognormal(4*time.Millisecond, 1), lognormal(900*time.Microsecond, 0.3), leadline.StatusOK)
	}
	return all
}

// 50,000 events of six stages and the whole way, counted and read out.
func BenchmarkCount(b *testing.B) {
	const events, stages = 50_000, 6
	for _, partners := range []int{1, 50} {
		b.Run(fmt.Sprintf("partners=%d", partners), func(b *testing.B) {
			batch := rush(events, partners)
			var c Counter
			rows, entries := 0, 0
			b.ReportAllocs()
			begin := cpu(b)
			for b.Loop() {
				c.Reset()
				for i := range batch {
					c.Add(&batch[i])
				}
				rows, entries = 0, 0
				for r := range c.Rows() {
					rows++
					entries += len(r.Buckets)
				}
			}
			b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(b.N*events*stages), "cpu-ns/stage")
			b.ReportMetric(float64(rows), "rows")
			b.ReportMetric(float64(entries), "entries")
		})
	}
}

// cpu is the processor time of this process: on a busy machine it says more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
