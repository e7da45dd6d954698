package rules

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"
)

func TestSlots(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		interval := time.Duration(rapid.IntRange(1, 3600).Draw(t, "seconds")) * time.Second
		name := rapid.String().Draw(t, "group")
		now := time.Unix(rapid.Int64Range(-1e9, 4e9).Draw(t, "unix"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))
		offset := Offset(name, interval)
		if offset < 0 || offset >= interval {
			t.Fatalf("offset %v of %v", offset, interval)
		}
		slot := Slot(now, interval, name)
		if slot.After(now) || !slot.Add(interval).After(now) {
			t.Fatalf("slot %v at %v", slot, now)
		}
		if again := Slot(slot, interval, name); !again.Equal(slot) {
			t.Fatalf("a slot's slot is %v, not %v", again, slot)
		}
		if next := Slot(slot.Add(interval), interval, name); !next.Equal(slot.Add(interval)) {
			t.Fatalf("the next slot is %v, not an interval after %v", next, slot)
		}
		if n := (grid{[]*Group{{Name: name, Interval: interval}}}).Next(now); !n.Equal(slot.Add(interval)) {
			t.Fatalf("the clock wakes at %v, not at the next slot", n)
		}
	})
}

func TestOffsetsSpread(t *testing.T) {
	t.Parallel()
	seen := map[time.Duration]bool{}
	for i := range 100 {
		seen[Offset(strings.Repeat("x", i), time.Minute)] = true
	}
	if len(seen) < 95 {
		t.Errorf("100 groups have %d offsets", len(seen))
	}
}

func TestDue(t *testing.T) {
	t.Parallel()
	const interval = 30 * time.Second
	first := Slot(epoch, interval, "g")
	f := func(now, last time.Time, wantMissed int, wantOK bool) {
		t.Helper()
		slot, missed, ok := due(now, last, interval, "g")
		if missed != wantMissed || ok != wantOK || ok && slot.After(now) {
			t.Errorf("due(%v, %v) = %v, %d, %v", now, last, slot, missed, ok)
		}
	}
	f(first, time.Time{}, 0, true)
	f(first, first, 0, false)
	f(first.Add(interval-1), first, 0, false)
	f(first.Add(interval), first, 0, true)
	f(first.Add(4*interval+1), first, 3, true)
	f(first.Add(-time.Hour), first, 0, false)                         // the clock went back
	f(first.Add(10*time.Second), first.Add(-10*time.Second), 0, true) // the interval was changed
}

// stalled is a schedule that never comes, as cron's sleep after the clock was set back.
type stalled struct{}

func (stalled) Next(t time.Time) time.Time { return t.Add(24 * time.Hour) }

func TestWatchdog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var beats atomic.Int64
		var log strings.Builder
		done := make(chan struct{})
		go func() {
			defer close(done)
			runClock(ctx, stalled{}, 10*time.Second, slog.New(slog.NewTextHandler(&log, nil)), func() { beats.Add(1) }, func(time.Duration) {})
		}()
		pass(30*time.Second + time.Millisecond)
		if n := beats.Load(); n != 0 {
			t.Errorf("%d beats within three periods", n)
		}
		pass(30 * time.Second)
		if n := beats.Load(); n != 3 {
			t.Errorf("%d beats in the three periods after, want 3", n)
		}
		cancel()
		<-done
		if !strings.Contains(log.String(), "has not ticked") {
			t.Errorf("log %q", log.String())
		}
	})
}

type every struct{ d time.Duration }

func (e every) Next(t time.Time) time.Time { return t.Add(e.d) }

func TestClockSurvivesAPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var beats atomic.Int64
		var log strings.Builder
		done := make(chan struct{})
		go func() {
			defer close(done)
			runClock(ctx, every{10 * time.Second}, time.Minute, slog.New(slog.NewTextHandler(&log, nil)), func() {
				if beats.Add(1) == 1 {
					panic("first beat")
				}
			}, func(time.Duration) {})
		}()
		pass(time.Minute + time.Millisecond)
		if n := beats.Load(); n != 6 {
			t.Errorf("%d beats in a minute, want 6", n)
		}
		cancel()
		<-done
		if !strings.Contains(log.String(), "first beat") {
			t.Errorf("log %q", log.String())
		}
	})
}

func TestClockIsSet(t *testing.T) {
	t.Parallel()
	f := func(wall, monotonic, want time.Duration) {
		t.Helper()
		before := clock{epoch, time.Hour}
		if got := (clock{epoch.Add(wall), time.Hour + monotonic}).stepSince(before); got != want {
			t.Errorf("%v by the wall in %v: a step of %v, want %v", wall, monotonic, got, want)
		}
	}
	f(10*time.Second, 10*time.Second, 0)
	f(time.Hour+10*time.Second, 10*time.Second, time.Hour)
	f(10*time.Second-time.Hour, 10*time.Second, -time.Hour)
	f(0, 10*time.Second, -10*time.Second)
}
