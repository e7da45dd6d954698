package ingest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"leadline/ingest/spool"
	"leadline/limit"
)

// The ladder: how full the spool may be before something gives way.
const (
	fillShed    = 0.60 // nobody waits for ClickHouse any more: ?wait is answered as if it had not been asked
	fillSqueeze = 0.75 // bursts count half
	fillBulk    = 0.85 // partners of priority bulk are refused
	fillFull    = 0.95 // everybody is, but Telegram, whose way to catch up is one slow connection a bot
)

// admission decides whether, when and by which lane a request goes on to the spool.
type admission struct {
	clock   clock
	spool   *spool.Spool
	limits  *limit.Limiter
	shares  *shares
	drain   drain
	pacers  [2]pacer
	waiting [2]atomic.Int64 // events and rejected items that are durable and not stored, by lane
	weights atomic.Uint64   // of the lanes: fair in the upper half, overflow in the lower
	size    atomic.Int64    // bytes an item of the newest requests
	held    atomic.Int64    // bytes of the bodies that are held back
	cooling atomic.Int64    // and of those that are to be refused
	large   chan struct{}   // a place for each large body that may be decoded at once
}

const (
	largeBody = 64 << 10
	firstSize = 512
)

func newAdmission(s *spool.Spool, limits *limit.Limiter, c clock) *admission {
	a := &admission{clock: c, spool: s, limits: limits, large: make(chan struct{}, runtime.GOMAXPROCS(0))}
	a.size.Store(firstSize)
	a.shares = newShares(func(partner string) int { return limits.Policy(partner).Weight }, func(fair, overflow int) {
		a.weights.Store(uint64(fair)<<32 | uint64(overflow))
		s.Weigh(fair, overflow)
	})
	a.weights.Store(1<<32 | 1)
	a.waiting[spool.Fair].Store(s.Waiting())
	return a
}

// enter holds a request back as long as it has to wait, or refuses it, before anybody decodes it: under twice the load
// that can be stored, decoding what was refused cost two fifths of what was stored, and what was held held memory twice.
// How many items it has is guessed by its size. Large bodies are decoded one a core; leave makes room for the next.
func (a *admission) enter(ctx context.Context, r *Request) (leave func(), problem *Problem) {
	fill := a.spool.Fill()
	if !r.telegram && (fill >= fillFull || fill >= fillBulk && a.limits.Policy(r.Partner).Bulk) {
		return nil, &Problem{Status: http.StatusServiceUnavailable, Code: CodeSpoolFull, Detail: "more waits to be stored than there is room for: send again later", RetryAfter: a.roomIn()}
	}
	now := a.clock.now()
	n := 1 + len(r.Body)/int(a.size.Load())
	lane := a.shares.lane(now, r.Partner, n, a.pressure) // counts what is refused, too: who is held back still asks for it
	wait, ok := a.hold(now, lane, n)
	if wait > 0 && lane == spool.Overflow {
		a.shares.waits(now, r.Partner)
	}
	switch {
	case !ok && !r.telegram:
		a.cool(ctx, lane, int64(len(r.Body)), wait)
		return nil, behind(lane, wait)
	case !ok:
		wait = maxHold
	}
	if wait > 0 {
		a.held.Add(int64(len(r.Body)))
		in := pause(ctx, wait)
		a.held.Add(-int64(len(r.Body)))
		if !in {
			return nil, tooLong(ctx)
		}
		r.Received = time.Now() // the stage receive ends with the hold, which is one of the limits
	}
	if len(r.Body) < largeBody {
		return func() {}, nil
	}
	select {
	case a.large <- struct{}{}:
		return func() { <-a.large }, nil
	case <-ctx.Done():
		return nil, tooLong(ctx)
	}
}

// cool lets a sender above its share wait for its refusal, as long as that holds little memory: one that comes again at once
// takes from the others the CPU that its bodies are read with, for nothing.
func (a *admission) cool(ctx context.Context, lane spool.Lane, body int64, wait time.Duration) {
	if lane != spool.Overflow || a.cooling.Load() > littleHeld {
		return
	}
	a.cooling.Add(body)
	pause(ctx, min(wait, maxHold))
	a.cooling.Add(-body)
}

// admit says which lane a request of n items takes, if its partner may send as many.
func (a *admission) admit(r *Request, n int) (spool.Lane, *Problem) {
	if n > 1 {
		a.size.Store(int64(max(64, len(r.Body)/n)))
	}
	if !r.telegram {
		squeeze := 1.0
		if a.spool.Fill() >= fillSqueeze {
			squeeze = 0.5
		}
		if d := a.limits.Take(r.Partner, n, len(r.Body), squeeze, time.Now()); !d.OK {
			return 0, limited(&d)
		}
	}
	return a.shares.of(a.clock.now(), r.Partner), nil
}

