//go:build linux

package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const (
	stormPartners = 3
	stormRate     = 40              // requests a second that begin, whatever became of those before them
	stormFlying   = 512             // of them at a time; what would begin beyond that is counted as shed
	stormMemory   = 200             // requests that may be posted once more, long after they were answered
	floodBatch    = 20              // items of the batches that fill the spool
	floodBytes    = 12 << 10        // in the payload of each
	resendMost    = 2 * time.Second // between two tries of a request
)

// storm is an open-loop load: its requests begin when the clock says so, single events and batches of several partners,
// with doubles, invalid items and senders that give up. Its ledger is the load's.
type storm struct {
	*load
	ctx context.Context //nolint:containedctx // of the test, for senders

	mu     sync.Mutex // guards r and n: what is sent comes from the seed
	r      *rand.Rand
	n      int
	recent []request

	flying                               chan struct{}
	senders                              sync.WaitGroup
	begun, shed, gaveUp, repeated, twice atomic.Int64
}

// request is a body with the items in it.
type request struct {
	kind, body string
	items      []item
}

func newStorm(t testing.TB, h *house, r *rand.Rand) *storm {
	t.Helper()
	s := &storm{
		load: &load{
			url: "http://" + h.listen + "/v1/events", keys: map[string]string{}, fates: map[item]*fate{}, refused: map[int]int{},
			client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		},
		ctx: t.Context(), r: r, flying: make(chan struct{}, stormFlying),
	}
	for n := range stormPartners {
		s.keys[partnerName(n)] = h.key(t, partnerName(n))
	}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

// blow lets requests begin until calm is called, which waits for those that are on their way.
func (s *storm) blow() (calm func()) {
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		next := time.Now()
		for {
			s.mu.Lock()
			next = next.Add(time.Duration(s.r.ExpFloat64() / stormRate * float64(time.Second)))
			s.mu.Unlock()
			select {
			case <-stop:
				return
			case <-time.After(time.Until(next)):
				s.begin()
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		s.senders.Wait()
	}
}

// begin starts one request, unless too many are waiting for their answers.
func (s *storm) begin() {
	select {
	case s.flying <- struct{}{}:
	default:
		s.shed.Add(1)
		return
	}
	s.begun.Add(1)
	s.mu.Lock()
	q := s.draw()
	patient, senders := s.r.IntN(10) > 0, 1
	if s.r.IntN(6) == 0 {
		senders = 2
		s.twice.Add(1)
	}
	s.mu.Unlock()
	s.senders.Go(func() {
		defer func() { <-s.flying }()
		var all sync.WaitGroup
		for range senders {
			all.Go(func() { s.send(q, patient) })
		}
		all.Wait()
	})
}

// draw makes a request: a new one, or one of those before once more. s.mu is held.
func (s *storm) draw() (q request) {
	if len(s.recent) > 0 && s.r.IntN(12) == 0 {
		s.repeated.Add(1)
		return s.recent[s.r.IntN(len(s.recent))]
	}
	partner := partnerName(s.r.IntN(stormPartners))
	if s.r.IntN(3) > 0 {
		q.kind = "application/json"
		q.add(s.item(partner))
	} else {
		q.kind = "application/x-ndjson"
		good, _ := s.good(partner, 0)
		q.add(good, event(good.id))
		for range s.r.IntN(40) {
			q.add(s.item(partner))
		}
		if s.r.IntN(2) == 0 { // the first one twice in the same body
			q.add(good, event(good.id))
		}
	}
	if len(s.recent) == stormMemory {
		s.recent = slices.Delete(s.recent, 0, 1)
	}
	s.recent = append(s.recent, q)
	return q
}

func (q *request) add(it item, body string) {
	if q.body != "" {
		q.body += "\n"
	}
	q.items, q.body = append(q.items, it), q.body+body
}

func (s *storm) item(partner string) (item, string) {
	switch n := s.r.IntN(40); {
	case n < 3:
		s.n++
		bad := item{partner, fmt.Sprintf("bad-%07d", s.n), true}
		return bad, badEvent(bad.id)
	case n == 3:
		return s.good(partner, 4<<10)
	default:
		return s.good(partner, 0)
	}
}

// good is an event, with so many bytes in its payload. Several partners use the same ids.
func (s *storm) good(partner string, bytes int) (item, string) {
	s.n++
	it := item{partner: partner, id: fmt.Sprintf("t-%07d", s.n)}
	if s.n%3 == 0 {
		it.id = fmt.Sprintf("%s-%07d", "same", s.n/9)
	}
	if bytes == 0 {
		return it, event(it.id)
	}
	return it, fmt.Sprintf(`{"id":%q,"type":"torture.large","lead":{"chat_id":%s},"payload":{"start_param":%q,"filler":%q}}`,
		it.id, chatID, it.id, strings.Repeat("x", bytes))
}

// send posts a request until it is acknowledged; an impatient sender tries once, and may hang up before the answer.
func (s *storm) send(q request, patient bool) {
	ctx := s.ctx
	if !patient {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
	}
	for wait := 25 * time.Millisecond; !s.try(ctx, q.kind, q.items, q.body); wait = min(2*wait, resendMost) {
		if !patient {
			s.gaveUp.Add(1)
			return
		}
		s.load.mu.Lock()
		s.retries++
		s.load.mu.Unlock()
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait/2 + rand.N(wait/2)):
		}
	}
}

// flood posts large batches, each of them once, until Leadline has refused one for want of room.
func (s *storm) flood() bool {
	before := s.busy()
	return within(patience, func() bool {
		q := request{kind: "application/x-ndjson"}
		s.mu.Lock()
		partner := partnerName(s.r.IntN(stormPartners))
		for range floodBatch {
			q.add(s.good(partner, floodBytes))
		}
		s.mu.Unlock()
		s.begun.Add(1)
		if !s.try(s.ctx, q.kind, q.items, q.body) {
			s.gaveUp.Add(1)
		}
		return s.busy() > before
	})
}

// busy is how many requests were refused because there was no room.
func (s *storm) busy() int {
	s.load.mu.Lock()
	defer s.load.mu.Unlock()
	return s.refused[http.StatusServiceUnavailable]
}
