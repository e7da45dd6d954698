package ingest

import (
	"bytes"
	"time"

	"leadline"
	"leadline/ingest/spool"
	"leadline/schema"
)

// decoder turns one request into spool records and verdicts. It belongs to one request at a time and is used again.
type decoder struct {
	schemas *schema.Registry
	pepper  func(partner string) []byte
	clock   clock
	// suppressed tells the leads of which nothing may be taken, nil: none
	suppressed func(partner, leadKey string) bool

	private bool                     // some schema marks personal data
	report  func(leadline.Violation) // notes a violation of the payload; made once, for it would be one allocation an event

	sc    schema.Scanner
	again schema.Scanner // of a payload whose schema was not known when sc came by
	text  []byte         // that sc reads
	it    item
	leads leads
	safe  []byte

	named   schemaName // that a sender wrote last
	version version    // that was looked up last

	masker schema.Masker
	token  func(to, value []byte) []byte // appends what stands for a personal value
	masked []byte

	req     Request // a pointer to the caller's would have it allocated
	paper   *dialect
	stamp   stamp
	arrived time.Time     // receipt of the request, in whole milliseconds
	traceID [16]byte      // of the request, zero: none
	receive time.Duration // end of the stage receive, counted from the receipt
	turn    time.Duration // when the present item's turn came
	single  bool          // the body is one event, not an array
	limit   bool          // more than maxItems
	foreign int           // the first item that names another partner, -1: none

	out      []byte // the records' bytes
	ends     []int  // of each record in out
	ids      []byte
	records  []spool.Record
	verdicts []verdict // one for each item
}

// verdict is what the receipt will say of an item.
type verdict struct {
	id         int // end of its id in ids
	record     int // index of its record, -1: nothing of it is kept
	result     leadline.Result
	warnings   []string
	code       string
	violations []leadline.Violation
}

func newDecoder(schemas *schema.Registry, pepper func(string) []byte, c clock) *decoder {
	d := &decoder{schemas: schemas, pepper: pepper, clock: c, private: schemas.HasPrivate()}
	d.token = func(to, value []byte) []byte {
		to = append(to, `"pii:`...)
		to = append(to, d.leads.token(d.pepper, d.req.Partner, value)...)
		return append(to, '"')
	}
	d.report = func(v leadline.Violation) {
		v.Pointer = d.paper.payload + v.Pointer
		d.it.broken = append(d.it.broken, v)
	}
	return d
}

// begin prepares for a request.
func (d *decoder) begin(r *Request, request uint64) {
	d.req, d.paper = *r, dialectOf(r.Format)
	d.stamp = stamp{process: d.clock.process, received: d.clock.at(r.ReceivedAt), request: request}
	d.arrived = r.ReceivedAt.Truncate(time.Millisecond)
	d.traceID, _ = traceID([]byte(r.TraceParent))
	d.receive = r.Received.Sub(r.ReceivedAt)
	d.turn = d.receive
	d.single, d.limit, d.foreign = false, false, -1
	d.out, d.ends, d.ids = d.out[:0], d.ends[:0], d.ids[:0]
	d.records, d.verdicts = d.records[:0], d.verdicts[:0]
}

// end lets go of what belongs to the request.
func (d *decoder) end() {
	d.req, d.text = Request{}, nil
	d.sc.Begin(nil)
	d.again.Begin(nil)
	clear(d.records)
	clear(d.verdicts)
	const keep = 1 << 20 // a huge request's buffers are not worth keeping
	if cap(d.out) > keep {
		d.out = nil
	}
}

// array reads a JSON body: one event, or an array of events.
func (d *decoder) array() error {
	d.text = d.req.Body
	d.sc.Begin(d.text)
	kind := d.sc.Kind()
	if d.req.Format == FormatCloudEvents && kind != schema.KindArray && kind != schema.KindNone {
		return errNoBatch
	}
	if d.single = kind != schema.KindArray || d.req.Format == FormatCloudEvent; d.single {
		if raw, ok := d.read(); ok && d.sc.End() == nil {
			d.push(raw)
		}
		return d.sc.End()
	}
	for d.sc.Array(); d.sc.Next(); {
		if d.limit = len(d.verdicts) == maxItems; d.limit {
			return nil
		}
		raw, ok := d.read()
		if !ok {
			break
		}
		d.push(raw)
	}
	return d.sc.End()
}

