package store

import (
	"iter"
	"net/netip"
	"time"

	"leadline"
)

// ways reads back who sent each event, when it came, and its stages: what a rollup counts. An event is valid until the
// next one.
func (c *events) ways() iter.Seq[*leadline.Event] {
	return func(yield func(*leadline.Event) bool) {
		var e leadline.Event
		for i := range c.receivedAt.ColInt64 {
			giveWay(i)
			if c.way(i, &e); !yield(&e) {
				return
			}
		}
	}
}

// whole reads the events back as they were added, but for Key. An event is valid until the next one.
func (c *events) whole() iter.Seq[*leadline.Event] {
	return func(yield func(*leadline.Event) bool) {
		var e leadline.Event
		var id, lead, prefix, payload place // where the texts of the next row begin
		var text []byte
		for i := range c.receivedAt.ColInt64 {
			giveWay(i)
			c.way(i, &e)
			c.names(i, &e)
			text, id = c.id.next(id)
			e.ID = string(text)
			text, lead = c.leadKey.next(lead)
			e.LeadKey = string(text)
			text, prefix = c.ipPrefix.next(prefix)
			e.IP = addrOf(text)
			e.Payload, payload = c.payload.next(payload)
			if !yield(&e) {
				return
			}
		}
	}
}

func (c *events) way(i int, e *leadline.Event) {
	e.Partner, e.Campaign = c.partner.row(i), c.campaign.row(i)
	e.ReceivedAt = time.UnixMicro(c.receivedAt.ColInt64[i]).UTC()
	e.Segments = e.Segments[:0]
	begin, end := c.stage.row(i)
	for at := begin; at < end; at++ {
		e.Segments = append(e.Segments, leadline.Segment{
			Stage:    c.stage.of.row(at),
			Wait:     micro((*c.wait.of)[at]),
			Duration: micro((*c.duration.of)[at]),
			Status:   leadline.Status(c.status.of.row(at)),
		})
	}
}

func micro(us uint64) time.Duration { return time.Duration(us) * time.Microsecond }

func (c *events) names(i int, e *leadline.Event) {
	e.Type, e.Schema, e.Bot, e.Source, e.Lane = c.eventType.row(i), c.schema.row(i), c.bot.row(i), c.source.row(i), c.lane.row(i)
	e.Country, e.Locale, e.Outcome = c.country.row(i), c.locale.row(i), c.outcome.row(i)
	e.OccurredAt, e.SentAt = time.UnixMilli(c.occurredAt.ColInt64[i]).UTC(), time.UnixMilli(c.sentAt.ColInt64[i]).UTC()
	e.TraceID, e.Attempt = c.traceID[i], c.attempt[i]
	e.Warnings = e.Warnings[:0]
	for at, end := c.warnings.row(i); at < end; at++ {
		e.Warnings = append(e.Warnings, c.warnings.of.row(at))
	}
}

// addrOf is the address of a network that appendPrefix has written.
func addrOf(prefix []byte) netip.Addr {
	p, err := netip.ParsePrefix(string(prefix))
	if err != nil {
		return netip.Addr{}
	}
	return p.Addr()
}

// pick adds the events of some days.
func (c *events) pick(from *events, take func(day uint32) bool) {
	for e := range from.whole() {
		if take(dayOf(e.ReceivedAt.UnixMicro())) {
			c.add(e)
		}
	}
}
