package ingest

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"leadline/ingest/spool"
)

const (
	firstBackoff = 100 * time.Millisecond
	maxBackoff   = 5 * time.Second
	writeTimeout = time.Minute // of one try; the next one says the same with the same token

	maxAside       = 4 // each holds a batch in memory
	firstAside     = 30 * time.Second
	maxAsideWait   = 10 * time.Minute
	complainsEvery = 10 // tries between two lines in the log
)

// refused is a batch that ClickHouse refuses, until it is tried again.
type refused struct {
	b    *batch
	due  time.Time
	wait time.Duration
}

// write writes the batches that are ready, one after the other, until ctx ends. It closes done.
func (p *Pipeline) write(ctx context.Context, ready <-chan *batch, done chan<- *spool.Segment, free chan<- *batch) {
	defer close(done)
	var aside []refused
	for {
		var again <-chan time.Time
		if len(aside) > 0 {
			again = time.After(time.Until(aside[0].due))
		}
		select {
		case <-ctx.Done():
			return
		case b := <-ready:
			switch p.writeUntilDone(ctx, b, len(aside) < maxAside) {
			case wrote:
				g := b.segment
				free <- b
				done <- g
			case gaveUp:
				aside = putAside(aside, refused{b, time.Now().Add(firstAside), firstAside})
				free <- p.newBatch()
			case ended:
				return
			}
		case <-again:
			r := aside[0]
			aside = aside[1:]
			switch p.writeUntilDone(ctx, r.b, true) {
			case wrote: // its memory goes; another has taken its place
				p.letGo(ctx, r.b.segment)
			case gaveUp:
				r.wait = min(2*r.wait, maxAsideWait)
				r.due = time.Now().Add(r.wait)
				aside = putAside(aside, r)
			case ended:
				return
			}
		}
		p.aside.Store(int64(len(aside)))
	}
}

// putAside keeps the batches in the order in which they are due.
func putAside(aside []refused, r refused) []refused {
	aside = append(aside, r)
	slices.SortFunc(aside, func(a, b refused) int { return a.due.Compare(b.due) })
	return aside
}

type ending int

const (
	wrote ending = iota
	gaveUp
	ended // ctx
)

// writeUntilDone writes a batch. It gives up, where it may, when no retry can help.
func (p *Pipeline) writeUntilDone(ctx context.Context, b *batch, mayGiveUp bool) ending {
	backoff, began := firstBackoff, b.began
	p.setOut()
	defer p.arrived()
	for try := 1; ; try++ {
		p.handOver(b)
		err := p.try(ctx, b)
		switch {
		case err == nil:
			p.arrived()
			p.stored.Add(int64(len(b.received)))
			p.admission.stored(b.segment.Lane(), b.segment.Len(), began)
			p.waits.stored(b.requests)
			return wrote
		case ctx.Err() != nil:
			return ended
		}
		p.retries.Add(1)
		p.admission.failed()
		permanent := p.opts.Permanent(err)
		if permanent && mayGiveUp {
			p.log.Error("ClickHouse refuses a batch: its segment stays on disk and is tried again later; see to the table or the server",
				"token", b.segment.Token, "events", len(b.received), "rejected", b.rejected, "error", err)
			return gaveUp
		}
		if try%complainsEvery == 1 {
			p.log.Warn("write failed, trying again", "token", b.segment.Token, "events", len(b.received), "try", try, "permanent", permanent, "error", err)
		}
		if !pause(ctx, backoff/2+rand.N(backoff/2)) { //nolint:gosec // spreads retries, no secret
			return ended
		}
		backoff, began = min(2*backoff, maxBackoff), p.clock.now()
	}
}

func (p *Pipeline) try(ctx context.Context, b *batch) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	return b.Write(ctx)
}

// handOver ends the way of every event: the moment at which its row is handed to the writer is its stored_at. A retry
// counts as waiting.
func (p *Pipeline) handOver(b *batch) {
	now := p.clock.now()
	b.Leave(func(i int) time.Duration { return now - b.received[i] })
}

// recycle lets go of the segments that are stored, while the next batch is being written.
func (p *Pipeline) recycle(ctx context.Context, done <-chan *spool.Segment) {
	for g := range done {
		p.letGo(ctx, g)
	}
}

// letGo gives a stored segment back. Until the keys of its records are remembered it must not go.
func (p *Pipeline) letGo(ctx context.Context, g *spool.Segment) {
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		err := g.Done()
		if err == nil {
			return
		}
		p.log.Error("stored batch cannot leave the spool, trying again", "token", g.Token, "error", err)
		if !pause(ctx, backoff) {
			return
		}
	}
}
