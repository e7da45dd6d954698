package store

import (
	"github.com/ClickHouse/ch-go/proto"

	"leadline"
	"leadline/latency"
)

// rejected holds the columns of one batch for the table rejected. Its memory is used again for the next batch.
type rejected struct {
	input proto.Input

	receivedAt                      micros
	partner, bot, eventType, schema words
	source, code                    words
	id, leadKey, payload            texts
	payloadBytes                    proto.ColUInt32
	pointer, expected, got, nearest list[*texts]
	rule                            list[*words]
}

func newRejected() *rejected {
	c := new(rejected)
	for _, l := range []*list[*texts]{&c.pointer, &c.expected, &c.got, &c.nearest} {
		l.of = new(texts)
	}
	c.rule.of = new(words)
	c.input = proto.Input{
		{Name: "received_at", Data: &c.receivedAt},
		{Name: "partner", Data: &c.partner},
		{Name: "bot", Data: &c.bot},
		{Name: "id", Data: &c.id},
		{Name: "type", Data: &c.eventType},
		{Name: "schema", Data: &c.schema},
		{Name: "source", Data: &c.source},
		{Name: "lead_key", Data: &c.leadKey},
		{Name: "code", Data: &c.code},
		{Name: "violations.pointer", Data: &c.pointer},
		{Name: "violations.rule", Data: &c.rule},
		{Name: "violations.expected", Data: &c.expected},
		{Name: "violations.got", Data: &c.got},
		{Name: "violations.nearest", Data: &c.nearest},
		{Name: "payload", Data: &c.payload},
		{Name: "payload_bytes", Data: &c.payloadBytes},
	}
	return c
}

// fill replaces what is there by the items of some days.
func (c *rejected) fill(of []leadline.Rejected, take func(day uint32) bool) {
	c.input.Reset()
	for i := range of {
		if take(dayOf(latency.Micros(of[i].ReceivedAt))) {
			c.add(&of[i])
		}
	}
}

func (c *rejected) add(r *leadline.Rejected) {
	c.receivedAt.Append(latency.Micros(r.ReceivedAt))
	c.partner.add(r.Partner)
	c.bot.add(r.Bot)
	c.id.add(r.ID)
	c.eventType.add(r.Type)
	c.schema.add(r.Schema)
	c.source.add(r.Source)
	c.leadKey.add(r.LeadKey)
	c.code.add(r.Code)
	for i := range r.Violations {
		v := &r.Violations[i]
		c.pointer.of.add(v.Pointer)
		c.rule.of.add(v.Rule)
		c.expected.of.add(v.Expected)
		c.got.of.add(v.Got)
		c.nearest.of.add(v.Nearest)
	}
	c.pointer.end()
	c.rule.end()
	c.expected.end()
	c.got.end()
	c.nearest.end()
	c.payload.addBytes(r.Payload)
	c.payloadBytes.Append(uint32(len(r.Payload)))
}
