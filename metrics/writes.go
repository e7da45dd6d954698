package metrics

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"leadline"
)

// maxPartners is how many partners have a name of their own; the others are counted together.
const maxPartners = 200

// Writer makes the blocks that batches are stored by.
type Writer interface {
	Block() leadline.Block
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

// Block is part of Writer.
func (w *meteredWriter) Block() leadline.Block {
	return &meteredBlock{Block: w.next.Block(), writes: w.writes, partners: map[string]*portion{}, codes: map[string]int{}}
}

// meteredBlock notes what goes into a block, and counts it when it is stored: some 30 ns an event.
type meteredBlock struct {
	leadline.Block
	writes       *writes
	fair, excess []int64 // when their events came, in microseconds since 1970
	partners     map[string]*portion
	codes        map[string]int // of rejected items
}

// portion is what a partner has of a batch.
type portion struct {
	events int
	oldest int64 // as in meteredBlock
}

// Begin is part of leadline.Block.
func (b *meteredBlock) Begin(token string) {
	b.fair, b.excess = b.fair[:0], b.excess[:0]
	clear(b.partners)
	clear(b.codes)
	b.Block.Begin(token)
}

// Add is part of leadline.Block.
func (b *meteredBlock) Add(events []leadline.Event) {
	for i := range events {
		e := &events[i]
		came := e.ReceivedAt.UnixMicro()
		if e.Lane == leadline.LaneOverflow {
			b.excess = append(b.excess, came)
		} else {
			b.fair = append(b.fair, came)
		}
		p := b.partners[e.Partner]
		if p == nil {
			p = &portion{oldest: came}
			b.partners[strings.Clone(e.Partner)] = p
		}
		p.events++
		p.oldest = min(p.oldest, came)
	}
	b.Block.Add(events)
}

// Reject is part of leadline.Block.
func (b *meteredBlock) Reject(item leadline.Rejected) {
	b.codes[item.Code]++
	b.Block.Reject(item)
}

// Write is part of leadline.Block.
func (b *meteredBlock) Write(ctx context.Context) error {
	begin := time.Now()
	err := b.Block.Write(ctx)
	end := time.Now()
	if err != nil {
		b.writes.took.WithLabelValues("error").Observe(end.Sub(begin).Seconds())
		return err
	}
	b.writes.took.WithLabelValues("ok").Observe(end.Sub(begin).Seconds())
	b.writes.count(b, end.UnixMicro())
	return nil
}

// count counts a batch that was stored at the given time.
func (w *writes) count(b *meteredBlock, at int64) {
	rows := len(b.fair) + len(b.excess)
	for code, n := range b.codes {
		w.rejected.of(code).Add(float64(n))
		rows += n
	}
	w.rows.WithLabelValues().Observe(float64(rows))
	age := func(came int64) float64 { return float64(max(0, at-came)) / 1e6 }
	for _, came := range b.fair {
		w.fair.age.Observe(age(came))
	}
	for _, came := range b.excess {
		w.excess.age.Observe(age(came))
	}
	w.fair.events.Add(float64(len(b.fair)))
	w.excess.events.Add(float64(len(b.excess)))

	w.mu.Lock()
	defer w.mu.Unlock()
	oldest := map[*partner]int64{}
	for name, part := range b.partners {
		p := w.partners[name]
		if p == nil {
			p = w.partners[other]
		}
		p.events.Add(float64(part.events))
		if came, ok := oldest[p]; !ok || part.oldest < came {
			oldest[p] = part.oldest
		}
	}
	for p, came := range oldest {
		p.age.Set(age(came))
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
