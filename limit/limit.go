package limit

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Policy is what a partner may send. A zero field limits nothing.
type Policy struct {
	Rate     float64 // events a second
	Burst    int     // events at once; with a Rate at least 1
	Bytes    float64 // decompressed bytes a second; a burst of four seconds, at least one whole request
	InFlight int     // requests at once
	Daily    int64   // events from midnight to midnight UTC
	Weight   int     // share beside the other partners' while ClickHouse is behind, at least 1
	Bulk     bool    // first to be refused when the spool fills
}

// byteBurst is what may come at once under a rate of bytes: never less than the largest request there is.
func (p *Policy) byteBurst() float64 { return max(4*p.Bytes, 16<<20) }

func (p *Policy) limitsNothing() bool {
	return p.Rate == 0 && p.Bytes == 0 && p.InFlight == 0 && p.Daily == 0
}

// Codes of a Decision.
const (
	CodeRateLimited    = "rate_limited"    // too many events or bytes for now
	CodeQuotaExhausted = "quota_exhausted" // too many events for the day
	CodeOverBurst      = "over_burst"      // more events in one request than ever fit: split it
)

// Decision says whether a request may be taken. RetryAfter is exact: the same request is taken then, if nothing else
// of its partner is before. It is 0 for CodeOverBurst, which no wait helps. Limit, Remaining and Reset are those of the
// limit that refused, or of the events: what fits at once, what still fits, and when all of it does again.
type Decision struct {
	OK               bool
	Code             string
	RetryAfter       time.Duration
	Limit, Remaining int
	Reset            time.Duration
}

// State is where a partner stands. A field whose limit the policy has not is 0.
type State struct {
	Events     int           // events that may come at once
	EventReset time.Duration // until a whole burst may
	Bytes      int64         // bytes that may come at once
	InFlight   int           // requests under way
	Today      int64         // events taken since midnight UTC
}

// maxPartners bounds the memory to a few MiB. Partners come from living keys, so it is a bound on mistakes.
const maxPartners = 10_000

// Limiter keeps the state of every partner. Its methods may be called from many goroutines.
type Limiter struct {
	def      Policy
	policies map[string]Policy
	most     int

	mu       sync.RWMutex
	partners map[string]*partner
	unkept   atomic.Int64
}

type partner struct {
	policy   Policy
	inFlight atomic.Int64
	end      func() // of Begin, made once

	mu            sync.Mutex
	events, bytes bucket
	day           int64 // since 1970, of today
	today         int64
}

// New makes a limiter: def is the policy of whoever partners does not name.
func New(def Policy, partners map[string]Policy) *Limiter {
	return &Limiter{def: def, policies: partners, most: maxPartners, partners: map[string]*partner{}}
}

// Policy is a partner's.
func (l *Limiter) Policy(name string) Policy {
	if p, ok := l.policies[name]; ok {
		return p
	}
	return l.def
}

// Unkept counts the requests that were taken unlimited because there were more partners than memory is kept for.
func (l *Limiter) Unkept() int64 { return l.unkept.Load() }

// of is the state of a partner, nil where nothing limits it, or where there is no room to keep its state: the intake
// fails open, since a lead that is refused may be lost and one too many is not.
func (l *Limiter) of(name string, now time.Time) *partner {
	l.mu.RLock()
	p := l.partners[name]
	l.mu.RUnlock()
	if p != nil {
		return p
	}
	policy := l.Policy(name)
	if policy.limitsNothing() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.partners[name]; p != nil {
		return p
	}
	if len(l.partners) >= l.most {
		l.evict(now)
	}
	if len(l.partners) >= l.most {
		l.unkept.Add(1)
		return nil
	}
	p = &partner{policy: policy}
	p.end = func() { p.inFlight.Add(-1) }
	l.partners[name] = p
	return p
}

// evict forgets the partners whose state is that of one who never sent anything.
func (l *Limiter) evict(now time.Time) {
	at := now.UnixNano()
	for name, p := range l.partners {
		p.mu.Lock()
		idle := p.events.now(p.policy.Rate, at) == 0 && p.bytes.now(p.policy.Bytes, at) == 0 &&
			(p.today == 0 || p.day != dayOf(now)) && p.inFlight.Load() == 0
		p.mu.Unlock()
		if idle {
			delete(l.partners, name)
		}
	}
}

