package ingest

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"leadline"
	"leadline/ingest/enrich"
	"leadline/ingest/spool"
)

// batch is a frozen segment on its way. Its memory is used again for the next one.
type batch struct {
	leadline.Batch
	segment  *spool.Segment
	records  *records
	received []time.Duration // the moment at which each event was received

	addrs   []netip.Addr
	answers []enrich.Result
}

// prepare reads, enriches and qualifies one segment after the other until ctx ends.
func (p *Pipeline) prepare(ctx context.Context, free <-chan *batch, ready chan<- *batch) error {
	for {
		var b *batch
		select {
		case <-ctx.Done():
			return nil
		case b = <-free:
		}
		segment, err := p.nextSegment(ctx)
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		if err != nil {
			return err
		}
		p.load(b, segment)
		p.enrich(ctx, b)
		p.qualify(b)
		select {
		case <-ctx.Done():
			return nil
		case ready <- b:
		}
	}
}

// nextSegment waits for a segment. An error says that there will never be one, or that ctx ended.
func (p *Pipeline) nextSegment(ctx context.Context) (*spool.Segment, error) {
	for {
		g, err := p.spool.Next(ctx, p.opts.MinAge)
		if err == nil || ctx.Err() != nil || errors.Is(err, spool.ErrClosed) || p.spool.Err() != nil {
			return g, err
		}
		p.log.Error("spool gives no segment, trying again", "error", err)
		if !pause(ctx, time.Second) {
			return nil, ctx.Err()
		}
	}
}

// load decodes the records of a segment.
func (p *Pipeline) load(b *batch, g *spool.Segment) {
	b.segment, b.Token = g, g.Token
	b.Events, b.Rejected, b.received = b.Events[:0], b.Rejected[:0], b.received[:0]
	for data := range g.Records() {
		kind, err := b.records.kind(data)
		switch {
		case err != nil:
		case kind == recordEvent:
			err = p.loadEvent(b)
		case kind == recordRejected:
			b.Rejected = append(b.Rejected, leadline.Rejected{})
			if err = b.records.rejected(&b.Rejected[len(b.Rejected)-1]); err != nil {
				b.Rejected = b.Rejected[:len(b.Rejected)-1]
			}
		default:
			err = errRecordVersion
		}
		if err != nil { // its checksum was right: another version wrote it; nothing that was acknowledged may vanish
			p.log.Error("spooled record cannot be read, it goes to the rejected", "token", g.Token, "bytes", len(data), "error", err)
			b.Rejected = append(b.Rejected, leadline.Rejected{ReceivedAt: time.Now().UTC(), Code: CodeUnreadable, Payload: data})
		}
	}
}

func (p *Pipeline) loadEvent(b *batch) error {
	n := len(b.Events)
	if n < cap(b.Events) {
		b.Events = b.Events[:n+1] // with the slices of the event that was here before
	} else {
		b.Events = append(b.Events, leadline.Event{Segments: make([]leadline.Segment, 0, stages)})
	}
	e := &b.Events[n]
	s, err := b.records.event(e)
	if err != nil {
		b.Events = b.Events[:n]
		return err
	}
	b.received = append(b.received, p.clock.received(e, s))

	// The stage spool: its wait is what the request's later items took to be checked, its duration the fsync.
	begin, end := e.Elapsed(), e.Elapsed()
	if s.process == p.clock.process {
		if from, to, ok := p.spooled.of(s.request); ok {
			begin, end = from, to
		}
	}
	spend(e, leadline.StageSpool, begin, end, leadline.StatusOK)
	return nil
}

// stages is how many stages an event passes here.
const stages = 6

// enrich finds the country of every event. The stage's wait is the time in the spool and for a free slot. It ends when
// the batch leaves it: an event that needed no look-up waits for the slowest one beside it, and that time belongs to
// whoever was slow, not to the stage after.
func (p *Pipeline) enrich(ctx context.Context, b *batch) {
	b.addrs = b.addrs[:0]
	for i := range b.Events {
		b.addrs = append(b.addrs, b.Events[i].IP)
	}
	if cap(b.answers) < len(b.addrs) {
		b.answers = make([]enrich.Result, len(b.addrs))
	}
	b.answers = b.answers[:len(b.addrs)]
	start := p.clock.now()
	if p.opts.GeoIP != nil {
		p.opts.GeoIP.Countries(ctx, b.addrs, b.answers)
	} else {
		for i := range b.answers {
			b.answers[i] = enrich.Result{Status: leadline.StatusOK}
		}
	}
	end := p.clock.now()
	for i := range b.Events {
		e, a := &b.Events[i], &b.answers[i]
		e.Country, e.IP = a.Country, mask(e.IP)
		spend(e, leadline.StageGeoIP, start+a.Wait-b.received[i], end-b.received[i], a.Status)
	}
}

// qualify gives every event its outcome.
func (p *Pipeline) qualify(b *batch) {
	begin := p.clock.now()
	failed, first := 0, error(nil)
	for i := range b.Events {
		e, status := &b.Events[i], leadline.StatusOK
		if p.opts.Qualify != nil {
			var err error
			if e.Outcome, err = p.opts.Qualify.Outcome(e); err != nil {
				status = leadline.StatusError
				if failed++; failed == 1 {
					first = err
				}
			}
		}
		end := p.clock.now()
		spend(e, leadline.StageQualify, begin-b.received[i], end-b.received[i], status)
		begin = end
	}
	if failed > 0 {
		p.log.Error("qualify rules failed, events go on without an outcome", "events", failed, "first_error", first)
	}
}
