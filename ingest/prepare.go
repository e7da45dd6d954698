package ingest

import (
	"bytes"
	"context"
	"errors"
	"math"
	"net/netip"
	"runtime"
	"slices"
	"time"

	"leadline"
	"leadline/ingest/enrich"
	"leadline/ingest/spool"
)

// batch is a frozen segment on its way, in the form in which it is written. Its memory is used again for the next one.
type batch struct {
	leadline.Block
	segment  *spool.Segment
	began    time.Duration   // when work on it began
	received []time.Duration // the moment at which each event was received
	requests []uint64        // the request of this process that each came with, 0: of an earlier one
	rejected int
}

func (b *batch) begin(g *spool.Segment, now time.Duration) {
	b.Begin(g.Token)
	b.segment, b.began, b.rejected = g, now, 0
	b.received, b.requests = b.received[:0], b.requests[:0]
}

// prepare reads, enriches and qualifies one segment after the other until ctx ends.
func (p *Pipeline) prepare(ctx context.Context, free <-chan *batch, ready chan<- *batch) error {
	s := newStretch()
	for {
		var b *batch
		select {
		case <-ctx.Done():
			return nil
		case b = <-free:
		}
		err := p.next(ctx, s, b)
		select {
		case <-ctx.Done():
			return nil
		default:
		}
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case ready <- b:
		}
	}
}

// next makes the next segment a batch. An error says that there will never be one, or that ctx ended.
func (p *Pipeline) next(ctx context.Context, s *stretch, b *batch) error {
	for {
		g, err := p.spool.Next(ctx, p.opts.MinAge)
		if err == nil {
			err = p.fill(ctx, s, b, g)
		}
		if err == nil || ctx.Err() != nil || errors.Is(err, spool.ErrClosed) || p.spool.Err() != nil {
			return err
		}
		p.log.Error("spool gives no segment, trying again", "error", err)
		if !pause(ctx, time.Second) {
			return ctx.Err()
		}
	}
}

const (
	pieceBytes    = 1 << 20
	stretchEvents = 512 // they, their records and their columns are less than a megabyte: a processor's own cache
)

// fill brings a segment into a batch, stretch by stretch. Where countries have to be waited for, all of its addresses are
// asked for at once: otherwise each stretch would wait for the slowest answer in it.
func (p *Pipeline) fill(ctx context.Context, s *stretch, b *batch, g *spool.Segment) error {
	bytes, events := pieceBytes, stretchEvents
	if p.opts.GeoIP != nil && p.opts.GeoIP.Waits() {
		bytes, events = math.MaxInt, g.Len()
	}
	b.begin(g, p.clock.now())
	for piece, err := range g.Pieces(bytes) {
		if err != nil {
			return err
		}
		for records := range slices.Chunk(piece, events) {
			// A batch is long work on a core, and Go takes a core away after 10 ms at the earliest: on two cores that was what the
			// slowest acknowledgements waited for. From a thread of one's own a turn costs two wake-ups: one each 64 events was a
			// fifth of the server's CPU at a thousand events a request.
			runtime.Gosched()
			p.load(s, b, records)
			begin, end := p.enrich(ctx, s)
			p.settle(s, begin, end)
			b.Add(s.events)
			b.received, b.requests = append(b.received, s.received...), append(b.requests, s.requests...)
		}
	}
	return nil
}

// stretch is a part of a batch on its way from the spool into the batch's block.
type stretch struct {
	records  *records
	events   []leadline.Event
	stages   []leadline.Segment
	received []time.Duration // as in batch
	requests []uint64        // as in batch
	addrs    []netip.Addr
	answers  []enrich.Result
}

func newStretch() *stretch { return &stretch{records: newRecords()} }

// load decodes records.
func (p *Pipeline) load(s *stretch, b *batch, records [][]byte) {
	s.empty(len(records))
	overflow := b.segment.Lane() == spool.Overflow
	for _, data := range records {
		kind, err := s.records.kind(data)
		switch {
		case err != nil:
		case kind == recordEvent:
			err = p.loadEvent(s, overflow)
		case kind == recordRejected:
			err = s.loadRejected(b, data)
		default:
			err = errRecordVersion
		}
		if err != nil { // its checksum was right: another version wrote it; nothing that was acknowledged may vanish
			p.log.Error("spooled record cannot be read, it goes to the rejected", "token", b.segment.Token, "bytes", len(data), "error", err)
			b.reject(leadline.Rejected{ReceivedAt: time.Now().UTC(), Code: CodeUnreadable, Payload: bytes.Clone(data)})
		}
	}
}

