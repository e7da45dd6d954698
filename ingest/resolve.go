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

// version is a version of a schema as it was looked up: mostly, the next event has the same one.
type version struct {
	name   []byte
	asked  int // the major version, latest: whichever that is
	major  int
	schema *schema.Schema // nil: there is none
	label  []byte         // name/major; empty where a type has no schema and none was named
}

const latest = -1

// versionOf is the version that is known so far: the one that is named, else the latest of the type.
func (d *decoder) versionOf(it *item) *version {
	name, asked := it.schemaName, it.major
	if name == "" {
		name, asked = it.event.Type, latest
	}
	v := &d.version
	if v.asked != asked || string(v.name) != name {
		d.lookUp(v, name, asked)
	}
	return v
}

func (d *decoder) lookUp(v *version, name string, asked int) {
	v.name, v.asked = append(v.name[:0], name...), asked
	v.major, v.schema, v.label = asked, nil, v.label[:0]
	if asked == latest {
		var ok bool
		if v.major, ok = d.schemas.Latest(name); !ok {
			return
		}
	}
	v.schema, _ = d.schemas.Lookup(name, v.major)
	v.label = strconv.AppendInt(append(append(v.label, name...), '/'), int64(v.major), 10)
}

// resolveSchema says which schema the payload has and checks it, if that was not done on the way.
func (d *decoder) resolveSchema() {
	it, e := &d.it, &d.it.event
	v := d.versionOf(it)
	s, name := v.schema, view(v.name)
	e.Schema = view(v.label)
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
	e.OccurredAt = d.arrived
	if it.occurred.IsZero() {
		return
	}
	occurred := it.occurred
	if !e.SentAt.IsZero() {
		occurred = d.arrived.Add(time.Duration(it.occurred.UnixNano() - e.SentAt.UnixNano())) // of 1971 to 2199
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
