package ingest

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"time"

	"leadline"
	"leadline/ingest/enrich"
	"leadline/ingest/spool"
)

// batch is a frozen segment on its way. Its memory is used again for the next one.
type batch struct {
	leadline.Batch
	segment  *spool.Segment
	lane     spool.Lane
	began    time.Duration // when work on it began
	records  *records
	received []time.Duration // the moment at which each event was received
	requests []uint64        // the request of this process that each came with, 0: of an earlier one
	stages   []leadline.Segment

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
		begin, end := p.enrich(ctx, b)
		p.settle(b, begin, end)
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
	b.segment, b.lane, b.Token, b.began = g, g.Lane(), g.Token, p.clock.now()
	b.empty(g.Len())
	for data := range g.Records() {
		giveWay(len(b.Events))
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

// empty makes room for a segment of so many records. All stages stand in one piece of memory: one for each event would
// double what the collector has to look at.
func (b *batch) empty(records int) {
	if records > cap(b.Events) {
		b.Events = make([]leadline.Event, 0, records)
		b.stages = make([]leadline.Segment, records*stages)
		b.received = make([]time.Duration, 0, records)
		b.requests = make([]uint64, 0, records)
		b.addrs = make([]netip.Addr, 0, records)
	}
	b.Events, b.Rejected, b.received, b.requests, b.addrs = b.Events[:0], b.Rejected[:0], b.received[:0], b.requests[:0], b.addrs[:0]
}

func (p *Pipeline) loadEvent(b *batch) error {
	n := len(b.Events)
	b.Events = b.Events[:n+1] // with the warnings' slice of the event that was here before
	e := &b.Events[n]
	e.Segments = b.stages[n*stages : n*stages : (n+1)*stages]
	s, err := b.records.event(e)
	if err != nil {
		b.Events = b.Events[:n]
		return err
	}
	if p.opts.Suppressed != nil && e.LeadKey != "" && p.opts.Suppressed(e.Partner, e.LeadKey) {
		b.Events = b.Events[:n] // it was acknowledged before its lead asked to be forgotten
		return nil
	}
	if b.lane == spool.Overflow {
		e.Lane = leadline.LaneOverflow
	}
	b.addrs = append(b.addrs, e.IP)
	b.received = append(b.received, p.clock.received(e, s))

	// The stage spool: its wait is what the request's later items took to be checked, its duration the fsync.
	begin := e.Elapsed()
	end, request := begin, uint64(0)
	if s.process == p.clock.process {
		request = s.request
		if from, to, ok := p.spooled.of(s.request); ok {
			begin, end = from, to
		}
	}
	b.requests = append(b.requests, request)
	spend(e, leadline.StageSpool, begin, end, leadline.StatusOK)
	return nil
}

// giveWay lets requests run between two stretches of a batch. A batch is long work on a core, and Go takes a core away
// after 10 ms at the earliest: on two cores that was what the slowest acknowledgements waited for. From a thread of one's own
// a turn costs two wake-ups: one each 64 events was a fifth of the server's CPU at a thousand events a request.
func giveWay(i int) {
	const stretch = 1024 // events, less than a millisecond
	if i%stretch == 0 {
		runtime.Gosched()
	}
}

// stages is how many stages an event passes here.
const stages = 6

// enrich finds the countries of a batch's addresses and says from when to when that took.
func (p *Pipeline) enrich(ctx context.Context, b *batch) (begin, end time.Duration) {
	if cap(b.answers) < len(b.addrs) {
		b.answers = make([]enrich.Result, cap(b.addrs))
	}
	b.answers = b.answers[:len(b.addrs)]
	begin = p.clock.now()
	if p.opts.GeoIP != nil {
		p.opts.GeoIP.Countries(ctx, b.addrs, b.answers)
	} else {
		for i := range b.answers {
			b.answers[i] = enrich.Result{Status: leadline.StatusOK}
		}
	}
	return begin, p.clock.now()
}

// settle gives every event its country, then its outcome. A batch is larger than the processor's caches: each pass over
// it costs 30 ns an event.
func (p *Pipeline) settle(b *batch, lookBegin, lookEnd time.Duration) {
	begin := p.clock.now()
	failed, first := 0, error(nil)
	for i := range b.Events {
		giveWay(i)
		e, a, received := &b.Events[i], &b.answers[i], b.received[i]
		e.Country, e.IP = a.Country, mask(e.IP)
		// The stage's wait is the time in the spool and for a free slot. It ends when the batch leaves it: an event that
		// needed no look-up waits for the slowest one beside it, and that time belongs to whoever was slow, not to the
		// stage after.
		spend(e, leadline.StageGeoIP, lookBegin+a.Wait-received, lookEnd-received, a.Status)

		status := leadline.StatusOK
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
		spend(e, leadline.StageQualify, begin-received, end-received, status)
		begin = end
	}
	if failed > 0 {
		p.log.Error("qualify rules failed, events go on without an outcome", "events", failed, "first_error", first)
	}
}
