package limit

import (
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

type taken struct {
	at time.Duration
	n  int
}

// TestNeverMoreThanBurstAndRate: whatever is asked when, no window holds more than the burst and the rate's share.
func TestNeverMoreThanBurstAndRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Rate: rapid.Float64Range(0.1, 5000).Draw(t, "rate"), Burst: rapid.IntRange(1, 10_000).Draw(t, "burst")}
		l := New(Policy{}, map[string]Policy{"acme": p})
		var all []taken
		at := time.Duration(0)
		for range rapid.IntRange(1, 80).Draw(t, "requests") {
			at += time.Duration(rapid.Int64Range(0, int64(3*time.Second)).Draw(t, "pause"))
			n := rapid.IntRange(1, p.Burst+p.Burst/4).Draw(t, "events")
			squeeze := rapid.SampledFrom([]float64{1, 0.5}).Draw(t, "squeeze")
			d := l.Take("acme", n, 0, squeeze, noon.Add(at))
			if n > p.Burst {
				if d.OK || d.Code != CodeOverBurst || d.RetryAfter != 0 {
					t.Fatalf("%d events into a burst of %d: %+v", n, p.Burst, d)
				}
				continue
			}
			if d.OK {
				all = append(all, taken{at, n})
			}
		}
		for i := range all {
			sum := 0
			for _, b := range all[i:] {
				sum += b.n
				if most := float64(p.Burst) + p.Rate*(b.at-all[i].at).Seconds(); float64(sum) > most+2*tolerance {
					t.Fatalf("%d events from %s to %s, want at most %f", sum, all[i].at, b.at, most)
				}
			}
		}
	})
}

// TestNeverRefusesWithinTheRate: a sender who keeps to its rate is never refused, however long.
func TestNeverRefusesWithinTheRate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{Rate: rapid.Float64Range(0.1, 50_000).Draw(t, "rate"), Burst: rapid.IntRange(1, 10_000).Draw(t, "burst")}
		n := rapid.IntRange(1, p.Burst).Draw(t, "events")
		l := New(p, nil)
		step := float64(n) / p.Rate * 1e9
		for i := range 5000 {
			now := noon.Add(time.Duration(math.Ceil(float64(i) * step)))
			if d := l.Take("acme", n, 0, 1, now); !d.OK {
				t.Fatalf("request %d, %d events every %.0f ns at %f/s, burst %d: %+v", i, n, step, p.Rate, p.Burst, d)
			}
		}
	})
}

// TestRetryAfterIsExact: at that time the request is taken, after nine tenths of the wait it is not.
func TestRetryAfterIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{
			Rate: rapid.Float64Range(0.1, 5000).Draw(t, "rate"), Burst: rapid.IntRange(1, 10_000).Draw(t, "burst"),
			Bytes: rapid.Float64Range(1<<10, 8<<20).Draw(t, "bytes"), Daily: rapid.SampledFrom([]int64{0, 20_000}).Draw(t, "daily"),
		}
		squeeze := rapid.SampledFrom([]float64{1, 0.5}).Draw(t, "squeeze")
		l := New(p, nil)
		now := noon.Add(time.Duration(rapid.Int64Range(0, int64(11*time.Hour)).Draw(t, "at")))
		for range rapid.IntRange(1, 30).Draw(t, "requests") {
			n, size := rapid.IntRange(1, p.Burst).Draw(t, "events"), rapid.IntRange(1, 16<<20).Draw(t, "size")
			d := l.Take("acme", n, size, squeeze, now)
			if d.OK {
				continue
			}
			if d.RetryAfter <= 0 {
				t.Fatalf("refused without a time: %+v", d)
			}
			early := now.Add(d.RetryAfter * 9 / 10)
			if d.RetryAfter.Seconds()*p.Rate > 0.1 && l.Take("acme", n, size, squeeze, early).OK {
				t.Fatalf("%+v, and yet taken at %s", d, early)
			}
			now = now.Add(d.RetryAfter)
			if again := l.Take("acme", n, size, squeeze, now); !again.OK {
				t.Fatalf("%+v, and then %+v", d, again)
			}
		}
	})
}

