package ingest

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	var m meter
	for now := time.Duration(0); now < 3*time.Second; now += 10 * time.Millisecond {
		m.add(now, 50)
	}
	if r := m.rate(3*time.Second - 1); r < 4900 || r > 5100 {
		t.Errorf("5,000 a second are measured as %.0f", r)
	}
	if r := m.rate(4 * time.Second); r < 2000 || r > 3000 {
		t.Errorf("a second later without any it is %.0f, want about half", r)
	}
	if r := m.rate(time.Minute); r != 0 {
		t.Errorf("a minute later it is %.0f", r)
	}
}

// draining is a pacer whose lane has stored so many a second for the last two seconds.
func draining(rate int, now time.Duration) *pacer {
	p := &pacer{}
	for at := now - 2*time.Second; at < now; at += 10 * time.Millisecond {
		p.stored(at, rate/100)
	}
	return p
}

func TestPacerLetsPass(t *testing.T) {
	t.Parallel()
	const now = time.Minute
	if wait, ok := draining(100_000, now).hold(now, 1000, 90_000); wait != 0 || !ok {
		t.Errorf("with less than a second's worth waiting a request is held for %v, %t", wait, ok)
	}
	if wait, ok := (&pacer{}).hold(now, 1000, 10_000_000); wait != 0 || !ok {
		t.Errorf("while nothing is stored a request is held for %v, %t: an outage would reach the senders", wait, ok)
	}
	p := draining(100_000, now)
	p.failed(now - time.Second)
	if wait, ok := p.hold(now, 1000, 10_000_000); wait != 0 || !ok {
		t.Errorf("a second after a failed write a request is held for %v, %t", wait, ok)
	}
}

func TestPacerHoldsToWhatIsStored(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		waiting int64
		want    float64 // of what is stored
	}{{110_000, 0.95}, {150_000, 0.75}, {200_000, 0.5}, {10_000_000, 0.5}} {
		const start = time.Minute
		p := draining(100_000, start)
		passed := 0
		for now := start; now < start+200*time.Millisecond; { // one sender that waits as it is told
			wait, ok := p.hold(now, 100, c.waiting)
			if !ok {
				t.Fatalf("%d waiting: refused, although it waits as it is told", c.waiting)
			}
			now += wait
			passed += 100
		}
		if got := float64(passed) / 20_000; got < c.want*0.9 || got > c.want*1.1 {
			t.Errorf("%d waiting: %.2f of what is stored passes, want %.2f", c.waiting, got, c.want)
		}
	}
}

// However many come, whoever is not refused waits at most maxHold and one request more.
func TestPacerRefusesLongWaits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		const now = time.Minute
		p := draining(rapid.IntRange(1000, 300_000).Draw(t, "rate"), now)
		size := rapid.IntRange(1, 10_000).Draw(t, "events a request")
		refused := false
		for range 200_000 {
			wait, ok := p.hold(now, size, 5_000_000)
			if ok && (refused || wait > maxHold) {
				t.Fatalf("held for %v, refused before: %t", wait, refused)
			}
			if refused = !ok; refused {
				if wait <= maxHold {
					t.Fatalf("refused for a wait of %v only", wait)
				}
				return
			}
		}
		t.Fatal("nobody was refused")
	})
}
