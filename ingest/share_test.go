package ingest

import (
	"fmt"
	"math"
	"testing"
	"time"

	"leadline/ingest/spool"

	"pgregory.net/rapid"
)

func even(string) int { return 1 }

// traffic lets partners send at their rates for d, in steps of 10 ms, and returns the lane of each one's last request.
func traffic(s *shares, from, d time.Duration, rates map[string]int, state pressure) map[string]spool.Lane {
	lanes := map[string]spool.Lane{}
	for now := from; now < from+d; now += 10 * time.Millisecond {
		for partner, rate := range rates {
			lanes[partner] = s.lane(now, partner, rate/100, func() pressure { return state })
		}
	}
	return lanes
}

func TestSharesMoveWhoSendsMore(t *testing.T) {
	t.Parallel()
	rates := map[string]int{"loud": 20_000}
	for i := range 9 {
		rates[fmt.Sprint("calm", i)] = 2_000
	}
	var fair, overflow int
	s := newShares(even, func(f, o int) { fair, overflow = f, o })

	lanes := traffic(s, 0, 3*time.Second, rates, pressure{drain: 30_000})
	if lanes["loud"] != spool.Fair {
		t.Error("who sends much is moved although ClickHouse keeps up")
	}
	lanes = traffic(s, 3*time.Second, 3*time.Second, rates, pressure{behind: true, drain: 30_000})
	for partner, lane := range lanes {
		if want := partner == "loud"; (lane == spool.Overflow) != want {
			t.Errorf("%s takes lane %d", partner, lane)
		}
	}
	if fair != 9 || overflow != 1 || !s.crowded.Load() {
		t.Errorf("the lanes weigh %d and %d, want 9 partners and 1; crowded: %t", fair, overflow, s.crowded.Load())
	}
	for now := 6 * time.Second; now < 16*time.Second; now += time.Second {
		s.waits(now, "loud")
		lanes = traffic(s, now, time.Second, rates, pressure{drain: 30_000})
	}
	if lanes["loud"] != spool.Overflow {
		t.Error("who still waits in the overflow lane is moved back")
	}
	rates["loud"] = 1_000
	traffic(s, 16*time.Second, shareStays+time.Second, rates, pressure{drain: 30_000})
	if lanes = traffic(s, 22*time.Second, time.Second, rates, pressure{drain: 30_000}); lanes["loud"] != spool.Fair || s.crowded.Load() {
		t.Error("who is modest again stays in the overflow lane")
	}
}

// Until somebody is moved the others wait among what he sends.
func TestSharesMoveSoon(t *testing.T) {
	t.Parallel()
	rates := map[string]int{"loud": 140_000}
	for i := range 9 {
		rates[fmt.Sprint("calm", i)] = 10_000
	}
	s := newShares(even, func(int, int) {})
	traffic(s, 0, time.Second, map[string]int{"loud": 10_000, "calm0": 10_000}, pressure{drain: 160_000})
	for now := time.Second; traffic(s, now, 10*time.Millisecond, rates, pressure{behind: true, drain: 160_000})["loud"] == spool.Fair; now += 10 * time.Millisecond {
		if now > 1400*time.Millisecond {
			t.Fatal("four tenths of a second later it still takes the fair lane")
		}
	}
}

func TestSharesAlone(t *testing.T) {
	t.Parallel()
	s := newShares(even, func(int, int) {})
	if lanes := traffic(s, 0, 5*time.Second, map[string]int{"only": 100_000}, pressure{behind: true, drain: 20_000}); lanes["only"] != spool.Fair {
		t.Error("the only sender makes room for nobody")
	}
}

func TestSharesAmongEquals(t *testing.T) {
	t.Parallel()
	rates := map[string]int{}
	for i := range 10 {
		rates[fmt.Sprint(i)] = 6_000
	}
	s := newShares(even, func(int, int) {})
	for partner, lane := range traffic(s, 0, 5*time.Second, rates, pressure{behind: true, drain: 40_000}) {
		if lane != spool.Fair {
			t.Errorf("%s, who sends as much as everybody, makes room for nobody", partner)
		}
	}
}

func TestSharesWeigh(t *testing.T) {
	t.Parallel()
	weight := func(partner string) int {
		if partner == "big" {
			return 8
		}
		return 1
	}
	s := newShares(weight, func(int, int) {})
	lanes := traffic(s, 0, 3*time.Second, map[string]int{"big": 8_000, "small": 4_000}, pressure{behind: true, drain: 9_000})
	if lanes["big"] != spool.Fair || lanes["small"] != spool.Overflow {
		t.Errorf("with weights 8 and 1 big takes lane %d and small %d", lanes["big"], lanes["small"])
	}
}

func TestSharesForget(t *testing.T) {
	t.Parallel()
	s := newShares(even, func(int, int) {})
	for i := range 1000 {
		s.lane(time.Duration(i)*time.Second, fmt.Sprint(i), 1, func() pressure { return pressure{} })
	}
	if n := len(s.partners); n > 50 {
		t.Errorf("%d partners are remembered, of whom most sent one event long ago", n)
	}
}

// The level is max-min fair: what everybody gets adds up to the capacity, and nobody gets less than somebody who got
// less than it asked for.
func TestFairLevel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var all []*share
		asked := 0.0
		for range rapid.IntRange(1, 20).Draw(t, "partners") {
			p := &share{rate: rapid.Float64Range(1, 1e5).Draw(t, "rate"), weight: float64(rapid.IntRange(1, 10).Draw(t, "weight"))}
			asked += p.rate
			all = append(all, p)
		}
		capacity := asked * rapid.Float64Range(0.01, 0.99).Draw(t, "part of what is asked")
		level := fairLevel(all, capacity)
		got := 0.0
		for _, p := range all {
			got += min(p.rate, level*p.weight)
		}
		if math.Abs(got-capacity) > capacity/1e6 {
			t.Fatalf("%.1f of %.1f is shared out", got, capacity)
		}
	})
}
