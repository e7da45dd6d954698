package main

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// subject is what is measured, started afresh for every number of events a request and every round.
type subject struct {
	addr       string
	shape      shape
	server     int                                      // process id
	clickhouse int                                      // process id, 0 where it is the server itself or there is none
	stored     func(ctx context.Context) (int64, error) // rows in ClickHouse; nil where nothing is stored
	stop       func()
	log        *tail // of the server; nil where it says nothing
}

// kind of subject.
type kind struct {
	name    string // for -only
	title   string
	promise string // what its acknowledgement means
	start   func(ctx context.Context, o *options, dir string, events int) (*subject, error)
	turns   []int // events a request at which it takes turns with the others of whom that is said
}

// kinds in the order in which they are measured: the empty handler runs at the rate of the Leadline before it as well. Those
// take turns whose ratio is close to a floor; the others are far from theirs or have none.
var kinds = []kind{
	{"leadline", "**Leadline**, everything on", "on disk, fsync'd; checked; stored once", startLeadline, []int{1, 1000}},
	{"null", "limit: a Fiber handler that does nothing", "nothing", startNull, []int{1}},
	{"clickhouse", "ClickHouse's HTTP intake, async_insert, wait", "in a part of the table, not fsync'd", startClickHouse, []int{1000}},
	{"otel", "OpenTelemetry Collector, queue on disk", "in the queue's file, fsync'd", startCollector, nil},
}

// figures of one subject under one load.
type figures struct {
	Rate          float64 // events a second that were due, 0 in a closed loop
	Acked         float64 // events a second
	Stored        float64 // events a second, 0 where nothing is stored
	P50, P95, P99 float64 // ms
	CPU           float64 // µs an event, of the server
	ClickHouseCPU float64 // µs an event
	Generator     float64 // µs a request
	Late          float64 // ms, p99: how long after it was due a request went out
	Peak          float64 // bytes of resident memory of the server
	Refused       float64 // share of the requests
}

// pair is what is measured of a subject: its maximum in a closed loop, then half of what was stored in an open one, or of
// what was acknowledged where nothing is. Beside is the open loop at the rate of another subject's half.
type pair struct{ Full, Half, Beside figures }

// conns are as many as a good pool has; an open loop gets four times as many, so that none is missing.
func conns(events int) int {
	if events == 1 {
		return 64
	}
	return 8
}

// measurePair starts the subject. beside is the rate of another subject's half, in events a second; 0 where there is none.
func measurePair(ctx context.Context, o *options, k *kind, events int, beside float64) (p pair, err error) {
	dir, err := o.folder()
	if err != nil {
		return p, err
	}
	s, err := k.start(ctx, o, dir, events)
	if err != nil {
		return p, fmt.Errorf("%s: %w", k.name, err)
	}
	defer s.stop()
	l := load{Addr: s.addr, Shape: s.shape, Conns: conns(events), Events: events, For: o.seconds}
	if p.Full, err = s.measure(ctx, l); err != nil {
		return p, fmt.Errorf("%s, %d a request: %w\n%s", k.name, events, err, s.log)
	}
	l.Conns *= 4
	open := func(rate float64) (f figures, err error) {
		if err := s.settle(ctx); err != nil {
			return f, err
		}
		l.Rate = rate / float64(events)
		if f, err = s.measure(ctx, l); err != nil {
			return f, fmt.Errorf("%s, %d a request, at %.0f/s: %w\n%s", k.name, events, rate, err, s.log)
		}
		return f, nil
	}
	if p.Half, err = open(cmp.Or(p.Full.Stored, p.Full.Acked) / 2); err != nil || beside == 0 {
		return p, err
	}
	p.Beside, err = open(beside)
	return p, err
}

// measure runs one load and waits until its last event is stored.
func (s *subject) measure(ctx context.Context, l load) (f figures, err error) {
	m, err := s.meter(ctx)
	if err != nil {
		return f, err
	}
	r, err := l.run(ctx)
	if err != nil {
		return f, err
	}
	all := r.total()
	if err := m.wait(ctx, all.Acked*int64(l.Events)); err != nil {
		return f, err
	}
	if most := all.requests() * int64(l.Events); m.now-m.had > most {
		return f, fmt.Errorf("%d events were sent and %d are stored", most, m.now-m.had)
	}
	return m.figures(&l, r)
}

