package metrics

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadline"
)

// maxPartners is how many partners have a name of their own; the others are counted together.
const maxPartners = 200

// Writer stores batches.
type Writer interface {
	Write(ctx context.Context, b *leadline.Batch) error
}

// writes counts what goes to ClickHouse.
type writes struct {
	took, rows    *prometheus.HistogramVec
	fair, excess  lane
	rejected      *few[string, prometheus.Counter]
	partnerEvents *prometheus.CounterVec
	partnerAge    *prometheus.GaugeVec

	mu       sync.Mutex
	partners map[string]*partner // those with a living key, and other
}

type lane struct {
	events prometheus.Counter
	age    prometheus.Observer
}

type partner struct {
	events prometheus.Counter
	age    prometheus.Gauge

	count  int           // of the batch at hand
	oldest time.Duration // in it
}

var (
	writeBuckets = []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}
	rowBuckets   = []float64{1, 10, 100, 1_000, 5_000, 10_000, 25_000, 50_000}
	ageBuckets   = []float64{0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600}
)

func (w *writes) register(registry *prometheus.Registry) {
	w.took = histograms("leadline_write_duration_seconds", "Time of one try to write a batch, by result.", writeBuckets, "result")
	w.rows = histograms("leadline_write_batch_rows", "Events and rejected items of the batches that ClickHouse took.", rowBuckets)
	events := counters("leadline_events_stored_total", "Events that ClickHouse has, by lane, those of an earlier process included.", "lane")
	age := histograms("leadline_event_age_seconds", "Time from an event's arrival until ClickHouse has it, by lane.", ageBuckets, "lane")
	rejected := counters("leadline_rejected_stored_total", "Rejected items that ClickHouse has, by code.", "code")
	w.partnerEvents = counters("leadline_partner_events_stored_total", "Events that ClickHouse has, by partner.", "partner")
	w.partnerAge = gauges("leadline_partner_event_age_seconds", "Age of the partner's oldest event in the newest batch that had any, when ClickHouse had it.", "partner")
	registry.MustRegister(w.took, w.rows, events, age, rejected, w.partnerEvents, w.partnerAge)

	w.fair = lane{events.WithLabelValues("fair"), age.WithLabelValues("fair")}
	w.excess = lane{events.WithLabelValues(leadline.LaneOverflow), age.WithLabelValues(leadline.LaneOverflow)}
	w.rejected = newFew(maxCodes, func(string) string { return other }, func(code string) prometheus.Counter { return rejected.WithLabelValues(code) })
	w.name(nil)
}

// Writer counts what goes through next.
func (m *Metrics) Writer(next Writer) Writer { return &meteredWriter{next, &m.writes} }

type meteredWriter struct {
	next   Writer
	writes *writes
}

func (w *meteredWriter) Write(ctx context.Context, b *leadline.Batch) error {
	begin := time.Now()
	err := w.next.Write(ctx, b)
	end := time.Now()
	if err != nil {
		w.writes.took.WithLabelValues("error").Observe(end.Sub(begin).Seconds())
		return err
	}
	w.writes.took.WithLabelValues("ok").Observe(end.Sub(begin).Seconds())
	w.writes.count(b, end)
	return nil
}

// count counts a batch that was stored at the given time. It costs some 30 ns an event.
func (w *writes) count(b *leadline.Batch, at time.Time) {
	w.rows.WithLabelValues().Observe(float64(len(b.Events) + len(b.Rejected)))
	for i := range b.Rejected {
		w.rejected.of(b.Rejected[i].Code).Inc()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	var fair, excess int
	for i := range b.Events {
		e := &b.Events[i]
		age := max(0, at.Sub(e.ReceivedAt))
		if e.Lane == leadline.LaneOverflow {
			excess++
			w.excess.age.Observe(age.Seconds())
		} else {
			fair++
			w.fair.age.Observe(age.Seconds())
		}
		p := w.partners[e.Partner]
		if p == nil {
			p = w.partners[other]
		}
		p.count++
		p.oldest = max(p.oldest, age)
	}
	w.fair.events.Add(float64(fair))
	w.excess.events.Add(float64(excess))
	for _, p := range w.partners {
		if p.count == 0 {
			continue
		}
		p.events.Add(float64(p.count))
		p.age.Set(p.oldest.Seconds())
		p.count, p.oldest = 0, 0
	}
}

// name gives the first maxPartners of the given partners a name of their own and forgets all others.
func (w *writes) name(partners []string) {
	named := append(slices.Clone(partners[:min(len(partners), maxPartners)]), other)
	w.mu.Lock()
	defer w.mu.Unlock()
	next := make(map[string]*partner, len(named))
	for _, name := range named {
		next[name] = w.partners[name]
		if next[name] == nil {
			next[name] = &partner{events: w.partnerEvents.WithLabelValues(name), age: w.partnerAge.WithLabelValues(name)}
		}
	}
	for name := range w.partners {
		if next[name] == nil {
			w.partnerEvents.DeleteLabelValues(name)
			w.partnerAge.DeleteLabelValues(name)
		}
	}
	w.partners = next
}
