package ingest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
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
	clock  clock
	spool  *spool.Spool
	limits *limit.Limiter
	shares *shares
	lanes  [2]laneState
}

// laneState is what waits in a lane and how it drains.
type laneState struct {
	waiting atomic.Int64 // events and rejected items that are durable and not stored
	pacer   pacer
}

func newAdmission(s *spool.Spool, limits *limit.Limiter, c clock) *admission {
	a := &admission{clock: c, spool: s, limits: limits}
	a.shares = newShares(func(partner string) int { return limits.Policy(partner).Weight }, s.Weigh)
	a.lanes[spool.Fair].waiting.Store(s.Waiting())
	return a
}

// admit holds a request of n items back as long as it has to wait, and says which lane it takes. The error is a
// *Problem.
func (a *admission) admit(ctx context.Context, r *Request, n int) (spool.Lane, *Problem) {
	now := time.Now()
	if r.telegram {
		lane := a.lane(r.Partner, n)
		if wait, ok := a.hold(lane, n); ok && !pause(ctx, wait) {
			return lane, unavailable(ctx)
		}
		return lane, nil
	}
	fill := a.spool.Fill()
	policy := a.limits.Policy(r.Partner)
	if fill >= fillFull || fill >= fillBulk && policy.Bulk {
		return 0, &Problem{Status: http.StatusServiceUnavailable, Code: CodeSpoolFull, Detail: "more waits for ClickHouse than there is room for: send again later", RetryAfter: a.roomIn()}
	}
	squeeze := 1.0
	if fill >= fillSqueeze {
		squeeze = 0.5
	}
	if d := a.limits.Take(r.Partner, n, len(r.Body), squeeze, now); !d.OK {
		return 0, limited(&d)
	}
	lane := a.lane(r.Partner, n)
	wait, ok := a.hold(lane, n)
	switch {
	case !ok && lane == spool.Overflow:
		return lane, &Problem{Status: http.StatusTooManyRequests, Code: CodeOverShare, Detail: "ClickHouse is behind and you send more than your share: send again later", RetryAfter: wait}
	case !ok:
		return lane, &Problem{Status: http.StatusServiceUnavailable, Code: CodeOverloaded, Detail: "more comes in than can be stored: send again later", RetryAfter: wait}
	case !pause(ctx, wait):
		return lane, unavailable(ctx)
	}
	return lane, nil
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

func unavailable(ctx context.Context) *Problem {
	return &Problem{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: "the request took too long: send again", RetryAfter: time.Second, Err: ctx.Err()}
}

func (a *admission) lane(partner string, n int) spool.Lane {
	return a.shares.lane(a.clock.now(), partner, n, a.pressure)
}

func (a *admission) hold(lane spool.Lane, n int) (time.Duration, bool) {
	l := &a.lanes[lane]
	return l.pacer.hold(a.clock.now(), n, l.waiting.Load())
}

func (a *admission) pressure() pressure {
	now := a.clock.now()
	fair, overflow := &a.lanes[spool.Fair], &a.lanes[spool.Overflow]
	drain := fair.pacer.drain.rate(now) + overflow.pacer.drain.rate(now)
	waiting := float64(fair.waiting.Load() + overflow.waiting.Load())
	return pressure{behind: drain > 0 && waiting > max(drain/2, paceLeast), drain: drain}
}

// spooled counts what a request has added to a lane.
func (a *admission) spooled(lane spool.Lane, records int) { a.lanes[lane].waiting.Add(int64(records)) }

// stored counts the records of a batch that ClickHouse has taken.
func (a *admission) stored(lane spool.Lane, records int) {
	l := &a.lanes[lane]
	l.waiting.Add(-int64(records))
	l.pacer.stored(a.clock.now(), records)
}

// failed says that ClickHouse did not take a batch.
func (a *admission) failed() {
	for i := range a.lanes {
		a.lanes[i].pacer.failed(a.clock.now())
	}
}

// noDrain is the hint while ClickHouse takes nothing: its writer tries again within five seconds.
const noDrain = 10 * time.Second

// roomIn is when a tenth of the spool will be free at the rate at which it drains, and up to a quarter more, so that
// those who were refused together do not come back together.
func (a *admission) roomIn() time.Duration {
	now := a.clock.now()
	drain := a.lanes[spool.Fair].pacer.drain.rate(now) + a.lanes[spool.Overflow].pacer.drain.rate(now)
	wait := noDrain
	if waiting := a.spool.Waiting(); drain > 0 && waiting > 0 {
		surplus := float64(waiting) * max(0, a.spool.Fill()-(fillBulk-0.05)) / a.spool.Fill()
		wait = time.Duration(surplus / drain * float64(time.Second))
	}
	wait = min(max(wait, time.Second), 5*time.Minute)
	return wait + time.Duration(rand.Int64N(int64(wait)/4+1)) //nolint:gosec // spreads retries, no secret
}
