package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// outage is what Leadline does while ClickHouse is away.
type outage struct {
	Away            time.Duration
	Before, During  [3]float64 // ack p50, p95, p99 in ms
	Growth          float64    // bytes of resident memory, peak of the outage over that before it
	Acked           float64    // events, in all
	Failed          float64    // requests that were not acknowledged
	Missing, Double float64    // acknowledged events that are not in ClickHouse, and those that are twice
	Caught          float64    // seconds from the engine's return until the last event was stored
}

const outageRate = 5000 // events a second, one a request

// measureOutage lets an engine of the bench's own vanish below Leadline for three times the length of a load.
func measureOutage(ctx context.Context, o *options, _ *run) (any, error) {
	dir, err := o.folder()
	if err != nil {
		return nil, err
	}
	native, http := freeAddr(), freeAddr()
	e, err := startEngine(ctx, dir, native, http)
	if err != nil {
		return nil, err
	}
	defer func() { e.Close() }() //nolint:errcheck // its data is thrown away
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(enginePassword), 0o600); err != nil {
		return nil, fmt.Errorf("outage: %w", err)
	}
	at, err := configure(dir, fmt.Sprintf(`{addrs: [%q], username: leadline, password_file: %s}`, native, secret))
	if err != nil {
		return nil, err
	}
	p, w, err := at.serve(ctx, o.binary, false)
	if err != nil {
		return nil, err
	}
	defer p.stop()

	gone, back := o.seconds, 4*o.seconds
	l := load{Addr: at.addr, Shape: leadlineShape(w.key, 1), Conns: 4 * conns(1), Events: 1, Rate: outageRate, For: 5 * o.seconds, Cuts: []time.Duration{gone, back}, Keep: true}
	memory := watch(ctx, p.cmd.Process.Pid)
	defer memory.end()
	began := time.Now()
	returned := make(chan error, 1)
	go func() {
		waitUntil(ctx, began.Add(gone))
		err := e.Close()
		if err == nil && waitUntil(ctx, began.Add(back)) {
			e, err = startEngine(ctx, dir, native, http)
		}
		returned <- err
	}()
	r, err := l.run(ctx)
	if e := <-returned; e != nil { // after it, e above is the engine that came back
		return nil, fmt.Errorf("outage: %w", e)
	}
	if err != nil {
		return nil, err
	}
	all := r.total()
	db := database{http, "leadline", enginePassword}
	m := meter{subject: &subject{stored: db.counter("leadline.events")}, began: began}
	if err := m.wait(ctx, all.Acked); err != nil {
		return nil, err
	}
	out := &outage{Away: back - gone, Acked: float64(all.Acked), Failed: float64(all.Failed + all.Refused + all.Unsent), Caught: (m.took - back).Seconds()}
	out.Before, out.During = three(&r.Parts[0].Latency), three(&r.Parts[1].Latency)
	out.Growth = memory.most(began.Add(gone), began.Add(back)) - memory.most(began, began.Add(gone))
	out.Missing, out.Double, err = verify(ctx, &db, r)
	return out, err
}

// three are p50, p95 and p99 in milliseconds.
func three(l *latencies) (ms [3]float64) {
	for i, q := range []float64{.5, .95, .99} {
		ms[i] = l.at(q).Seconds() * 1000
	}
	return ms
}

// verify compares the acknowledged ids of a load of single events with what ClickHouse has.
func verify(ctx context.Context, db *database, r *result) (missing, double float64, err error) {
	rows, err := db.query(ctx, fmt.Sprintf("SELECT id, count() FROM leadline.events WHERE startsWith(id, '%s') GROUP BY id FORMAT TSV", idPrefix(r.Run)))
	if err != nil {
		return 0, 0, err
	}
	stored := make(map[uint64]bool, len(r.Ids))
	for line := range strings.Lines(rows) {
		id, n, _ := strings.Cut(strings.TrimSpace(line), "\t")
		counter, err := strconv.ParseUint(strings.TrimPrefix(id, idPrefix(r.Run)), 16, 64)
		if err != nil {
			return 0, 0, fmt.Errorf("verify: %w", err)
		}
		stored[counter] = true
		if n != "1" {
			double++
		}
	}
	for _, id := range r.Ids {
		if !stored[id] {
			missing++
		}
	}
	return missing, double, nil
}
