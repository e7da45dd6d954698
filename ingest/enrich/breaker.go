package enrich

import "time"

// BreakerOptions say when calls to a third party are not worth trying. A zero field takes its default.
type BreakerOptions struct {
	Window    int           // calls that are looked at, the newest; default 100
	MinCalls  int           // calls before the breaker may open; default 20
	FailRatio float64       // share of failed calls in the window that opens it; default 0.5
	Slow      time.Duration // a call that takes this long is slow; default: the call's timeout
	SlowRatio float64       // share of slow calls in the window that opens it; default 0.5
	OpenFor   time.Duration // time without any call before it tries again; default 10 s
	Probes    int           // calls that decide then whether it closes; default 5
}

func (o BreakerOptions) withDefaults(timeout time.Duration) BreakerOptions {
	or := func(v *int, d int) {
		if *v <= 0 {
			*v = d
		}
	}
	or(&o.Window, 100)
	or(&o.MinCalls, 20)
	or(&o.Probes, 5)
	o.MinCalls = min(o.MinCalls, o.Window)
	o.Probes = min(o.Probes, o.Window)
	if o.FailRatio <= 0 {
		o.FailRatio = 0.5
	}
	if o.SlowRatio <= 0 {
		o.SlowRatio = 0.5
	}
	if o.Slow <= 0 {
		o.Slow = timeout
	}
	if o.OpenFor <= 0 {
		o.OpenFor = 10 * time.Second
	}
	return o
}

// BreakerState is where a circuit breaker stands.
type BreakerState string

// The states of a circuit breaker.
const (
	BreakerClosed   BreakerState = "closed"
	BreakerOpen     BreakerState = "open"
	BreakerHalfOpen BreakerState = "half_open"
)

// breaker is a circuit breaker: a state machine without clock, lock or goroutine of its own.
//
//	closed ── too many of the last calls failed or were slow ──► open
//	open ── OpenFor has passed ──► half-open, which lets Probes calls through
//	half-open ── all probes are back ──► closed, or open again by the same ratios
type breaker struct {
	opts   BreakerOptions
	state  BreakerState
	term   uint64 // counts changes of state: a call of an earlier term says nothing any more
	opened time.Time
	probes int // calls let through in half-open

	window       []outcome // ring of the newest calls of this term
	next         int
	calls        int // in the window
	failed, slow int // of them
}

type outcome struct{ failed, slow bool }

func newBreaker(opts BreakerOptions) *breaker {
	return &breaker{opts: opts, state: BreakerClosed, window: make([]outcome, opts.Window)}
}

// allow asks for one call. A call that was allowed must be followed by one report or forget with the same term.
func (b *breaker) allow(now time.Time) (term uint64, ok bool) {
	if b.state == BreakerOpen && now.Sub(b.opened) >= b.opts.OpenFor {
		b.turn(BreakerHalfOpen)
	}
	switch b.state {
	case BreakerClosed:
		return b.term, true
	case BreakerHalfOpen:
		if b.probes < b.opts.Probes {
			b.probes++
			return b.term, true
		}
	case BreakerOpen:
	}
	return 0, false
}

// report says how an allowed call ended.
func (b *breaker) report(now time.Time, term uint64, took time.Duration, failed bool) {
	if term != b.term {
		return
	}
	b.count(outcome{failed: failed, slow: took >= b.opts.Slow})
	enough := b.opts.MinCalls
	if b.state == BreakerHalfOpen {
		enough = b.opts.Probes
	}
	switch {
	case b.calls < enough:
	case b.bad():
		b.turn(BreakerOpen)
		b.opened = now
	case b.state == BreakerHalfOpen:
		b.turn(BreakerClosed)
	}
}

// forget gives back an allowed call that ended without saying anything about the other side, such as by our shutdown.
func (b *breaker) forget(term uint64) {
	if term == b.term && b.state == BreakerHalfOpen {
		b.probes--
	}
}

func (b *breaker) count(o outcome) {
	old := &b.window[b.next]
	if b.calls == len(b.window) {
		b.tally(*old, -1)
	} else {
		b.calls++
	}
	*old = o
	b.tally(o, 1)
	b.next = (b.next + 1) % len(b.window)
}

func (b *breaker) tally(o outcome, by int) {
	if o.failed {
		b.failed += by
	}
	if o.slow {
		b.slow += by
	}
}

func (b *breaker) bad() bool {
	n := float64(b.calls)
	return float64(b.failed) >= b.opts.FailRatio*n || float64(b.slow) >= b.opts.SlowRatio*n
}

func (b *breaker) turn(to BreakerState) {
	b.state = to
	b.term++
	b.probes, b.next, b.calls, b.failed, b.slow = 0, 0, 0, 0, 0
}
