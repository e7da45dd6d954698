package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"
)

// load is one run against one address. Rate 0 is a closed loop: every connection posts again as soon as it has its
// answer, or 20 ms after a refusal. Otherwise requests are due at fixed times and go out on the next free connection; latency counts from when a
// request was due, so that a stalled server cannot hide behind a stalled generator. What is due and still waits for a
// free connection at the end counts with the time that it has waited.
type load struct {
	Addr   string
	Shape  shape
	Conns  int
	Events int     // in one request
	Rate   float64 // requests a second
	For    time.Duration
	Cuts   []time.Duration // the results are kept apart by when a request was due, at these times
	Keep   bool            // keep the ids of what was acknowledged, for an open loop
}

// result of a load. Its counts are of requests.
type result struct {
	Run      int // begins the ids, see idPrefix
	Took     time.Duration
	CPU      time.Duration // of the generator
	Parts    []part        // one more than cuts
	Statuses map[int]int64
	Late     latencies // how long after it was due a request went out
	Ids      []uint64  // the first counter of each acknowledged request: the others follow it
	Err      error     // the last of those requests that were not acknowledged
}

type part struct {
	Acked   int64 // 2xx
	Refused int64 // 429, 503: the server asks for less
	Failed  int64 // any other answer, and none
	Unsent  int64 // due, but no connection was free until the end
	Latency latencies
}

// total is all parts together.
func (r *result) total() (all part) {
	for i := range r.Parts {
		p := &r.Parts[i]
		all.Acked += p.Acked
		all.Refused += p.Refused
		all.Failed += p.Failed
		all.Unsent += p.Unsent
		all.Latency.merge(&p.Latency)
	}
	return all
}

// requests that went out.
func (p *part) requests() int64 { return p.Acked + p.Refused + p.Failed }

var runs atomic.Int64

// run drives the load. A load of which nothing was acknowledged is an error.
func (l load) run(ctx context.Context) (*result, error) {
	r := &result{Run: int(runs.Add(1)), Parts: make([]part, len(l.Cuts)+1), Statuses: map[int]int64{}}
	g, err := newGenerator(l, r)
	if err != nil {
		return nil, err
	}
	defer g.close()
	if err := g.run(ctx); err != nil {
		return nil, err
	}
	if all := r.total(); all.Acked == 0 {
		return nil, fmt.Errorf("none of %d requests was acknowledged: %w", all.requests(), r.Err)
	}
	return r, ctx.Err()
}

// part of the results that a request belongs to.
func (l *load) part(r *result, due time.Duration) *part {
	i := 0
	for i < len(l.Cuts) && due >= l.Cuts[i] {
		i++
	}
	return &r.Parts[i]
}

// due is when request n of an open loop is due.
func (l *load) due(n int64) time.Duration {
	return time.Duration(float64(n) / l.Rate * float64(time.Second))
}

// answered counts one request; err is of the connection.
func (l *load) answered(r *result, a answer, first uint64, due, now time.Duration, err error) {
	p := l.part(r, due)
	if err == nil {
		r.Statuses[a.status]++
		if a.status >= 300 {
			err = fmt.Errorf("status %d: %.200s", a.status, a.body)
		}
	}
	switch {
	case err == nil:
		p.Acked++
		p.Latency.add(now - due)
		if l.Keep {
			r.Ids = append(r.Ids, first)
		}
		return
	case a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable:
		p.Refused++
	default:
		p.Failed++
	}
	r.Err = err
}

// unsent counts what was due before the end and never went out.
func (l *load) unsent(r *result, n int64) {
	for ; l.Rate > 0 && l.due(n) < l.For; n++ {
		p := l.part(r, l.due(n))
		p.Unsent++
		p.Latency.add(l.For - l.due(n))
	}
}

var errUnanswered = errors.New("no answer within 30 seconds")

const hexDigits = "0123456789abcdef"

func putCounter(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = hexDigits[n&15]
		n >>= 4
	}
}

func waitUntil(ctx context.Context, due time.Time) bool {
	d := time.Until(due)
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