// settle waits until the subject has next to nothing left to do: a closed loop leaves merges behind, which the next load
// would pay for.
func (s *subject) settle(ctx context.Context) error {
	const idle, most = 150 * time.Millisecond, 30 // of CPU in a second; seconds
	for range most {
		m, err := s.meter(ctx)
		if err != nil {
			return err
		}
		if !waitUntil(ctx, m.began.Add(time.Second)) {
			return ctx.Err()
		}
		used, err := m.used()
		if err != nil || used < idle {
			return err
		}
	}
	return nil
}

// meter reads what a subject uses from its making on.
type meter struct {
	*subject
	began              time.Time
	had, now           int64 // rows stored, then and at the last look
	server, clickhouse usage
	took               time.Duration // until everything was stored
}

func (s *subject) meter(ctx context.Context) (m *meter, err error) {
	m = &meter{subject: s}
	if s.stored != nil {
		if m.had, err = s.stored(ctx); err != nil {
			return nil, err
		}
	}
	if m.server, err = readUsage(s.server); err != nil {
		return nil, err
	}
	if s.clickhouse != 0 {
		if m.clickhouse, err = readUsage(s.clickhouse); err != nil {
			return nil, err
		}
	}
	m.began = time.Now()
	return m, nil
}

// patience is for what was acknowledged to be stored.
const patience = 2 * time.Minute

// wait returns when as many events as were acknowledged are stored.
func (m *meter) wait(ctx context.Context, acked int64) (err error) {
	if m.stored == nil {
		return nil
	}
	for deadline := time.Now().Add(patience); ; {
		if m.now, err = m.stored(ctx); err != nil {
			return err
		}
		m.took = time.Since(m.began)
		if m.now-m.had >= acked {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%d of %d acknowledged events are not stored after %v", acked-m.now+m.had, acked, patience)
		}
		if !waitUntil(ctx, time.Now().Add(50*time.Millisecond)) {
			return ctx.Err()
		}
	}
}

func (m *meter) figures(l *load, r *result) (f figures, err error) {
	all := r.total()
	events := all.Acked * int64(l.Events)
	ms := func(q float64) float64 { return all.Latency.at(q).Seconds() * 1000 }
	f = figures{
		Rate: l.Rate * float64(l.Events), Acked: float64(events) / r.Took.Seconds(),
		P50: ms(.5), P95: ms(.95), P99: ms(.99),
		Late:      r.Late.at(.99).Seconds() * 1000,
		Generator: float64(r.CPU.Microseconds()) / float64(all.requests()), Refused: float64(all.Refused) / float64(all.requests()),
	}
	if all.Failed > 0 {
		return f, fmt.Errorf("%d of %d requests failed, the last with: %w", all.Failed, all.requests(), r.Err)
	}
	if m.stored != nil {
		f.Stored = float64(events) / m.took.Seconds()
	}
	after, err := readUsage(m.subject.server)
	if err != nil {
		return f, err
	}
	f.CPU, f.Peak = perEvent(m.server, after, events), float64(after.Peak)
	if m.subject.clickhouse != 0 {
		if after, err = readUsage(m.subject.clickhouse); err != nil {
			return f, err
		}
		f.ClickHouseCPU = perEvent(m.clickhouse, after, events)
	}
	return f, nil
}

// used is the CPU that subject and ClickHouse have used since.
func (m *meter) used() (used time.Duration, err error) {
	for pid, before := range map[int]usage{m.subject.server: m.server, m.subject.clickhouse: m.clickhouse} {
		if pid == 0 {
			continue
		}
		after, err := readUsage(pid)
		if err != nil {
			return 0, err
		}
		used += after.CPU - before.CPU
	}
	return used, nil
}

func perEvent(before, after usage, events int64) float64 {
	return float64((after.CPU - before.CPU).Microseconds()) / float64(max(events, 1))
}
