package enrich

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func breakerForTest() *breaker {
	return newBreaker(BreakerOptions{
		Window: 10, MinCalls: 4, FailRatio: 0.5, Slow: 100 * time.Millisecond, SlowRatio: 0.75,
		OpenFor: 10 * time.Second, Probes: 2,
	}.withDefaults(time.Second))
}

// script drives a breaker: o ok, s slow but ok, f failed, a another second; what is refused is shown as '-'.
func script(t *testing.T, b *breaker, in string) (got string) {
	t.Helper()
	now := time.Unix(1000, 0)
	for _, c := range in {
		if c == 'a' {
			now = now.Add(time.Second)
			got += "a"
			continue
		}
		term, ok := b.allow(now)
		if !ok {
			got += "-"
			continue
		}
		took := time.Millisecond
		if c == 's' {
			took = 100 * time.Millisecond
		}
		b.report(now, term, took, c == 'f')
		got += string(c)
	}
	return got
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	f := func(in, want string, state BreakerState) {
		t.Helper()
		b := breakerForTest()
		if got := script(t, b, in); got != want || b.state != state {
			t.Errorf("%s:\n got %s %s\nwant %s %s", in, got, b.state, want, state)
		}
	}
	f("fff", "fff", BreakerClosed)                                                     // too few to tell
	f("ffffo", "ffff-", BreakerOpen)                                                   // all failed
	f("oofffo", "ooff--", BreakerOpen)                                                 // half failed
	f("ooofofof", "ooofofof", BreakerClosed)                                           // 3 of 8
	f("oosss", "oosss", BreakerClosed)                                                 // 3 of 5 slow
	f("sssso", "ssss-", BreakerOpen)                                                   // slow alone opens it
	f("ffffaaaaaaaaaoaoo", "ffffaaaaaaaaa-aoo", BreakerClosed)                         // 10 s later two good probes close it
	f("ffffaaaaaaaaaaofo", "ffffaaaaaaaaaaof-", BreakerOpen)                           // one of two probes failed: half
	f("ooooooooooffffo", "ooooooooooffffo", BreakerClosed)                             // 4 of the last 10
	f("oooooooooofffffo", "oooooooooofffff-", BreakerOpen)                             // 5 of the last 10
	f("ffffaaaaaaaaaaoofff", "ffffaaaaaaaaaaoofff", BreakerClosed)                     // what was before opening is forgotten
	f("ffffaaaaaaaaaaooffff", "ffffaaaaaaaaaaooffff", BreakerOpen)                     // but not what comes after
	f("ffffaaaaaaaaaaffaaaaaaaaaoao", "ffffaaaaaaaaaaffaaaaaaaaa-ao", BreakerHalfOpen) // opened again: 10 s again
}

func TestBreakerIgnoresCallsOfAnEarlierTerm(t *testing.T) {
	t.Parallel()
	b, now := breakerForTest(), time.Unix(1000, 0)
	stale, _ := b.allow(now)
	script(t, b, "ffff")
	now = now.Add(10 * time.Second)
	if _, ok := b.allow(now); !ok || b.state != BreakerHalfOpen {
		t.Fatalf("no probe after 10 s, state %s", b.state)
	}
	b.report(now, stale, 0, true)
	b.report(now, stale, 0, true)
	b.forget(stale)
	if b.state != BreakerHalfOpen || b.calls != 0 || b.probes != 1 {
		t.Errorf("a call from before it opened counts as a probe: %+v", b)
	}
}

func TestBreakerForgottenProbeMakesRoom(t *testing.T) {
	t.Parallel()
	b, now := breakerForTest(), time.Unix(1000, 0)
	script(t, b, "ffff")
	now = now.Add(10 * time.Second)
	term, _ := b.allow(now)
	b.allow(now)
	if _, ok := b.allow(now); ok {
		t.Fatal("three probes, want two")
	}
	b.forget(term)
	if _, ok := b.allow(now); !ok {
		t.Error("the forgotten probe's place stays taken")
	}
}

// The rules of a breaker, checked against a plain list of what happened.
func TestBreakerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		opts := BreakerOptions{
			Window: rapid.IntRange(1, 12).Draw(t, "window"), MinCalls: rapid.IntRange(1, 12).Draw(t, "min"),
			FailRatio: rapid.Float64Range(0.1, 1).Draw(t, "fail_ratio"), SlowRatio: rapid.Float64Range(0.1, 1).Draw(t, "slow_ratio"),
			Slow: 50, OpenFor: 100, Probes: rapid.IntRange(1, 4).Draw(t, "probes"),
		}.withDefaults(1000)
		b := newBreaker(opts)
		now := time.Unix(0, 0)
		type flying struct{ term uint64 }
		var calls []flying
		var history []outcome // of this term
		probes := 0
		t.Repeat(map[string]func(*rapid.T){
			"pass": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(0, 60).Draw(t, "ns"))) },
			"allow": func(t *rapid.T) {
				before := b.state
				openFor := now.Sub(b.opened)
				term, ok := b.allow(now)
				switch {
				case before == BreakerClosed && !ok:
					t.Fatal("closed, but refused")
				case before == BreakerOpen && ok != (openFor >= opts.OpenFor):
					t.Fatalf("open for %d: allowed=%v", openFor, ok)
				case before == BreakerHalfOpen && ok != (probes < opts.Probes):
					t.Fatalf("half-open with %d probes: allowed=%v", probes, ok)
				}
				if b.state != before {
					history, probes = nil, 0
				}
				if ok {
					calls = append(calls, flying{term})
					if b.state == BreakerHalfOpen {
						probes++
					}
				}
			},
			"end": func(t *rapid.T) {
				if len(calls) == 0 {
					return
				}
				i := rapid.IntRange(0, len(calls)-1).Draw(t, "call")
				c := calls[i]
				calls = append(calls[:i], calls[i+1:]...)
				before, term := b.state, b.term
				o := outcome{failed: rapid.Bool().Draw(t, "failed"), slow: rapid.Bool().Draw(t, "slow")}
				took := time.Duration(49)
				if o.slow {
					took = 50
				}
				b.report(now, c.term, took, o.failed)
				if c.term != term {
					if b.state != before {
						t.Fatal("a call of an earlier term changed the state")
					}
					return
				}
				history = append(history, o)
				last := history[max(0, len(history)-opts.Window):]
				var failed, slow float64
				for _, o := range last {
					if o.failed {
						failed++
					}
					if o.slow {
						slow++
					}
				}
				n := float64(len(last))
				bad := failed >= opts.FailRatio*n || slow >= opts.SlowRatio*n
				want := before
				switch {
				case before == BreakerClosed && len(last) >= opts.MinCalls && bad:
					want = BreakerOpen
				case before == BreakerHalfOpen && len(last) >= opts.Probes && bad:
					want = BreakerOpen
				case before == BreakerHalfOpen && len(last) >= opts.Probes:
					want = BreakerClosed
				}
				if b.state != want {
					t.Fatalf("%s after %v: got %s, want %s", before, last, b.state, want)
				}
				if b.state != before {
					history, probes = nil, 0
				}
			},
		})
	})
}
