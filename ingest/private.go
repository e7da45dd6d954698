package ingest

import (
	"bytes"

	"leadline/schema"
)

// dialect is how a way of writing events calls what all of them have.
type dialect struct {
	payload, occurred, schema string // JSON Pointers
	kept                      []keptField
	lead                      [2]string // what stands around the lead key in the text of a rejected item
}

// keptField is a field that may be kept of an item that is rejected.
type keptField struct {
	field int
	name  string
}

var (
	ownEvents = dialect{
		payload: "/payload", occurred: "/occurred_at", schema: "/schema",
		kept: []keptField{
			{fieldID, "id"},
			{fieldType, "type"},
			{fieldOccurredAt, "occurred_at"},
			{fieldSentAt, "sent_at"},
			{fieldBot, "bot"},
			{fieldCampaign, "campaign"},
			{fieldSchema, "schema"},
			{fieldAttempt, "attempt"},
			{fieldPayload, "payload"},
			{fieldLead, "lead"},
		},
		lead: [2]string{`{"lead_key":"`, `"}`},
	}
	cloudEvents = dialect{
		payload: "/data", occurred: "/time", schema: "/dataschema",
		kept: []keptField{
			{fieldID, "id"},
			{fieldOrigin, "source"},
			{fieldType, "type"},
			{fieldOccurredAt, "time"},
			{fieldBot, "bot"},
			{fieldCampaign, "campaign"},
			{fieldSchema, "dataschema"},
			{fieldPayload, "data"},
			{fieldLead, "leadkey"},
		},
		lead: [2]string{`"`, `"`},
	}
	hookEvents = dialect{occurred: "/occurred_at", schema: "/type"}
)

func dialectOf(f Format) *dialect {
	if f == FormatCloudEvent || f == FormatCloudEvents {
		return &cloudEvents
	}
	return &ownEvents
}

// maskEvent masks the personal data in the payload of an event that is taken.
func (d *decoder) maskEvent() {
	it, e := &d.it, &d.it.event
	if it.code != "" || len(it.hide) == 0 && (it.schema == nil || !it.schema.Private()) {
		return
	}
	d.masker.Begin(e.Payload)
	d.hide()
	if it.schema != nil {
		d.masker.Recall(it.schema, it.scan)
	}
	if !d.masker.Masked() {
		return
	}
	payload := d.masker.Append(d.masked[:0], d.token)
	if d.masked = payload; len(payload) > maxEvent { // tokens are longer than digits
		it.tooLarge(len(payload))
		return
	}
	e.Payload = payload
}

// hide marks what is personal whatever the schema says.
func (d *decoder) hide() {
	for _, s := range d.it.hide {
		d.masker.Hide(s.from, s.to)
	}
}

// safeText is what may be kept of an item that is rejected: the fields that are known, of lead only its key, and the
// payload without personal data. A text that is not JSON is not kept, for nobody can say where its personal data stands.
func (d *decoder) safeText(raw []byte) []byte {
	if d.it.code == CodeInvalidJSON || d.it.code == CodeNotAnObject {
		return nil
	}
	if d.paper == &hookEvents {
		return d.safePayload(raw)
	}
	d.safe = append(d.safe[:0], '{')
	for _, k := range d.paper.kept {
		s := d.it.spans[k.field]
		if s == (span{}) {
			continue
		}
		if text := bytes.TrimSpace(raw[s.from:min(s.to, len(raw))]); k.field == fieldLead {
			d.keepField(k.name, d.paper.lead[0], d.it.event.LeadKey, d.paper.lead[1])
		} else if k.field == fieldPayload {
			d.keepField(k.name, view(d.safePayload(text)))
		} else if d.tells(k.field, text) {
			d.keepField(k.name, view(text))
		}
	}
	d.safe = append(d.safe, '}')
	return d.safe
}

// tells reports whether a field may be kept as it came: it was taken, or is at least of its type and looks like nothing
// of a person.
func (d *decoder) tells(field int, text []byte) bool {
	it, e := &d.it, &d.it.event
	taken := false
	switch field {
	case fieldID, fieldOrigin:
		taken = e.ID != ""
	case fieldOccurredAt:
		taken = !it.occurred.IsZero()
	case fieldSentAt:
		taken = !e.SentAt.IsZero()
	case fieldBot:
		taken = e.Bot != ""
	case fieldCampaign:
		taken = e.Campaign != ""
	case fieldAttempt:
		return isDigit(text[0]) && schema.Plain(text)
	}
	return text[0] == '"' && (taken || schema.Plain(text))
}

// keepField appends a field, where it has a value and there is room.
func (d *decoder) keepField(name string, value ...string) {
	n := len(`,"":}`) + len(name)
	for _, v := range value {
		n += len(v)
	}
	if value[0] == "" || len(d.safe)+n > maxEvent {
		return
	}
	if len(d.safe) > 1 {
		d.safe = append(d.safe, ',')
	}
	d.safe = append(append(append(d.safe, '"'), name...), `":`...)
	for _, v := range value {
		d.safe = append(d.safe, v...)
	}
}

// safePayload is what may be kept of a rejected item's payload: nothing where it is not known which schema would have
// said what is personal in it, though some schema does.
func (d *decoder) safePayload(payload []byte) []byte {
	it := &d.it
	if it.code == CodeTooLarge || len(payload) == 0 || payload[0] != '{' || it.schema == nil && d.private {
		return nil
	}
	if it.schema == nil && len(it.hide) == 0 {
		return payload
	}
	d.masker.Begin(payload)
	d.hide()
	if it.schema != nil {
		d.masker.Look(it.schema, true)
	}
	if d.masked = d.masker.Append(d.masked[:0], d.token); len(d.masked) > maxEvent {
		return nil
	}
	return d.masked
}
