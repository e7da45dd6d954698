package main

import (
	"context"
	"fmt"
)

// overload is twice the load that Leadline can store, a thousand a request.
type overload struct {
	Due, Acked, Stored float64    // events a second
	Refused, Unsent    float64    // shares of what was due
	Ack                [3]float64 // p50, p95, p99 in ms
	Peak               float64    // bytes of resident memory, by the kernel's high-water mark
	Flat               float64    // peak of the second half over that of the first
	Waiting            float64    // acknowledged events that were not stored when patience ended
}

const overloadFactor = 2

func measureOverload(ctx context.Context, o *options, r *run) (any, error) {
	dir, err := o.folder()
	if err != nil {
		return nil, err
	}
	const events = 1000
	s, _, err := startEmbedded(ctx, o, dir, events)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	l := load{Addr: s.addr, Shape: s.shape, Conns: conns(events), Events: events, For: o.seconds}
	ours, _ := r.pair("leadline", events)
	sustained := ours.Full.Stored
	if sustained == 0 {
		f, err := s.measure(ctx, l)
		if err != nil {
			return nil, err
		}
		sustained = f.Stored
		if err := s.settle(ctx); err != nil {
			return nil, err
		}
	}

	l.Rate, l.Conns, l.For = overloadFactor*sustained/events, 64, 6*o.seconds
	memory := watch(ctx, s.server)
	defer memory.end()
	m, err := s.meter(ctx)
	if err != nil {
		return nil, err
	}
	got, err := l.run(ctx)
	if err != nil {
		return nil, err
	}
	all := got.total()
	out := &overload{Due: l.Rate * events, Acked: float64(all.Acked*events) / got.Took.Seconds(), Ack: three(&all.Latency)}
	due := float64(all.requests() + all.Unsent)
	out.Refused, out.Unsent = float64(all.Refused)/due, float64(all.Unsent)/due
	if all.Failed > 0 {
		return nil, fmt.Errorf("%d of %d requests failed, the last with: %w", all.Failed, all.requests(), got.Err)
	}
	half := m.began.Add(l.For / 2)
	out.Flat = memory.most(half, m.began.Add(l.For)) / max(memory.most(m.began, half), 1)
	if err := m.wait(ctx, all.Acked*events); err != nil && ctx.Err() != nil {
		return nil, err
	}
	out.Stored, out.Waiting = float64(m.now-m.had)/m.took.Seconds(), max(0, float64(all.Acked*events-(m.now-m.had)))
	u, err := readUsage(s.server)
	out.Peak = float64(u.Peak)
	return out, err
}
