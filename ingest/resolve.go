package ingest

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"leadline"
	"leadline/schema"
)

// How far from its receipt an event may have occurred.
const (
	maxAge    = 30 * 24 * time.Hour
	maxFuture = 5 * time.Minute
)

// finish does what can only be done when the whole envelope is known.
func (d *decoder) finish(raw []byte) {
	it, e := &d.it, &d.it.event
	if it.hasChat {
		e.LeadKey = it.keep(d.leads.of(d.pepper, e.Partner, it.chat))
	}
	if it.code == CodeTooLarge || it.code == CodeNotAnObject {
		return
	}
	if !it.hasType {
		it.fail(CodeMissingField, leadline.Violation{Pointer: "/type", Rule: "required", Expected: "a type such as lead.created"})
	}
	d.resolveSchema()
	d.resolveTime()
	if e.TraceID == [16]byte{} {
		e.TraceID = d.traceID
	}
	if !it.hasID && it.code == "" {
		e.ID = it.keep(d.deriveID(raw))
		it.warn(CodeDerivedID)
	}
	if e.Payload == nil {
		e.Payload = emptyPayload
	}
	d.maskEvent()
}

var emptyPayload = []byte("{}")

// schemaOf is the schema that is known so far, and its major version: the one that is named, else the latest of the
// type. It is nil where the type has none, or not this one.
func (d *decoder) schemaOf(it *item) (s *schema.Schema, major int) {
	name, major := it.schemaName, it.major
	if name == "" {
		if name = it.event.Type; name == "" {
			return nil, 0
		}
		var ok bool
		if major, ok = d.schemas.Latest(name); !ok {
			return nil, 0
		}
	}
	s, _ = d.schemas.Lookup(name, major)
	return s, major
}

// resolveSchema says which schema the payload has and checks it, if that was not done on the way.
func (d *decoder) resolveSchema() {
	it, e := &d.it, &d.it.event
	s, major := d.schemaOf(it)
	name := it.schemaName
	if name == "" {
		name = e.Type
	}
	if s != nil || it.schemaName != "" {
		n := len(it.words)
		it.words = append(append(it.words, name...), '/')
		it.words = strconv.AppendInt(it.words, int64(major), 10)
		e.Schema = view(it.words[n:])
	}
	it.schema = s
	if s == nil {
		if latest, ok := d.schemas.Latest(name); ok {
			it.fail(CodeSchemaUnknown, leadline.Violation{
				Pointer: d.paper.schema, Rule: "const", Expected: fmt.Sprintf("%s/%d or another version that has a schema", name, latest), Got: strings.Clone(e.Schema),
			})
		} else if name != "" {
			it.warn(CodeNoSchema)
		}
		return
	}
	if it.checked != s && (e.Payload != nil || it.spans[fieldPayload] == (span{})) {
		it.broken = it.broken[:0]
		payload := e.Payload
		if payload == nil {
			payload = emptyPayload
		}
		d.again.Begin(payload)
		it.checked, it.scan = s, &d.again
		s.CheckNext(it.scan, d.report)
	}
	for _, v := range it.broken {
		it.fail(CodeSchemaViolation, v)
	}
}

// resolveTime moves occurred_at from the sender's clock to ours where sent_at shows how far they are apart.
func (d *decoder) resolveTime() {
	it, e := &d.it, &d.it.event
	e.OccurredAt = e.ReceivedAt.Truncate(time.Millisecond)
	if it.occurred.IsZero() {
		return
	}
	occurred := it.occurred
	if !e.SentAt.IsZero() {
		occurred = e.OccurredAt.Add(it.occurred.Sub(e.SentAt))
	}
	switch age := e.ReceivedAt.Sub(occurred); {
	case age > maxAge:
		it.fail(CodeTooOld, leadline.Violation{Pointer: d.paper.occurred, Rule: "minimum", Expected: "at most 30 days before it is received", Got: stamped(occurred)})
	case age < -maxFuture:
		it.fail(CodeFutureTimestamp, leadline.Violation{Pointer: d.paper.occurred, Rule: "maximum", Expected: "at most 5 minutes after it is received", Got: stamped(occurred)})
	default:
		e.OccurredAt = occurred
	}
}

func stamped(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// deriveID makes an id of the content: the fields in a fixed order without white space, but for those that a retry
// changes (attempt, sent_at). The hash is keyed, since the content may have no more to guess than a chat id.
func (d *decoder) deriveID(raw []byte) []byte {
	d.safe = append(d.safe[:0], d.it.seed...)
	for f := range numHashed {
		if s := d.it.spans[f]; s != (span{}) {
			d.safe = append(d.safe, envelopeFields[f]...)
			d.safe = append(d.safe, 0)
			d.safe = appendCompact(d.safe, raw[s.from:min(s.to, len(raw))])
			d.safe = append(d.safe, 0)
		}
	}
	sum := d.leads.sign(d.pepper, d.it.event.Partner, "id:", d.safe)
	return hex.AppendEncode(append(d.safe[:0], "h:"...), sum[:16])
}

// appendCompact appends checked JSON without the white space between its parts.
func appendCompact(to, raw []byte) []byte {
	quoted := false
	for i := 0; i < len(raw); i++ {
		c := raw[i]
		switch {
		case quoted && c == '\\':
			to = append(to, c)
			i++
			c = raw[i]
		case c == '"':
			quoted = !quoted
		case !quoted && c <= ' ':
			continue
		}
		to = append(to, c)
	}
	return to
}
