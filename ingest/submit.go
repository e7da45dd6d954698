package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"leadline"
	"leadline/ingest/spool"
)

// Format is how the items of a request are written.
type Format uint8

// The formats.
const (
	FormatJSON        Format = iota // one event or an array of events
	FormatNDJSON                    // one event a line
	FormatCloudEvent                // one CloudEvent 1.0 in structured mode
	FormatCloudEvents               // an array of them
)

// Request is what a sender posted, whose key has been checked and whose body has been read and decompressed.
type Request struct {
	Partner     string // of the API key
	Bot         string // for SubmitTelegram the bot's name; for Submit what events without a bot get
	Format      Format
	Body        []byte                   // must not change while the call runs; nothing of it is kept
	TraceParent string                   // the header of this name, for events that have none of their own
	ReceivedAt  time.Time                // when the first byte was handled, from time.Now; zero: now
	Received    time.Time                // when body and key were read; zero: now
	Header      func(name string) string // for SubmitHook: a header of the request, "" where it has none; nil: there are none
	Itemize     bool                     // the receipt lists every item, even where all are ok
	Wait        bool                     // return when ClickHouse has the events too, or when ctx ends: Receipt.Stored says which

	telegram bool
}

// Submit decodes, checks and spools the items of a request and returns when everything that the receipt calls ok, a
// warning or dropped is durable. Items do not depend on each other. An error is always a *Problem: then no item was
// taken as an event, though what was dropped is kept among the rejected.
func (p *Pipeline) Submit(ctx context.Context, r Request) (leadline.Receipt, error) {
	leave, problem := p.admission.enter(ctx, &r)
	if problem != nil {
		return leadline.Receipt{}, problem
	}
	d := p.accept(&r)
	defer p.release(d)
	err := d.decode()
	leave()
	if err != nil {
		return leadline.Receipt{}, err
	}
	receipt, err := p.keep(ctx, d)
	if err != nil {
		return receipt, err
	}
	err = d.complain(&receipt)
	return receipt, err
}

// accept makes a decoder ready for a request.
func (p *Pipeline) accept(r *Request) *decoder { return p.decoder(r, p.spooled.request()) }

// decoder is one for a request that is called by this number, 0: it is not spooled.
func (p *Pipeline) decoder(r *Request, number uint64) *decoder {
	now := time.Now()
	if r.ReceivedAt.IsZero() {
		r.ReceivedAt = now
	}
	if r.Received.IsZero() {
		r.Received = now
	}
	d := p.decoders.Get().(*decoder)
	d.begin(r, number)
	return d
}

func (p *Pipeline) release(d *decoder) {
	d.end()
	p.decoders.Put(d)
}

// refuse says what forbids to take anything of the request.
func (d *decoder) refuse() error {
	switch {
	case d.foreign >= 0:
		return &Problem{
			Status: http.StatusForbidden, Code: CodePartnerMismatch,
			Detail: fmt.Sprintf("item %d names another partner than the key's: leave partner out, or use that partner's key", d.foreign),
		}
	case d.limit:
		return &Problem{
			Status: http.StatusRequestEntityTooLarge, Code: CodeTooManyItems,
			Detail: fmt.Sprintf("more than %d items: split the batch", maxItems),
		}
	case len(d.verdicts) == 0:
		return &Problem{Status: http.StatusBadRequest, Code: CodeEmptyBatch, Detail: "the batch is empty: send an event"}
	}
	return nil
}

// keep spools the records of a request and writes its receipt.
func (p *Pipeline) keep(ctx context.Context, d *decoder) (leadline.Receipt, error) {
	from := 0
	for i := range d.records {
		d.records[i].Data = d.out[from:d.ends[i]]
		from = d.ends[i]
	}
	lane, problem := p.admission.admit(&d.req, len(d.records))
	if problem != nil {
		return p.sendAgain(d, problem)
	}
	var stored *wait
	if d.req.Wait && p.spool.Fill() < fillShed {
		stored = p.waits.begin(d.stamp.request)
		defer p.waits.end(d.stamp.request)
	}
	begin := p.clock.now()
	if err := p.spool.Append(ctx, lane, d.records); err != nil {
		return p.sendAgain(d, p.notSpooled(err))
	}
	p.spooled.note(d.stamp.request, begin-d.stamp.received, p.clock.now()-d.stamp.received)
	receipt := d.receipt()
	p.accepted.Add(int64(receipt.Accepted))
	p.duplicates.Add(int64(receipt.Duplicates))
	p.rejected.Add(int64(receipt.Rejected))
	p.admission.spooled(lane, len(d.records)-receipt.Duplicates)
	if stored != nil && receipt.Duplicates == 0 { // nobody knows whether a duplicate's first try is stored
		receipt.Stored = p.waits.until(ctx, stored, receipt.Accepted)
	}
	return receipt, nil
}

// notSpooled says in words why the spool did not take a request.
func (p *Pipeline) notSpooled(err error) *Problem {
	problem := &Problem{Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Detail: "the events could not be made durable: send again", RetryAfter: time.Second, Err: err}
	switch {
	case errors.Is(err, spool.ErrFull):
		problem.Code, problem.Detail = CodeSpoolFull, "more waits to be stored than there is room for: send again later"
		problem.RetryAfter = p.admission.roomIn()
	case errors.Is(err, spool.ErrClosed):
		problem.Detail = "shutting down: send again"
	}
	return problem
}

// sendAgain is the answer to a request of which nothing was kept: all of it is to be sent again.
func (p *Pipeline) sendAgain(d *decoder, problem *Problem) (leadline.Receipt, error) {
	for i := range d.verdicts {
		d.verdicts[i] = verdict{id: d.verdicts[i].id, result: leadline.ResultRetry, code: problem.Code}
	}
	receipt := leadline.Receipt{Retry: len(d.verdicts), Items: d.items()}
	problem.Receipt = &receipt
	return receipt, problem
}