func TestDailyQuotaEndsAtMidnight(t *testing.T) {
	t.Parallel()
	l := New(Policy{Daily: 100}, nil)
	if d := l.Take("acme", 90, 0, 1, noon); !d.OK {
		t.Fatalf("%+v", d)
	}
	want := Decision{Code: CodeQuotaExhausted, RetryAfter: 12 * time.Hour, Limit: 100, Remaining: 10, Reset: 12 * time.Hour}
	if d := l.Take("acme", 11, 0, 1, noon); d != want {
		t.Errorf("%+v, want %+v", d, want)
	}
	if d := l.Take("acme", 101, 0, 1, noon); d.Code != CodeOverBurst || d.RetryAfter != 0 || d.Limit != 100 {
		t.Errorf("more than a day's: %+v", d)
	}
	if d := l.Take("acme", 10, 0, 1, noon); !d.OK {
		t.Errorf("what is left: %+v", d)
	}
	if s := l.State("acme", noon); s.Today != 100 {
		t.Errorf("%+v", s)
	}
	if d := l.Take("acme", 100, 0, 1, noon.Add(12*time.Hour)); !d.OK {
		t.Errorf("after midnight: %+v", d)
	}
	if d := l.Take("acme", 1, 0, 1, noon.Add(11*time.Hour)); d.OK {
		t.Error("a clock that steps back over midnight gives the quota back")
	}
}

func TestSqueezeHalvesTheBurst(t *testing.T) {
	t.Parallel()
	l := New(Policy{Rate: 10, Burst: 100}, nil)
	if d := l.Take("acme", 50, 0, 0.5, noon); !d.OK {
		t.Errorf("%+v", d)
	}
	if d := l.Take("acme", 1, 0, 0.5, noon); d.OK || d.RetryAfter != 100*time.Millisecond {
		t.Errorf("%+v", d)
	}
	if d := l.Take("acme", 1, 0, 1, noon); !d.OK || d.Remaining != 49 || d.Limit != 100 || d.Reset != 5100*time.Millisecond {
		t.Errorf("%+v", d)
	}
	if d := l.Take("quiet", 80, 0, 0.5, noon); !d.OK {
		t.Errorf("a large batch of a quiet partner would never get in: %+v", d)
	}
}

func TestInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := New(Policy{InFlight: 3}, nil)
		var running, most, refused atomic.Int64
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				end, ok := l.Begin("acme", time.Now())
				if !ok {
					refused.Add(1)
					return
				}
				defer end()
				if n := running.Add(1); n > most.Load() {
					most.Store(n)
				}
				<-time.After(time.Second)
				running.Add(-1)
			})
		}
		all.Wait()
		if most.Load() != 3 || refused.Load() != 17 {
			t.Errorf("at most %d at once, %d refused: want 3 and 17", most.Load(), refused.Load())
		}
		if _, ok := l.Begin("acme", time.Now()); !ok || l.State("acme", time.Now()).InFlight != 1 {
			t.Error("ended requests are still counted")
		}
	})
}

// TestMemoryIsBounded: idle partners make room; where none is idle, a newcomer is let through and counted.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	l := New(Policy{Rate: 10, Burst: 10}, map[string]Policy{"free": {}})
	l.most = 10
	for i := range 1000 {
		l.Take(fmt.Sprint(i), 1, 0, 1, noon.Add(time.Duration(i)*time.Second))
	}
	if len(l.partners) > l.most || l.Unkept() != 0 {
		t.Errorf("%d partners, %d let through", len(l.partners), l.Unkept())
	}
	now := noon.Add(time.Hour)
	for i := range 12 {
		if d := l.Take(fmt.Sprint("n", i), 10, 0, 1, now); !d.OK {
			t.Errorf("%+v", d)
		}
	}
	if len(l.partners) != l.most || l.Unkept() != 2 {
		t.Errorf("%d partners, %d let through: want 10 and 2", len(l.partners), l.Unkept())
	}
	if d := l.Take("free", 1e6, 1e9, 1, now); !d.OK || l.Unkept() != 2 {
		t.Errorf("no limits: %+v", d)
	}
}

func TestPoliciesAreApart(t *testing.T) {
	t.Parallel()
	l := New(Policy{Rate: 1, Burst: 1}, map[string]Policy{"acme": {Rate: 1, Burst: 2, Bytes: 1 << 20}})
	for _, partner := range []string{"globex", "acme", "acme"} {
		if d := l.Take(partner, 1, 10, 1, noon); !d.OK {
			t.Errorf("%s: %+v", partner, d)
		}
	}
	if d := l.Take("acme", 1, 0, 1, noon); d.OK {
		t.Errorf("%+v", d)
	}
	if s := l.State("acme", noon); s.Bytes != 16<<20-20 || s.Events != 0 || s.EventReset != 2*time.Second {
		t.Errorf("%+v", s)
	}
	if d := l.Peek("acme", 1, 0, noon.Add(time.Second)); !d.OK || d.Remaining != 1 {
		t.Errorf("%+v", d)
	}
}

func BenchmarkTake(b *testing.B) {
	l := New(Policy{Rate: 1e9, Burst: 1e9, Bytes: 1e12, InFlight: 64, Daily: 1e15}, nil)
	b.ReportAllocs()
	now := noon
	for b.Loop() {
		end, _ := l.Begin("acme", now)
		l.Take("acme", 1, 500, 1, now)
		end()
		now = now.Add(time.Microsecond)
	}
}
