package metrics

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The rhythm of the checks and the time that each may take.
const (
	checkEvery   = time.Minute
	checkTimeout = 30 * time.Second // also of the hourly one: its query takes 3 s for 10 million events
)

// Check finds out a number by asking a database.
type Check func(ctx context.Context) (float64, error)

// Checks are the numbers that are too dear to be found out when Prometheus asks. Run asks for them.
type Checks struct {
	DuplicateRows  Check // rows of events that are there more than once; should be 0 for ever
	MissingRows    Check // events that were acknowledged and are not in the tables
	WaitingNotices Check // messages that a chat should have and does not
	Partners       func(ctx context.Context) ([]string, error)
	Log            *slog.Logger
}

// checked is the number that a check found, absent while the check fails: an old one would look like a new one.
type checked struct {
	name  string // of the check
	run   Check
	every time.Duration // after one that worked; 0: every minute
	due   time.Time
	desc  *prometheus.Desc
	value atomic.Uint64 // the bits of a float64, NaN while there is none
}

// Describe is that of prometheus.Collector.
func (c *checked) Describe(ch chan<- *prometheus.Desc) { ch <- c.desc }

// Collect is that of prometheus.Collector.
func (c *checked) Collect(ch chan<- prometheus.Metric) {
	if v := math.Float64frombits(c.value.Load()); !math.IsNaN(v) {
		sink(ch).gauge(c.desc, v)
	}
}

func (c *checked) set(v float64) { c.value.Store(math.Float64bits(v)) }

// Run makes the checks once a minute until ctx ends, that for duplicates, which remembers every event, once an hour. It is called once.
func (m *Metrics) Run(ctx context.Context, o Checks) error {
	all := []*checked{
		{name: "duplicate_rows", run: o.DuplicateRows, every: time.Hour, desc: describe("leadline_duplicate_rows", "Rows of events that are there more than once, as of the last check; absent while the check fails.")},
		{name: "missing_rows", run: o.MissingRows, desc: describe("leadline_missing_rows", "Events that were acknowledged and are not in the tables, as of the last check; absent while the check fails.")},
		{name: "waiting_notices", run: o.WaitingNotices, desc: describe("leadline_notices_waiting", "Messages that a chat should have and does not have yet, as of the last check; absent while the check fails.")},
		{name: "partners", run: func(ctx context.Context) (float64, error) { return m.namePartners(ctx, o.Partners) }, desc: describe("leadline_partners", "Partners with a living key, as of the last check; absent while the check fails.")},
	}
	for _, c := range all {
		c.set(math.NaN())
		m.checks.WithLabelValues(c.name)
		if err := m.registry.Register(c); err != nil {
			return fmt.Errorf("metrics: %w", err)
		}
	}
	ticker := time.NewTicker(checkEvery)
	defer ticker.Stop()
	for {
		for _, c := range all {
			if !time.Now().Before(c.due) {
				m.check(ctx, c, o.Log)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (m *Metrics) check(ctx context.Context, c *checked, log *slog.Logger) {
	short, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	v, err := c.run(short)
	switch {
	case err == nil:
		c.set(v)
		c.due = time.Now().Add(c.every)
	case ctx.Err() == nil:
		c.set(math.NaN())
		m.checks.WithLabelValues(c.name).Inc()
		log.WarnContext(ctx, "check failed, trying again in a minute", "check", c.name, "error", err)
	}
}

// namePartners lets those who have a living key have a name of their own.
func (m *Metrics) namePartners(ctx context.Context, living func(context.Context) ([]string, error)) (float64, error) {
	partners, err := living(ctx)
	if err != nil {
		return 0, err
	}
	partners = slices.Compact(slices.Sorted(slices.Values(partners)))
	m.writes.name(partners)
	return float64(len(partners)), nil
}
