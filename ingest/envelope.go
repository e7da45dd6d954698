package ingest

import (
	"bytes"
	"strconv"
	"time"

	"leadline/schema"
)

// privacy says whether a value may be shown in a violation.
type privacy bool

const (
	open     privacy = false
	personal privacy = true
)

// readEnvelope reads the object that is next in the scan into d.it, notes everything that is wrong with it, and checks
// the payload on the way where the schema is known by then.
func (d *decoder) readEnvelope() {
	it, sc := &d.it, &d.sc
	base := sc.Offset()
	for sc.Object(); sc.Key(); {
		f := fieldOf(sc.Name())
		if f < 0 {
			it.unknown("", sc.Name(), knownFields)
			sc.Skip()
			continue
		}
		from := sc.Offset()
		d.readField(f)
		it.spans[f] = span{from - base, sc.Passed() - base}
	}
}

func (d *decoder) readField(f int) {
	it, sc, e := &d.it, &d.sc, &d.it.event
	switch f {
	case fieldID:
		e.ID = d.readWord("/id", isID, "1 to 100 characters of A–Z a–z 0–9 . _ : -", open)
		it.hasID = true
	case fieldType:
		it.hasType = true
		e.Type = d.readWord("/type", isType, "2 to 5 words of a–z 0–9 _ with dots between, such as lead.created", open)
	case fieldOccurredAt:
		it.occurred = d.readTime("/occurred_at")
	case fieldSentAt:
		e.SentAt = d.readTime("/sent_at")
	case fieldBot:
		e.Bot = d.readWord("/bot", isName, "at most 64 bytes without control characters", open)
	case fieldCampaign:
		e.Campaign = d.readWord("/campaign", isName, "at most 64 bytes without control characters", open)
	case fieldPartner:
		if v, ok := d.readText("/partner"); ok && string(v) != e.Partner {
			it.foreign = true
		}
	case fieldLead:
		d.readLead()
	case fieldTraceparent: // never a reason to reject
		if sc.Kind() != schema.KindString {
			it.warn(CodeInvalidTraceparent)
			sc.Skip()
		} else if v, ok := sc.Text(); ok {
			d.trace(v)
		}
	case fieldTracestate:
		sc.Skip()
	case fieldSchema:
		d.readSchemaName()
	case fieldAttempt:
		d.readAttempt()
	case fieldSpans:
		if d.is(schema.KindArray, "/spans", "an array") {
			sc.Skip()
			it.warn(CodeSpansIgnored)
		}
	case fieldPayload:
		d.readPayload()
	default:
		panic("BUG: field " + strconv.Itoa(f))
	}
}

// kindName is what is told of a value of the wrong type: the value itself may be anything, a chat id too.
var kindName = [...]string{
	schema.KindNone: "nothing", schema.KindNull: "null", schema.KindBool: "a boolean", schema.KindNumber: "a number",
	schema.KindString: "a string", schema.KindArray: "an array", schema.KindObject: "an object",
}

// is reports whether the next value is of a kind. If not, it notes that and passes the value.
func (d *decoder) is(kind schema.Kind, pointer, expected string) bool {
	got := d.sc.Kind()
	if got == kind {
		return true
	}
	if _, ok := d.sc.Skip(); ok {
		d.it.invalid(pointer, "type", expected, []byte(kindName[got]))
	}
	return false
}

func (d *decoder) readText(pointer string) ([]byte, bool) {
	if d.sc.Kind() == schema.KindString {
		return d.sc.Text()
	}
	return nil, d.is(schema.KindString, pointer, "a string")
}

// readWord reads a string that must look a certain way, "" where it does not.
func (d *decoder) readWord(pointer string, fits func([]byte) bool, expected string, p privacy) string {
	v, ok := d.readText(pointer)
	if !ok {
		return ""
	}
	if !fits(v) {
		if p {
			v = nil
		}
		d.it.invalid(pointer, "pattern", expected, v)
		return ""
	}
	return d.it.keep(v)
}

// readTime reads RFC 3339.
func (d *decoder) readTime(pointer string) time.Time {
	v, ok := d.readText(pointer)
	if !ok {
		return time.Time{}
	}
	return d.takeTime(pointer, v, v)
}

// takeTime understands RFC 3339. Years that ClickHouse's DateTime64 cannot hold for sure are refused. told is what may
// be told of it.
func (d *decoder) takeTime(pointer string, v, told []byte) time.Time {
	t, ok := moment(v)
	if ok {
		return t
	}
	if err := t.UnmarshalText(v); err != nil || t.Year() < 1971 || t.Year() > 2199 {
		d.it.invalid(pointer, "format", "a time such as 2026-03-20T19:30:27.123Z (RFC 3339)", told)
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

func (d *decoder) readAttempt() {
	if !d.is(schema.KindNumber, "/attempt", "an integer") {
		return
	}
	n, ok := d.sc.Number()
	if !ok {
		return
	}
	v, ok := n.Int64()
	if !ok || v < 1 {
		d.it.invalid("/attempt", "minimum", "an integer from 1", n.Raw)
		return
	}
	d.it.event.Attempt = uint8(min(v, 255))
}

// readSchemaName reads name/major; a minor version behind it is welcome and changes nothing.
func (d *decoder) readSchemaName() {
	v, ok := d.readText("/schema")
	if !ok {
		return
	}
	name, major, ok := d.named.read(v)
	if !ok {
		d.it.invalid("/schema", "pattern", "type/major, such as lead.created/2", v)
		return
	}
	d.it.schemaName, d.it.major = name, major
}

// schemaName is the name of a schema as a sender wrote it, who mostly writes the same one again.
type schemaName struct {
	text  []byte
	name  string // in text
	major int
}

// read returns a name that holds until another one is read.
func (s *schemaName) read(v []byte) (name string, major int, ok bool) {
	if len(v) == 0 || !bytes.Equal(v, s.text) {
		n, major, ok := parseSchemaName(v)
		if !ok {
			return "", 0, false
		}
		s.text = append(s.text[:0], v...)
		s.name, s.major = view(s.text[:len(n)]), major
	}
	return s.name, s.major, true
}

func parseSchemaName(v []byte) (name []byte, major int, ok bool) {
	name, version, _ := bytes.Cut(v, []byte("/"))
	digits, minor, hasMinor := bytes.Cut(version, []byte("."))
	major, err := strconv.Atoi(view(digits))
	if !isType(name) || err != nil || major < 0 || major > 9999 || digits[0] < '0' || digits[0] > '9' ||
		hasMinor && (len(minor) == 0 || len(bytes.Trim(minor, ".0123456789")) > 0) {
		return nil, 0, false
	}
	return name, major, true
}

func (d *decoder) trace(traceparent []byte) {
	id, ok := traceID(traceparent)
	if !ok {
		d.it.warn(CodeInvalidTraceparent)
		return
	}
	d.it.event.TraceID = id
}

// readPayload checks the payload while it is scanned, where type or schema came before it. Should a later field name
// another schema, resolve checks again.
func (d *decoder) readPayload() {
	it, sc := &d.it, &d.sc
	if !d.is(schema.KindObject, d.paper.payload, "an object") {
		return
	}
	from := sc.Offset()
	if s := d.versionOf(it).schema; s != nil {
		it.checked, it.scan = s, sc
		s.CheckNext(sc, d.report)
	} else {
		sc.Skip()
	}
	if sc.Err() == nil {
		it.event.Payload = d.text[from:sc.Passed()]
	}
}
