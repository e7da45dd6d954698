package main

import (
	"context"
	"fmt"
	"strings"
)

// scenario is something that happens to Leadline. What it measures is in run.Scenarios under its name.
type scenario struct {
	name, does string
	measure    func(ctx context.Context, o *options, r *run) (any, error)
	render     func(b *strings.Builder, runs []*run)
}

var scenarios = []scenario{
	{"outage", "ClickHouse goes away and comes back", measureOutage, renderOutage},
	{"overload", "twice the load that can be stored", measureOverload, renderOverload},
	{"fairness", "one of ten partners is loud", measureFairness, renderFairness},
	{"rollup", "what it costs to count a stage", measureRollup, nil},
	{"rules", "a slot of 1,000 and 10,000 rules", measureRules, renderRules},
}

// figure is the median of a scenario's figure.
func figure[T any](runs []*run, of func(s *T) float64) float64 {
	return median(runs, func(r *run) (float64, bool) {
		s := found[T](r)
		if s == nil {
			return 0, false
		}
		return of(s), true
	})
}

func measured[T any](runs []*run) bool { return found[T](runs[0]) != nil }

// found is what a scenario measured, nil where it was left out.
func found[T any](r *run) *T {
	for _, s := range r.Scenarios {
		if s, ok := s.(*T); ok {
			return s
		}
	}
	return nil
}

func renderOutage(b *strings.Builder, runs []*run) {
	if !measured[outage](runs) {
		return
	}
	f := func(of func(o *outage) float64) float64 { return figure(runs, of) }
	fmt.Fprintf(b, "**ClickHouse away** for %.0f s at %s events/s, one a request: ack p50 / p95 / p99 %.2f / %.2f / %.2f ms before, %.2f / %.2f / %.2f ms during; memory grows by %.0f MB. Of %s acknowledged events %s are missing afterwards and %s doubled; %s requests were not acknowledged; the last event was stored %.1f s after ClickHouse was back.\n\n",
		f(func(o *outage) float64 { return o.Away.Seconds() }), count(outageRate),
		f(func(o *outage) float64 { return o.Before[0] }), f(func(o *outage) float64 { return o.Before[1] }), f(func(o *outage) float64 { return o.Before[2] }),
		f(func(o *outage) float64 { return o.During[0] }), f(func(o *outage) float64 { return o.During[1] }), f(func(o *outage) float64 { return o.During[2] }),
		f(func(o *outage) float64 { return o.Growth / (1 << 20) }), count(f(func(o *outage) float64 { return o.Acked })),
		count(f(func(o *outage) float64 { return o.Missing })), count(f(func(o *outage) float64 { return o.Double })), count(f(func(o *outage) float64 { return o.Failed })),
		f(func(o *outage) float64 { return o.Caught }))
}

func renderOverload(b *strings.Builder, runs []*run) {
	if !measured[overload](runs) {
		return
	}
	f := func(of func(o *overload) float64) float64 { return figure(runs, of) }
	fmt.Fprintf(b, "**Twice the load** that it can store, 1 000 a request: of %s events/s due, %s/s were acknowledged and %s/s stored; %.0f %% of the requests were refused (429 or 503), %.0f %% found no free connection. Peak memory %.0f MB; in the second half %.2f× that of the first. Ack p50 / p95 / p99 %.0f / %.0f / %.0f ms. %s acknowledged events were still in the spool when the bench stopped waiting.\n\n",
		count(f(func(o *overload) float64 { return o.Due })), count(f(func(o *overload) float64 { return o.Acked })), count(f(func(o *overload) float64 { return o.Stored })),
		100*f(func(o *overload) float64 { return o.Refused }), 100*f(func(o *overload) float64 { return o.Unsent }),
		f(func(o *overload) float64 { return o.Peak / (1 << 20) }), f(func(o *overload) float64 { return o.Flat }),
		f(func(o *overload) float64 { return o.Ack[0] }), f(func(o *overload) float64 { return o.Ack[1] }), f(func(o *overload) float64 { return o.Ack[2] }),
		count(f(func(o *overload) float64 { return o.Waiting })))
}

func renderFairness(b *strings.Builder, runs []*run) {
	if !measured[fairness](runs) {
		return
	}
	f := func(of func(f *fairness) float64) float64 { return figure(runs, of) }
	fmt.Fprintf(b, "**One loud partner**: ten partners at %.0f %% of the capacity each (%s events/s, %d a request), then one of them at %d times that. P95 of the other nine: ack %.2f → %.2f ms, received to stored %.0f → %.0f ms; %.1f %% of their requests were refused and %.0f %% of the loud one's, who got %s events/s through.\n\n",
		100*fairShare, count(f(func(f *fairness) float64 { return f.Capacity })), fairEvents, loudFactor,
		f(func(f *fairness) float64 { return f.Ack[0] }), f(func(f *fairness) float64 { return f.Ack[1] }),
		f(func(f *fairness) float64 { return f.E2E[0] }), f(func(f *fairness) float64 { return f.E2E[1] }),
		100*f(func(f *fairness) float64 { return f.Refused }), 100*f(func(f *fairness) float64 { return f.LoudRefused }), count(f(func(f *fairness) float64 { return f.LoudAcked })))
}
