package rules

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// archive is a fake history: spring is slow from one moment to another. It keeps what is written down of it.
type archive struct {
	slowFrom, slowTo time.Time
	fail             error

	mu       sync.Mutex
	from, to time.Time
	journal  []leadline.Transition
}

func (a *archive) review() *Review {
	return &Review{
		History: func(_ context.Context, _ []*measure.Ask, from, to time.Time) (Past, error) {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.from, a.to = from, to
			return a, a.fail
		},
		Journal: func(_ context.Context, missed []leadline.Transition) error {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.journal = append(a.journal, missed...)
			return nil
		},
	}
}

func (a *archive) At(_ context.Context, end time.Time) (measure.Answers, error) {
	v := 100.0
	if !end.Before(a.slowFrom) && end.Before(a.slowTo) {
		v = 1900
	}
	return given{series: map[string][2]float64{"spring": {v, 50}}}, nil
}

// What nobody evaluated in time is looked at afterwards: it is written down, and nobody is told.
func TestMissedSlotsAreLookedAt(t *testing.T) {
	t.Parallel()
	g := one(t, simple) // every 10 s, offset 2 s, for and keep_firing_for 20 s
	f := func(down time.Duration, fail error, want string, reach time.Duration) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) {
			w := &world{series: map[string][2]float64{"spring": {100, 50}}}
			a := &archive{fail: fail}
			run := func(d time.Duration) {
				e := New(Options{Groups: []*Group{g}, Asker: w, Sink: w, Review: a.review(), Log: slog.New(slog.DiscardHandler)})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan error, 1)
				go func() { done <- e.Run(ctx) }()
				pass(d)
				cancel()
				if err := <-done; err != nil {
					t.Error(err)
				}
			}
			run(25 * time.Second)
			a.slowFrom = time.Now().Add(down / 2)
			a.slowTo = a.slowFrom.Add(time.Minute)
			pass(down)
			run(25 * time.Second)
			var got []string
			for _, x := range a.journal {
				got = append(got, string(x.Change)+" "+x.Labels["campaign"])
				if x.Slot.Before(a.slowFrom) || x.Slot.After(a.slowTo.Add(time.Minute)) {
					t.Errorf("%v down: %s at %v, spring was slow from %v", down, x.Change, x.Slot, a.slowFrom)
				}
			}
			if s := strings.Join(got, ", "); s != want {
				t.Errorf("%v down: %q was written down, want %q", down, s, want)
			}
			if told := w.take(); len(told) > 0 {
				t.Errorf("%v down: %q was told", down, told)
			}
			if span := a.to.Sub(a.from); span > maxReview || span < reach {
				t.Errorf("%v down: looked back %v, want about %v", down, span, reach)
			}
		})
	}
	f(10*time.Minute, nil, "firing spring, resolved spring", 9*time.Minute+40*time.Second)
	f(90*time.Minute, nil, "firing spring, resolved spring", maxReview-10*time.Second)
	f(0, nil, "", 0)
	f(10*time.Minute, errors.New("away"), "", 9*time.Minute)
}