func tooLong(ctx context.Context) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: "the request took too long: send again", RetryAfter: time.Second, Err: ctx.Err()}
}

// limited says in words which limit of a partner refused.
func limited(d *limit.Decision) *Problem {
	p := &Problem{Status: http.StatusTooManyRequests, Code: d.Code, RetryAfter: d.RetryAfter, Detail: "the partner sends faster than its rate: send again after Retry-After"}
	switch d.Code {
	case limit.CodeQuotaExhausted:
		p.Detail = "the partner's quota of the day is used up: send again after midnight UTC"
	case limit.CodeOverBurst:
		p.Status = http.StatusRequestEntityTooLarge
		p.Detail = fmt.Sprintf("more events than the partner may send at once: send at most %d a request", d.Limit)
	}
	return p
}

// behind says that ClickHouse is, and who has to wait for it.
func behind(lane spool.Lane, wait time.Duration) *Problem {
	if lane == spool.Overflow {
		return &Problem{Status: http.StatusTooManyRequests, Code: CodeOverShare, Detail: "storage is behind and you send more than your share: send again later", RetryAfter: wait}
	}
	return &Problem{Status: http.StatusServiceUnavailable, Code: CodeOverloaded, Detail: "more comes in than can be stored: send again later", RetryAfter: wait}
}

func (a *admission) hold(now time.Duration, lane spool.Lane, n int) (time.Duration, bool) {
	rates, known := a.drain.rates(now)
	if !known {
		return 0, true
	}
	rate := a.capacity(lane, rates)
	limit := 0.0
	if a.drain.measured() >= paceTells {
		backlog := paceBacklog
		if a.shares.crowded.Load() {
			backlog = paceCrowded
		}
		limit = pace(rate, a.waiting[lane].Load(), backlog)
	}
	if lane == spool.Overflow && limit == 0 {
		limit = rate // always: a backlog of theirs would keep every core busy, and the others waiting for one
	}
	most := maxHold
	if lane == spool.Fair && a.held.Load() < littleHeld {
		most = longHold
	}
	return a.pacers[lane].hold(now, n, limit, most)
}

// headroom is the part of the capacity that is not shared out and that the overflow lane leaves unused, because the others'
// waits grow without bound as the last of it is used up.
const headroom = 0.2

// capacity is how many events a second a lane could drain: what the other one leaves, and at least its weight's part.
// What it does drain would be no measure, for that is what was let in.
func (a *admission) capacity(lane spool.Lane, rates [2]float64) float64 {
	all := rates[spool.Fair] + rates[spool.Overflow]
	weights := a.weights.Load()
	part := float64(weights>>32) / float64(weights>>32+weights&(1<<32-1))
	if lane == spool.Overflow {
		return max(all*(1-part), all*(1-headroom)-rates[spool.Fair])
	}
	return max(all*part, rates[lane])
}

func (a *admission) pressure() pressure {
	rates, known := a.drain.rates(a.clock.now())
	all := rates[spool.Fair] + rates[spool.Overflow]
	waiting := float64(a.waiting[spool.Fair].Load() + a.waiting[spool.Overflow].Load())
	return pressure{behind: known && waiting > max(all*shareBacklog, shareLeast), drain: all * (1 - headroom)}
}

// spooled counts what a request has added to a lane.
func (a *admission) spooled(lane spool.Lane, records int) { a.waiting[lane].Add(int64(records)) }

// stored counts the records of a batch that ClickHouse has taken, on which work began at a moment.
func (a *admission) stored(lane spool.Lane, records int, begin time.Duration) {
	a.waiting[lane].Add(-int64(records))
	a.drain.stored(lane, records, begin, a.clock.now())
}

// failed says that ClickHouse did not take a batch.
func (a *admission) failed() { a.drain.failed(a.clock.now()) }

// noDrain is the hint while ClickHouse takes nothing: its writer tries again within five seconds.
const noDrain = 10 * time.Second

// roomIn is when a fifth of the spool will be free at the rate at which it drains, and up to a quarter more, so that
// those who were refused together do not come back together.
func (a *admission) roomIn() time.Duration {
	wait := noDrain
	if rates, known := a.drain.rates(a.clock.now()); known {
		fill := max(a.spool.Fill(), 0.01)
		surplus := float64(a.spool.Waiting()) * max(0, fill-0.8) / fill
		wait = time.Duration(surplus / (rates[spool.Fair] + rates[spool.Overflow]) * float64(time.Second))
	}
	wait = min(max(wait, time.Second), 5*time.Minute)
	return wait + time.Duration(rand.Int64N(int64(wait)/4+1)) //nolint:gosec // spreads retries, no secret
}
