package ingest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leadline/ingest/spool"
	"leadline/limit"
)

// fill lets events gather in the spool of a pipeline that does not run until it is so full.
func fill(t *testing.T, p *Pipeline, share float64) {
	t.Helper()
	data := []byte(strings.Repeat("x", 1000))
	for p.spool.Fill() < share {
		if err := p.spool.Append(context.Background(), spool.Fair, []spool.Record{{Data: data}}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLadder(t *testing.T) {
	t.Parallel()
	// A burst of 10 and no rate to speak of: under pressure half of it counts.
	policies := map[string]limit.Policy{"bulk": {Bulk: true}, "bursty": {Rate: 0.001, Burst: 10}, "bursty2": {Rate: 0.001, Burst: 10}}
	p := start(t, func(o *Options) {
		o.Spool = openSpool(t, t.TempDir(), func(o *spool.Options) { o.MaxBytes = 1 << 20 })
		o.Limits = limit.New(limit.Policy{}, policies)
	})
	n := 0
	status := func(partner string, events int) int {
		t.Helper()
		var body strings.Builder
		for range events {
			n++
			body.WriteString(with(fmt.Sprintf(`"id":"n%d"`, n)) + "\n")
		}
		_, err := p.Submit(context.Background(), Request{Partner: partner, Format: FormatNDJSON, Body: []byte(body.String())})
		if err == nil {
			return http.StatusAccepted
		}
		x := problem(t, err)
		if (x.RetryAfter > 0) == (x.Status == http.StatusRequestEntityTooLarge) || x.Receipt != nil && x.Receipt.Retry != events {
			t.Errorf("%s: %+v does not say when to send %d again", partner, x, events)
		}
		return x.Status
	}
	update := func() error {
		n++
		_, err := p.SubmitTelegram(context.Background(), Request{Partner: "any", Bot: "b", Body: fmt.Appendf(nil, `{"update_id":%d,"poll":{}}`, n)})
		return err
	}
	for _, step := range []struct {
		fill float64
		want []string // partner, events, status
	}{
		{0, []string{"any 1 202", "bulk 1 202", "bursty 4 202", "bursty 4 202", "bursty 4 429", "bursty 11 413"}},
		{fillSqueeze, []string{"any 1 202", "bulk 1 202", "bursty2 4 202", "bursty2 4 429"}},
		{fillBulk, []string{"any 1 202", "bulk 1 503"}},
		{fillFull, []string{"any 1 503", "bulk 1 503"}},
	} {
		fill(t, p, step.fill)
		for _, what := range step.want {
			var partner string
			var events, want int
			if _, err := fmt.Sscan(what, &partner, &events, &want); err != nil {
				t.Fatal(err)
			}
			if got := status(partner, events); got != want {
				t.Errorf("at %.0f %%: %d events of %s get %d, want %d", 100*step.fill, events, partner, got, want)
			}
		}
		if err := update(); err != nil {
			t.Errorf("at %.0f %%: an update of Telegram is refused: %v", 100*step.fill, err)
		}
	}
}

func TestWaitIsShed(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *Options) {
		o.Spool = openSpool(t, t.TempDir(), func(o *spool.Options) { o.MaxBytes = 1 << 20 })
	})
	fill(t, p, fillShed)
	r, err := p.Submit(context.Background(), Request{Partner: "acme", Body: []byte(good), Wait: true}) // nobody drains: waiting would last for ever
	if err != nil || r.Stored || r.Accepted != 1 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestWaitUntilStored(t *testing.T) {
	t.Parallel()
	m := &memory{}
	p := start(t, func(o *Options) { o.Writer = m })
	stop := running(t, p)
	defer stop()
	r, err := p.Submit(context.Background(), Request{Partner: "acme", Body: []byte(good), Wait: true})
	if err != nil || !r.Stored {
		t.Fatalf("got %+v, %v", r, err)
	}
	if events, _ := m.count(); events != 1 {
		t.Errorf("it returned with %d events stored", events)
	}
	r, err = p.Submit(context.Background(), Request{Partner: "acme", Body: []byte(good), Wait: true})
	if err != nil || r.Stored || r.Duplicates != 1 {
		t.Errorf("a duplicate: got %+v, %v", r, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if r, err = p.Submit(ctx, Request{Partner: "acme", Body: []byte(with(`"id":"late"`)), Wait: true}); err == nil && r.Stored {
		t.Errorf("with a millisecond to wait: got %+v, %v", r, err)
	}
}

// A lane that is held back drains little. That must not be taken for all that it can.
func TestCapacityOfALane(t *testing.T) {
	t.Parallel()
	a := newAdmission(openSpool(t, t.TempDir(), nil), limit.New(limit.Policy{}, nil), newClock())
	a.weights.Store(9<<32 | 1)
	for _, c := range []struct{ fair, overflow, wantFair, wantOverflow float64 }{
		{40_000, 0, 40_000, 4_000},
		{10_000, 30_000, 36_000, 22_000},
		{0, 40_000, 36_000, 32_000},
	} {
		rates := [2]float64{spool.Fair: c.fair, spool.Overflow: c.overflow}
		if f, o := a.capacity(spool.Fair, rates), a.capacity(spool.Overflow, rates); math.Abs(f-c.wantFair) > 1 || math.Abs(o-c.wantOverflow) > 1 {
			t.Errorf("draining %v: the lanes can %.0f and %.0f, want %.0f and %.0f", rates, f, o, c.wantFair, c.wantOverflow)
		}
	}
}

// Eight senders who wait for their answers are held back while storing is slow, not refused: what they hold is little.
// Where much is held already, and in the overflow lane, a long wait is refused.
func TestFewSendersAreHeld(t *testing.T) {
	t.Parallel()
	a := newAdmission(openSpool(t, t.TempDir(), nil), limit.New(limit.Policy{}, nil), newClock())
	a.waiting[spool.Fair].Store(1e6) // the pace is half of what is stored
	now := a.clock.now()
	a.drain.stored(spool.Fair, 8_000, 0, 4*time.Second)
	for range 10 {
		if wait, ok := a.hold(now, spool.Fair, 1000); wait != 0 || !ok {
			t.Errorf("after one small batch a request is held for %v, %t", wait, ok)
		}
	}
	a.drain = drain{}
	a.drain.stored(spool.Fair, 16_000, 0, 2*time.Second)
	for i := range 8 {
		wait, ok := a.hold(now, spool.Fair, 1000)
		if want := time.Duration(i) * time.Second / 4; !ok || wait != want {
			t.Errorf("request %d is held for %v, %t; want %v", i, wait, ok, want)
		}
	}
	a.held.Store(littleHeld)
	if wait, ok := a.hold(now, spool.Fair, 1); ok {
		t.Errorf("with much held, one more is held for %v", wait)
	}
	a.held.Store(0)
	for range 2 {
		a.hold(now, spool.Overflow, 8_000)
	}
	if wait, ok := a.hold(now, spool.Overflow, 1); ok {
		t.Errorf("in the overflow lane one is held for %v", wait)
	}
}

// Who is above its share learns so half a second later at most and stays where it is as long as it does; others learn at once.
func TestRefusalsAboveTheShareAreLate(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := openSpool(t, dir, nil)
		a := newAdmission(s, limit.New(limit.Policy{}, nil), newClock())
		a.waiting[spool.Fair].Store(1e6)
		a.held.Store(littleHeld)
		a.drain.stored(spool.Fair, 16_000, 0, 2*time.Second)
		for lane := range a.pacers {
			a.hold(a.clock.now(), spool.Lane(lane), 1e6)
		}
		a.shares.lane(0, "loud", 1, a.pressure)
		a.shares.partners["loud"].overflow = time.Second
		refused := func(partner string, code string, after time.Duration) {
			t.Helper()
			began := time.Now()
			_, problem := a.enter(t.Context(), &Request{Partner: partner, Body: make([]byte, 1000)})
			if problem == nil || problem.Code != code || time.Since(began) != after {
				t.Errorf("%s: %+v after %v, want %s after %v", partner, problem, time.Since(began), code, after)
			}
		}
		refused("calm", CodeOverloaded, 0)
		for range 10 {
			refused("loud", CodeOverShare, maxHold)
		}
		a.cooling.Store(littleHeld + 1)
		refused("loud", CodeOverShare, 0)
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