// lines reads newline-delimited JSON. A line that is not JSON is that line's problem only.
func (d *decoder) lines() {
	for line := range bytes.Lines(d.req.Body) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if d.limit = len(d.verdicts) == maxItems; d.limit {
			return
		}
		d.text = line
		d.sc.Begin(line)
		raw, _ := d.read()
		if err := d.sc.End(); err != nil {
			d.start()
			d.it.fail(CodeInvalidJSON, leadline.Violation{Rule: "json", Expected: "one JSON value", Got: err.Error()})
		}
		d.push(raw)
	}
}

// read reads the item that is next in the scan. It is not ok where the text is not JSON.
func (d *decoder) read() (raw []byte, ok bool) {
	d.start()
	from := d.sc.Offset()
	switch kind := d.sc.Kind(); {
	case kind != schema.KindObject:
		d.notAnObject(kind)
	case d.paper == &cloudEvents:
		d.readCloudEvent()
	default:
		d.readEnvelope()
	}
	if d.sc.Err() != nil {
		return nil, false
	}
	raw = d.text[from:d.sc.Passed()]
	if len(raw) > maxEvent {
		d.it.tooLarge(len(raw))
	}
	if d.it.foreign && d.foreign < 0 {
		d.foreign = len(d.verdicts)
	}
	d.finish(raw)
	return raw, true
}

func (d *decoder) notAnObject(kind schema.Kind) {
	if _, ok := d.sc.Skip(); ok {
		d.it.fail(CodeNotAnObject, leadline.Violation{Rule: "type", Expected: "an object", Got: kindName[kind]})
	}
}

// start begins an item.
func (d *decoder) start() {
	d.it.reset()
	e := &d.it.event
	e.Partner, e.Bot, e.Source, e.ReceivedAt, e.Attempt = d.req.Partner, d.req.Bot, leadline.SourceEvents, d.req.ReceivedAt, 1
	e.Spend(leadline.StageReceive, 0, d.receive.Truncate(time.Microsecond), leadline.StatusOK)
}

// push ends the item: its record and its verdict.
func (d *decoder) push(raw []byte) {
	it, e := &d.it, &d.it.event
	now := d.clock.now() - d.stamp.received
	spend(e, leadline.StageValidate, d.turn, now, leadline.StatusOK)
	d.turn = now
	d.ids = append(d.ids, e.ID...)
	v := verdict{id: len(d.ids), record: len(d.records), code: it.code}
	var key leadline.Key
	switch {
	case d.suppressed != nil && e.LeadKey != "" && d.suppressed(e.Partner, e.LeadKey):
		v.record, v.result, v.code = -1, leadline.ResultDrop, CodeErased
		v.violations = append(v.violations, leadline.Violation{Rule: "erased", Expected: "a lead that was not erased"})
		d.verdicts = append(d.verdicts, v)
		return
	case it.code != "":
		v.result, v.violations = leadline.ResultDrop, append(v.violations, it.violations...)
		x := d.rejected(raw)
		d.out = appendRejected(d.out, &x)
	default:
		v.result = leadline.ResultOK
		if len(e.Warnings) > 0 {
			v.result, v.warnings = leadline.ResultWarning, append(v.warnings, e.Warnings...)
		}
		e.Key = leadline.KeyOf(e.Partner, e.ID)
		if e.TraceID == [16]byte{} {
			e.TraceID = e.Key
		}
		key = e.Key
		d.out = appendEvent(d.out, e, d.stamp)
	}
	d.ends = append(d.ends, len(d.out))
	d.records = append(d.records, spool.Record{Key: key})
	d.verdicts = append(d.verdicts, v)
}
