package ingest

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strconv"

	"leadline"
	"leadline/schema"
)

var errNoBatch = errors.New("a batch of CloudEvents is a JSON array: send one event as application/cloudevents+json")

// cloudEvent is what is read of a CloudEvent beside the fields that it shares with an event of our own.
type cloudEvent struct {
	id, source               string
	hasVersion, hasID, hasIn bool
}

// readCloudEvent reads a CloudEvent 1.0 in structured mode (JSON Event Format 1.0) into d.it. Attributes without a
// meaning here are left out: the standard ones in silence, others with a remark. What is null is not there.
func (d *decoder) readCloudEvent() {
	it, sc := &d.it, &d.sc
	base := sc.Offset()
	var c cloudEvent
	for sc.Object(); sc.Key(); {
		if sc.Kind() == schema.KindNull {
			sc.Null()
			continue
		}
		f := attributeOf(sc.Name())
		if f < 0 {
			d.readExtension(&c)
			continue
		}
		from := sc.Offset()
		d.readAttribute(f, &c)
		it.spans[f] = span{from - base, sc.Passed() - base}
	}
	d.requireAttribute(c.hasVersion, "/specversion", `"1.0"`)
	d.requireAttribute(c.hasID, "/id", "an id, unique within its source")
	d.requireAttribute(c.hasIn, "/source", "a URI reference such as /bots/acme")
	if c.id != "" && c.source != "" {
		it.event.ID = it.keep(d.cloudID(&c))
	}
	it.hasID = true // none is ever derived: without an id it is no CloudEvent
}

// attributeOf finds the field that an attribute is to us, -1 where it is none.
func attributeOf(name []byte) int {
	switch string(name) {
	case "id":
		return fieldID
	case "source":
		return fieldOrigin
	case "type":
		return fieldType
	case "time":
		return fieldOccurredAt
	case "dataschema":
		return fieldSchema
	case "data":
		return fieldPayload
	case "bot":
		return fieldBot
	case "campaign":
		return fieldCampaign
	case "partner":
		return fieldPartner
	case "traceparent":
		return fieldTraceparent
	}
	return -1
}

func (d *decoder) readAttribute(f int, c *cloudEvent) {
	switch f {
	case fieldID:
		c.hasID = true
		c.id = d.readWord("/id", isPrintable, "1 character or more, none of them a control character", personal)
	case fieldOrigin:
		c.hasIn = true
		c.source = d.readWord("/source", isPrintable, "a URI reference such as /bots/acme", personal)
	case fieldOccurredAt:
		d.it.occurred = d.readTime("/time")
	case fieldSchema:
		d.readDataSchema()
	default:
		d.readField(f)
	}
}

// readExtension reads an attribute that is no field of ours by name.
func (d *decoder) readExtension(c *cloudEvent) {
	it, sc := &d.it, &d.sc
	switch string(sc.Name()) {
	case "specversion":
		c.hasVersion = true
		d.readWord("/specversion", func(b []byte) bool { return string(b) == "1.0" }, `"1.0"`, open)
	case "schema": // in our own form; it counts more than dataschema
		d.readSchemaName()
		it.schemaGiven = true
	case "leadchatid":
		d.readChatText("/leadchatid")
		it.spans[fieldLead] = span{0, 1}
	case "leadip":
		d.readIP("/leadip")
	case "leadlocale":
		it.event.Locale = d.readWord("/leadlocale", isLocale, "a language tag such as en or pt-BR", personal)
	case "data_base64":
		if _, ok := sc.Skip(); ok {
			it.fail(CodeBinaryData, leadline.Violation{Pointer: "/data_base64", Rule: "type", Expected: "a JSON object in data"})
		}
	case "datacontenttype", "subject", "tracestate", "recordedtime", "sequence", "sequencetype", "partitionkey", "sampledrate":
		sc.Skip()
	default:
		sc.Skip()
		it.warnOnce(CodeUnknownExtension)
	}
}

func (d *decoder) requireAttribute(there bool, pointer, expected string) {
	if !there {
		d.it.fail(CodeMissingField, leadline.Violation{Pointer: pointer, Rule: "required", Expected: expected})
	}
}

// cloudID names an event for what makes a CloudEvent unique: source and id together. Neither has a zero byte.
func (d *decoder) cloudID(c *cloudEvent) []byte {
	d.safe = append(append(append(d.safe[:0], c.source...), 0), c.id...)
	sum := sha256.Sum256(d.safe)
	return hex.AppendEncode(append(d.safe[:0], "ce:"...), sum[:16])
}

// readDataSchema reads a URI. Where it ends in type/major, such as https://example.org/schemas/lead.created/2, or the
// same with .json, it names a schema of ours.
func (d *decoder) readDataSchema() {
	v, ok := d.readText("/dataschema")
	if !ok || d.it.schemaGiven {
		return
	}
	v = bytes.TrimSuffix(v, []byte(".json"))
	if major := bytes.LastIndexByte(v, '/'); major > 0 {
		v = v[bytes.LastIndexByte(v[:major], '/')+1:]
	}
	if name, major, ok := d.named.read(v); ok {
		d.it.schemaName, d.it.major = name, major
	}
}

// readChatText reads a chat id that may be a string: an Integer of CloudEvents has 32 bits, a chat id up to 52.
func (d *decoder) readChatText(pointer string) {
	if d.sc.Kind() != schema.KindString {
		d.readChat(pointer)
		return
	}
	if v, ok := d.sc.Text(); ok {
		d.takeChat(pointer, view(v))
	}
}

func (d *decoder) takeChat(pointer, text string) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		d.it.invalid(pointer, "type", "an integer of 64 bits", nil)
		return
	}
	d.it.chat, d.it.hasChat = id, true
}

// isPrintable: at least one byte, no control characters.
func isPrintable(b []byte) bool {
	for _, c := range b {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return len(b) > 0
}