func (b *batch) reject(r leadline.Rejected) {
	b.Reject(r)
	b.rejected++
}

// empty makes room for so many records. All stages stand in one piece of memory: one for each event would double what the
// collector has to look at.
func (s *stretch) empty(records int) {
	if records > cap(s.events) {
		s.events = make([]leadline.Event, 0, records)
		s.stages = make([]leadline.Segment, records*stages)
		s.received = make([]time.Duration, 0, records)
		s.requests = make([]uint64, 0, records)
		s.addrs = make([]netip.Addr, 0, records)
		s.answers = make([]enrich.Result, records)
	}
	s.events, s.received, s.requests, s.addrs = s.events[:0], s.received[:0], s.requests[:0], s.addrs[:0]
}

// loadRejected decodes a record that lasts no longer than its piece, out of a copy that lasts as long as the batch.
func (s *stretch) loadRejected(b *batch, data []byte) error {
	if _, err := s.records.kind(bytes.Clone(data)); err != nil {
		return err
	}
	var r leadline.Rejected
	if err := s.records.rejected(&r); err != nil {
		return err
	}
	b.reject(r)
	return nil
}

func (p *Pipeline) loadEvent(s *stretch, overflow bool) error {
	n := len(s.events)
	s.events = s.events[:n+1] // with the warnings' slice of the event that was here before
	e := &s.events[n]
	e.Segments = s.stages[n*stages : n*stages : (n+1)*stages]
	from, err := s.records.event(e)
	if err != nil {
		s.events = s.events[:n]
		return err
	}
	if p.opts.Suppressed != nil && e.LeadKey != "" && p.opts.Suppressed(e.Partner, e.LeadKey) {
		s.events = s.events[:n] // it was acknowledged before its lead asked to be forgotten
		return nil
	}
	if overflow {
		e.Lane = leadline.LaneOverflow
	}
	s.addrs = append(s.addrs, e.IP)
	s.received = append(s.received, p.clock.received(e, from))

	// The stage spool: its wait is what the request's later items took to be checked, its duration the fsync.
	begin := e.Elapsed()
	end, request := begin, uint64(0)
	if from.process == p.clock.process {
		request = from.request
		if since, until, ok := p.spooled.of(from.request); ok {
			begin, end = since, until
		}
	}
	s.requests = append(s.requests, request)
	spend(e, leadline.StageSpool, begin, end, leadline.StatusOK)
	return nil
}

// stages is how many stages an event passes here.
const stages = 6

// enrich finds the countries of a stretch's addresses and says from when to when that took.
func (p *Pipeline) enrich(ctx context.Context, s *stretch) (begin, end time.Duration) {
	answers := s.answers[:len(s.addrs)]
	begin = p.clock.now()
	if p.opts.GeoIP != nil {
		p.opts.GeoIP.Countries(ctx, s.addrs, answers)
	} else {
		for i := range answers {
			answers[i] = enrich.Result{Status: leadline.StatusOK}
		}
	}
	return begin, p.clock.now()
}

// settle gives every event its country, then its outcome, and begins its last stage, which Leave ends.
func (p *Pipeline) settle(s *stretch, lookBegin, lookEnd time.Duration) {
	begin := p.clock.now()
	failed, first := 0, error(nil)
	for i := range s.events {
		e, a, received := &s.events[i], &s.answers[i], s.received[i]
		e.Country, e.IP = a.Country, mask(e.IP)
		// The stage's wait is the time in the spool and for a free slot. It ends when the events leave it: one that needed no
		// look-up waits for the slowest one beside it, and that time belongs to whoever was slow, not to the stage after.
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
		e.Spend(leadline.StageWrite, 0, 0, leadline.StatusOK)
		begin = end
	}
	if failed > 0 {
		p.log.Error("qualify rules failed, events go on without an outcome", "events", failed, "first_error", first)
	}
}
