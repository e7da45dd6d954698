package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"
)

// fairness is what nine partners see when the tenth sends many times its share, and all together more than Leadline can
// store.
type fairness struct {
	Capacity    float64    // events a second
	Ack, E2E    [2]float64 // the nine partners' p95 in ms, before and while the tenth is loud
	Refused     float64    // share of the nine partners' requests while it is
	LoudRefused float64    // and of the loud one's
	LoudAcked   float64    // its events a second
}

const (
	fairPartners = 10
	fairEvents   = 100  // a request
	fairShare    = 0.05 // of the capacity, each: 0.5 in all, which has to be calm, then 0.45 + 0.7
	loudFactor   = 14
	fairLength   = 4 // loads: the moment in which the loud one is found out is no twentieth of it
)

func measureFairness(ctx context.Context, o *options, _ *run) (any, error) {
	dir, err := o.folder()
	if err != nil {
		return nil, err
	}
	s, leadline, err := startEmbedded(ctx, o, dir, fairEvents)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	loads := make([]load, fairPartners)
	for i := range loads {
		key, err := leadline.createKey(ctx, o.binary, fmt.Sprintf("partner%d", i))
		if err != nil {
			return nil, err
		}
		loads[i] = load{Addr: s.addr, Shape: leadlineShape(key, fairEvents), Conns: 16, Events: fairEvents, For: fairLength * o.seconds}
	}
	most, err := s.measure(ctx, load{Addr: s.addr, Shape: s.shape, Conns: 32, Events: fairEvents, For: o.seconds})
	if err != nil {
		return nil, err
	}
	for i := range loads {
		loads[i].Rate = most.Stored * fairShare / fairEvents
	}
	out := &fairness{Capacity: most.Stored}
	for phase := range 2 {
		if err := s.settle(ctx); err != nil {
			return nil, err
		}
		if phase == 1 {
			loads[0].Rate *= loudFactor
			loads[0].Conns *= loudFactor
		}
		began := time.Now()
		results, err := together(ctx, s, loads)
		if err != nil {
			return nil, err
		}
		var others part
		for _, r := range results[1:] {
			all := r.total()
			others.Latency.merge(&all.Latency)
			others.Acked += all.Acked
			others.Refused += all.Refused + all.Failed
		}
		loud := results[0].total()
		out.Refused = float64(others.Refused) / float64(max(others.requests(), 1))
		out.LoudRefused, out.LoudAcked = float64(loud.Refused)/float64(max(loud.requests(), 1)), float64(loud.Acked*fairEvents)/loads[0].For.Seconds()
		out.Ack[phase] = others.Latency.at(.95).Seconds() * 1000
		if out.E2E[phase], err = leadline.othersE2E(ctx, began); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// together runs the loads at the same time and waits until everything is stored.
func together(ctx context.Context, s *subject, loads []load) ([]*result, error) {
	m, err := s.meter(ctx)
	if err != nil {
		return nil, err
	}
	results, errs := make([]*result, len(loads)), make([]error, len(loads))
	var all sync.WaitGroup
	for i := range loads {
		all.Go(func() { results[i], errs[i] = loads[i].run(ctx) })
	}
	all.Wait()
	var acked int64
	for i, r := range results {
		if errs[i] != nil {
			return nil, fmt.Errorf("partner%d: %w", i, errs[i])
		}
		total := r.total()
		acked += total.Acked * int64(loads[i].Events)
	}
	return results, m.wait(ctx, acked)
}

// othersE2E is the p95, in ms, from the first byte to ClickHouse, of the partners that are not loud.
func (l *embeddedLeadline) othersE2E(ctx context.Context, since time.Time) (float64, error) {
	text, err := l.db.query(ctx, fmt.Sprintf("SELECT quantileExact(0.95)(e2e_us) / 1000 FROM leadline.events WHERE received_at >= fromUnixTimestamp64Micro(%d) AND startsWith(partner, 'partner') AND partner != 'partner0'", since.UnixMicro()))
	if err != nil {
		return 0, err
	}
	return strconv.ParseFloat(text, 64)
}
