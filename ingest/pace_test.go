package ingest

import (
	"math"
	"testing"
	"time"

	"leadline/ingest/spool"

	"pgregory.net/rapid"
)

func TestDrainCountsTimeAtWork(t *testing.T) {
	t.Parallel()
	var d drain
	if _, known := d.rates(0); known {
		t.Error("a rate is known before anything was stored")
	}
	now := time.Duration(0)
	for range 40 { // a batch of 1,000 takes 10 ms, then nothing comes for a minute
		d.stored(spool.Fair, 1000, now, now+10*time.Millisecond)
		now += time.Minute
	}
	if r, known := d.rates(now); !known || math.Abs(r[spool.Fair]-100_000) > 1 {
		t.Errorf("100,000 a second at work are measured as %.0f, %t", r[spool.Fair], known)
	}
	for range 100 { // ready before the one before is done, twice as dear, every other one of the other lane
		d.stored(spool.Fair, 1000, now-20*time.Millisecond, now+20*time.Millisecond)
		d.stored(spool.Overflow, 1000, now, now+40*time.Millisecond)
		now += 40 * time.Millisecond
	}
	if r, _ := d.rates(now); math.Abs(r[spool.Fair]-25_000) > 1500 || math.Abs(r[spool.Overflow]-25_000) > 1500 {
		t.Errorf("25,000 a second in each lane are measured as %.0f", r)
	}
}

func TestDrainAfterAnOutage(t *testing.T) {
	t.Parallel()
	var d drain
	d.stored(spool.Fair, 1000, 0, 10*time.Millisecond)
	d.failed(time.Second)
	if _, known := d.rates(time.Hour); known {
		t.Error("a rate is known while ClickHouse is away")
	}
	d.stored(spool.Fair, 1000, time.Hour, time.Hour+10*time.Millisecond)
	if _, known := d.rates(time.Hour + time.Second); known {
		t.Error("a rate is known a second after ClickHouse came back")
	}
	if r, known := d.rates(time.Hour + 3*time.Second); !known || math.Abs(r[spool.Fair]-100_000) > 1 {
		t.Errorf("the outage counts as work: %.0f, %t", r[spool.Fair], known)
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		rate    float64
		waiting int64
		backlog float64
		want    float64
	}{
		{100_000, 90_000, 1, 0},
		{100_000, 110_000, 1, 95_000},
		{100_000, 150_000, 1, 75_000},
		{100_000, 200_000, 1, 50_000},
		{100_000, 1e9, 1, 50_000},
		{0, 1e9, 1, 0},
		{100, 15_000, 1, 0},
		{100, 1e9, 1, 50},
		{100_000, 390_000, 4, 0},
		{100_000, 440_000, 4, 95_000},
		{100_000, 1e9, 4, 50_000},
	} {
		if got := pace(c.rate, c.waiting, c.backlog); math.Abs(got-c.want) > 1 {
			t.Errorf("storing %.0f a second with %d waiting the pace is %.0f, want %.0f", c.rate, c.waiting, got, c.want)
		}
	}
}

func TestPacerHoldsToThePace(t *testing.T) {
	t.Parallel()
	p, passed, now := &pacer{}, 0, time.Minute
	for now < time.Minute+10*time.Second { // one sender that waits as it is told
		wait, ok := p.hold(now, 100, 50_000, maxHold)
		if !ok {
			t.Fatal("refused, although it waits as it is told")
		}
		now += wait
		passed += 100
	}
	if passed < 499_000 || passed > 501_000 {
		t.Errorf("%d passed in ten seconds at 50,000 a second", passed)
	}
	if wait, ok := p.hold(now, 100, 0, maxHold); wait != 0 || !ok {
		t.Errorf("without a pace a request is held for %v, %t", wait, ok)
	}
}

// Turns that were promised while storing was slow do not hold up those who come when it is fast again.
func TestPacerForgetsASlowMoment(t *testing.T) {
	t.Parallel()
	p := &pacer{}
	if _, ok := p.hold(0, 10_000, 1_000, maxHold); !ok {
		t.Fatal("the first is refused")
	}
	if wait, ok := p.hold(0, 1000, 1_000, maxHold); ok || wait != 10*time.Second {
		t.Errorf("ten seconds' worth is ahead: held for %v, %t", wait, ok)
	}
	if wait, ok := p.hold(0, 1000, 100_000, maxHold); !ok || wait != 100*time.Millisecond {
		t.Errorf("and a tenth of one later: held for %v, %t", wait, ok)
	}
}

// However many come, whoever is not refused waits at most as long as was said, and to look promises nothing.
func TestPacerRefusesLongWaits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const now = time.Minute
		p := &pacer{}
		pace := rapid.Float64Range(1000, 300_000).Draw(t, "pace")
		size := rapid.IntRange(1, 10_000).Draw(t, "events a request")
		most := rapid.SampledFrom([]time.Duration{maxHold, longHold}).Draw(t, "most")
		for range 700_000 {
			_, looked := p.hold(now, 0, pace, most)
			wait, ok := p.hold(now, size, pace, most)
			if looked != ok || ok && wait > most || !ok && wait <= most {
				t.Fatalf("held for %v, %t; before that it looked like %t", wait, ok, looked)
			}
			if !ok {
				return
			}
		}
		t.Fatal("nobody was refused")
	})
}
