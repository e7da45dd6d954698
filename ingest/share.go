package ingest

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"leadline/ingest/spool"
)

// shares decides which lane a partner's events take. While ClickHouse keeps up everybody takes the fair lane. When it
// falls behind, its rate is shared out max-min fairly by weight: who asks for less than a share gets all of it, and
// what is left is shared among the others (Bertsekas & Gallager, Data Networks, 6.5.2). A partner above its share
// takes the overflow lane, so that it waits behind itself only.
type shares struct {
	weigh  func(fair, overflow int)
	weight func(partner string) int

	crowded atomic.Bool // somebody takes the overflow lane

	mu       sync.Mutex
	partners map[string]*share
	due      time.Duration // of the next look
	last     time.Duration
}

type share struct {
	name     string
	count    int     // since the last look
	rate     float64 // events a second, smoothed over about two looks
	weight   float64
	overflow time.Duration // until when it takes the overflow lane
}

const (
	shareLook   = 125 * time.Millisecond
	shareStays  = 5 * time.Second // in the overflow lane after it was last found above its share
	shareSlack  = 1.1             // above its share by a tenth is not above
	shareActive = 1.0             // events a second that make a partner count

	// What waits usually is what came in a quarter of a second (Options.MinAge), which at full load is a quarter of what
	// is stored in one. Nobody is moved as long as four fifths of the capacity suffice for what is asked, however much waits.
	shareBacklog = 0.3 // seconds of work
	shareLeast   = 2_000
)

func newShares(weight func(partner string) int, weigh func(fair, overflow int)) *shares {
	return &shares{weigh: weigh, weight: weight, partners: map[string]*share{}}
}

// lane counts n events of a partner and says which lane they take. state is asked at each look.
func (s *shares) lane(now time.Duration, partner string, n int, state func() pressure) spool.Lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.partners[partner]
	if p == nil {
		p = &share{name: partner, weight: float64(max(1, s.weight(partner)))}
		s.partners[partner] = p
	}
	p.count += n
	if now >= s.due {
		s.look(now, state())
	}
	if now < p.overflow {
		return spool.Overflow
	}
	return spool.Fair
}

// of is the lane that a partner's events take now.
func (s *shares) of(now time.Duration, partner string) spool.Lane {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.partners[partner]; p != nil && now < p.overflow {
		return spool.Overflow
	}
	return spool.Fair
}

// waits says that a partner had to wait in the overflow lane, or was refused there: with all that it asks for it would be
// moved again as soon as it came back.
func (s *shares) waits(now time.Duration, partner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.partners[partner]; p != nil && now < p.overflow {
		p.overflow = now + shareStays
	}
}

// pressure is how the way to ClickHouse is doing.
type pressure struct {
	behind bool    // so much waits that somebody may have to make room
	drain  float64 // events a second to share out: most of what ClickHouse takes
}

// look measures everybody's rate and, where ClickHouse is behind, finds who is above a share.
func (s *shares) look(now time.Duration, state pressure) {
	span := (now - s.last).Seconds()
	s.last, s.due = now, now+shareLook
	active := make([]*share, 0, len(s.partners))
	for name, p := range s.partners {
		p.rate = (p.rate + float64(p.count)/max(span, shareLook.Seconds())) / 2
		p.count = 0
		switch {
		case p.rate >= shareActive:
			active = append(active, p)
		case p.rate < shareActive/1000 && now >= p.overflow:
			delete(s.partners, name)
		}
	}
	if state.behind && len(active) > 1 {
		level := fairLevel(active, state.drain)
		modest := func(p *share) bool { return p.rate <= level*p.weight }
		for _, p := range active {
			if p.rate > shareSlack*level*p.weight && slices.ContainsFunc(active, modest) { // else there is nobody to make room for
				p.overflow = now + shareStays
			}
		}
	}
	fair, overflow := 0.0, 0.0
	for _, p := range active {
		if now < p.overflow {
			overflow += p.weight
		} else {
			fair += p.weight
		}
	}
	s.crowded.Store(overflow > 0)
	s.weigh(max(1, int(fair)), max(1, int(overflow)))
}

// fairLevel is the rate per weight at which a capacity is used up, when nobody gets more than it asks for. It sorts the
// shares by what they ask for per weight.
func fairLevel(all []*share, capacity float64) float64 {
	slices.SortFunc(all, func(a, b *share) int { return cmp.Compare(a.rate/a.weight, b.rate/b.weight) })
	weights := 0.0
	for _, p := range all {
		weights += p.weight
	}
	for _, p := range all {
		if p.rate/p.weight > capacity/weights {
			break
		}
		capacity -= p.rate
		weights -= p.weight
	}
	if weights <= 0 {
		return all[len(all)-1].rate / all[len(all)-1].weight
	}
	return capacity / weights
}