// Take admits a request of so many events and decompressed bytes, wholly or not at all. squeeze is the share of the
// burst that counts: 1, or less while the spool fills. A batch larger than the squeezed burst still gets in once its
// partner has been quiet for long enough, as long as the burst itself holds it.
func (l *Limiter) Take(name string, events, bytes int, squeeze float64, now time.Time) Decision {
	p := l.of(name, now)
	if p == nil {
		return Decision{OK: true}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.refuse(events, bytes, squeeze, now)
	if d.OK {
		p.charge(events, bytes, now)
		d.Remaining, d.Reset = p.room(now)
	}
	return d
}

// Peek says what Take would, without taking anything: what is refused anyway need not be decompressed.
func (l *Limiter) Peek(name string, events, bytes int, now time.Time) Decision {
	p := l.of(name, now)
	if p == nil {
		return Decision{OK: true}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.refuse(events, bytes, 1, now)
}

// refuse finds the limit that refuses a request, the one that refuses it longest.
func (p *partner) refuse(events, bytes int, squeeze float64, now time.Time) Decision {
	at := now.UnixNano()
	d := Decision{OK: true}
	if most := p.policy.Daily; most > 0 && int64(events) > most {
		return Decision{Code: CodeOverBurst, Limit: clamp(most), Remaining: clamp(most - p.countOf(now)), Reset: untilMidnight(now)}
	}
	if r := p.policy.Rate; r > 0 {
		n, whole := float64(events), float64(p.policy.Burst)
		d.Limit = p.policy.Burst
		d.Remaining, d.Reset = p.room(now)
		if n > whole {
			d.OK, d.Code = false, CodeOverBurst
			return d
		}
		burst := min(whole, max(whole*squeeze, n))
		if wait := p.events.wait(n, r, burst, at); wait > 0 {
			d.OK, d.Code, d.RetryAfter = false, CodeRateLimited, wait
		}
	}
	if r := p.policy.Bytes; r > 0 {
		n, whole := float64(bytes), p.policy.byteBurst()
		burst := min(whole, max(whole*squeeze, n))
		if wait := p.bytes.wait(min(n, whole), r, burst, at); wait > d.RetryAfter {
			left := max(0, whole-p.bytes.now(r, at))
			d = Decision{Code: CodeRateLimited, RetryAfter: wait, Limit: int(whole), Remaining: int(left), Reset: seconds((whole - left) / r)}
		}
	}
	if most := p.policy.Daily; most > 0 {
		if left := most - p.countOf(now); int64(events) > left {
			midnight := untilMidnight(now)
			d = Decision{Code: CodeQuotaExhausted, RetryAfter: max(midnight, d.RetryAfter), Limit: clamp(most), Remaining: clamp(max(0, left)), Reset: midnight}
		}
	}
	return d
}

func (p *partner) charge(events, bytes int, now time.Time) {
	at := now.UnixNano()
	if r := p.policy.Rate; r > 0 {
		p.events.add(float64(events), r, at)
	}
	if r := p.policy.Bytes; r > 0 {
		p.bytes.add(min(float64(bytes), p.policy.byteBurst()), r, at)
	}
	if p.policy.Daily > 0 {
		p.today = p.countOf(now) + int64(events)
		p.day = max(p.day, dayOf(now))
	}
}

// room is how many events may come at once and when a whole burst may.
func (p *partner) room(now time.Time) (int, time.Duration) {
	if p.policy.Rate == 0 {
		return 0, 0
	}
	level := p.events.now(p.policy.Rate, now.UnixNano())
	return int(max(0, math.Floor(float64(p.policy.Burst)-level+tolerance))), seconds(level / p.policy.Rate)
}

func (p *partner) countOf(now time.Time) int64 {
	if dayOf(now) > p.day {
		return 0
	}
	return p.today
}

// Begin counts a request in. Where ok, end counts it out and is called once; else the partner has as many under way
// as it may.
func (l *Limiter) Begin(name string, now time.Time) (end func(), ok bool) {
	p := l.of(name, now)
	if p == nil {
		return nothing, true
	}
	if n := p.inFlight.Add(1); p.policy.InFlight > 0 && n > int64(p.policy.InFlight) {
		p.inFlight.Add(-1)
		return nothing, false
	}
	return p.end, true
}

func nothing() {}

// State is where a partner stands now.
func (l *Limiter) State(name string, now time.Time) State {
	p := l.of(name, now)
	if p == nil {
		return State{}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := State{InFlight: int(p.inFlight.Load())}
	s.Events, s.EventReset = p.room(now)
	if r := p.policy.Bytes; r > 0 {
		s.Bytes = int64(p.policy.byteBurst() - p.bytes.now(r, now.UnixNano()))
	}
	if p.policy.Daily > 0 {
		s.Today = p.countOf(now)
	}
	return s
}

const day = 24 * time.Hour

func dayOf(t time.Time) int64 { return t.Unix() / int64(day/time.Second) }

func untilMidnight(now time.Time) time.Duration {
	return now.UTC().Truncate(day).Add(day).Sub(now)
}

func clamp(n int64) int { return int(min(n, math.MaxInt)) }
