package ingest

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"leadline"
	"leadline/ingest/enrich"
	"leadline/ingest/spool"
	"leadline/limit"
	"leadline/schema"
)

// Writer makes the blocks that batches are written in: package store.
type Writer interface {
	Block() leadline.Block
}

// GeoIP finds the countries of addresses: package enrich.
type GeoIP interface {
	// Countries writes the answer for addrs[i] into results[i].
	Countries(ctx context.Context, addrs []netip.Addr, results []enrich.Result)
	// Waits tells whether answers have to be waited for, so that it is better to ask for many at once.
	Waits() bool
}

// Options are what a pipeline is made of.
type Options struct {
	Spool   *spool.Spool
	Writer  Writer
	Schemas *schema.Registry // nil: payloads are not checked
	GeoIP   GeoIP            // nil: countries stay unknown
	Qualify *Rules           // nil: outcomes stay ""
	Limits  *limit.Limiter   // nil: everybody may send as much as there is room for

	// Pepper is the secret of a partner that turns chat ids into lead keys. It must stay the same for ever: with
	// another one every lead is another.
	Pepper func(partner string) []byte
	// Suppressed tells the leads of which nothing may be taken any more; nil: none. It is asked for every event with a
	// lead and must not keep the strings.
	Suppressed func(partner, leadKey string) bool
	// Permanent tells the errors of Writer that no retry can mend (store.Permanent); nil: there are none.
	Permanent func(error) bool
	// MinAge is how long events gather at most before they are written; default 250 ms.
	MinAge time.Duration
	Log    *slog.Logger
}

// Pipeline takes events in and sees them through to the writer. Submit may be called from many goroutines, Run once.
type Pipeline struct {
	opts     Options
	log      *slog.Logger
	spool    *spool.Spool
	clock    clock
	spooled  spooled
	waits    waits
	decoders sync.Pool

	admission *admission

	accepted, duplicates, rejected, stored, retries atomic.Int64
	aside                                           atomic.Int64
	underway                                        atomic.Int64 // first try of the batch on its way, µs since 1970; 0: none
}

// New checks the options. Run starts the way from the spool to the writer; until then events gather in the spool.
func New(opts Options) (*Pipeline, error) {
	switch {
	case opts.Spool == nil:
		return nil, errors.New("ingest needs a spool")
	case opts.Writer == nil:
		return nil, errors.New("ingest needs a writer")
	case opts.Pepper == nil || len(opts.Pepper("")) == 0:
		return nil, errors.New("ingest needs a pepper for lead keys")
	}
	if opts.Schemas == nil {
		opts.Schemas = new(schema.Registry)
	}
	if opts.Limits == nil {
		opts.Limits = limit.New(limit.Policy{}, nil)
	}
	if opts.Permanent == nil {
		opts.Permanent = func(error) bool { return false }
	}
	if opts.MinAge <= 0 {
		opts.MinAge = 250 * time.Millisecond
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	p := &Pipeline{opts: opts, log: opts.Log, spool: opts.Spool, clock: newClock()}
	p.admission = newAdmission(opts.Spool, opts.Limits, p.clock)
	p.decoders.New = func() any {
		d := newDecoder(opts.Schemas, opts.Pepper, p.clock)
		d.suppressed = opts.Suppressed
		return d
	}
	return p, nil
}

// Stats count since the start of the process; Fill and Lag are of now.
type Stats struct {
	Accepted   int64 // events made durable
	Duplicates int64 // events that were durable already
	Rejected   int64 // items dropped
	Stored     int64 // events that ClickHouse has, those of an earlier process included
	Retries    int64 // writes that failed
	Aside      int64 // batches that ClickHouse refuses, see Run
	Fill       float64
	Lag        time.Duration // age of the oldest event that ClickHouse does not have
	Watermark  time.Time     // see there
}

// Stats says how the pipeline is doing.
func (p *Pipeline) Stats() Stats {
	return Stats{
		Accepted: p.accepted.Load(), Duplicates: p.duplicates.Load(), Rejected: p.rejected.Load(),
		Stored: p.stored.Load(), Retries: p.retries.Load(), Aside: p.aside.Load(),
		Fill: p.spool.Fill(), Lag: p.spool.OldestAge(), Watermark: p.Watermark(),
	}
}

// Run brings what is spooled to the writer until ctx ends, and returns nil then; what is not written stays in the
// spool. It returns an error only when the spool itself is of no use any more.
//
// Two batches are on their way at most: one is being prepared while the one before it is being written. A write that
// fails is tried again until it succeeds, so batches wait in order while ClickHouse is away. A batch that ClickHouse
// refuses for good (Options.Permanent) would hold up all others: it is put aside, with its segment kept on disk, and
// tried again ever more rarely, up to maxAside of them; one more and the pipeline waits for it as for an outage.
func (p *Pipeline) Run(ctx context.Context) error {
	ready := make(chan *batch)        // unbuffered: the writer's batch and the prepared one
	done := make(chan *spool.Segment) // stored, to be given back
	free := make(chan *batch, 2)
	free <- p.newBatch()
	free <- p.newBatch()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var failed error
	var all sync.WaitGroup
	all.Go(func() {
		p.stepBack()
		p.write(ctx, ready, done, free)
	})
	all.Go(func() { p.recycle(ctx, done) })
	all.Go(func() {
		defer cancel()
		p.stepBack()
		failed = p.prepare(ctx, free, ready)
	})
	all.Wait()
	return failed
}

func (p *Pipeline) newBatch() *batch { return &batch{Block: p.opts.Writer.Block()} }

func (p *Pipeline) stepBack() {
	if err := inBackground(); err != nil {
		p.log.Warn("batches run at full priority, acknowledgements may wait for them", "error", err)
	}
}

// pause waits, or returns false when ctx ends first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
