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
	clock   clock
	spool   *spool.Spool
	limits  *limit.Limiter
	shares  *shares
	drain   drain
	pacers  [2]pacer
	waiting [2]atomic.Int64 // events and rejected items that are durable and not stored, by lane
}

func newAdmission(s *spool.Spool, limits *limit.Limiter, c clock) *admission {
	a := &admission{clock: c, spool: s, limits: limits}
	a.shares = newShares(func(partner string) int { return limits.Policy(partner).Weight }, s.Weigh)
	a.waiting[spool.Fair].Store(s.Waiting())
	return a
}

// look refuses what would be refused anyway, before anybody decodes it: under twice the load that can be stored,
// decoding what is refused cost two fifths of what was stored.
func (a *admission) look(r *Request) *Problem {
	if r.telegram {
		return nil
	}
	fill := a.spool.Fill()
	if fill >= fillFull || fill >= fillBulk && a.limits.Policy(r.Partner).Bulk {
		return &Problem{Status: http.StatusServiceUnavailable, Code: CodeSpoolFull, Detail: "more waits for ClickHouse than there is room for: send again later", RetryAfter: a.roomIn()}
	}
	now := a.clock.now()
	lane := a.shares.of(now, r.Partner)
	if wait, ok := a.hold(now, lane, 0); !ok {
		return behind(lane, wait)
	}
	return nil
}

// admit holds a request of n items back as long as it has to wait, and says which lane it takes.
func (a *admission) admit(ctx context.Context, r *Request, n int) (spool.Lane, *Problem) {
	now := a.clock.now()
	if !r.telegram {
		squeeze := 1.0
		if a.spool.Fill() >= fillSqueeze {
			squeeze = 0.5
		}
		if d := a.limits.Take(r.Partner, n, len(r.Body), squeeze, time.Now()); !d.OK {
			return 0, limited(&d)
		}
	}
	lane := a.shares.lane(now, r.Partner, n, a.pressure)
	wait, ok := a.hold(now, lane, n)
	if !ok && !r.telegram {
		return lane, behind(lane, wait)
	}
	if !pause(ctx, min(wait, maxHold)) {
		return lane, &Problem{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: "the request took too long: send again", RetryAfter: time.Second, Err: ctx.Err()}
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

// behind says that ClickHouse is, and who has to wait for it.
func behind(lane spool.Lane, wait time.Duration) *Problem {
	if lane == spool.Overflow {
		return &Problem{Status: http.StatusTooManyRequests, Code: CodeOverShare, Detail: "ClickHouse is behind and you send more than your share: send again later", RetryAfter: wait}
	}
	return &Problem{Status: http.StatusServiceUnavailable, Code: CodeOverloaded, Detail: "more comes in than can be stored: send again later", RetryAfter: wait}
}

func (a *admission) hold(now time.Duration, lane spool.Lane, n int) (time.Duration, bool) {
	rates, known := a.drain.rates(now)
	if !known {
		return 0, true
	}
	return a.pacers[lane].hold(now, n, pace(rates[lane], a.waiting[lane].Load()))
}

func (a *admission) pressure() pressure {
	rates, known := a.drain.rates(a.clock.now())
	all := rates[spool.Fair] + rates[spool.Overflow]
	waiting := float64(a.waiting[spool.Fair].Load() + a.waiting[spool.Overflow].Load())
	return pressure{behind: known && waiting > max(all/2, paceLeast), drain: all}
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
