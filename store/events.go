package store

import (
	"net/netip"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"leadline"
	"leadline/latency"
)

// events holds the columns of one batch for the table events. Its memory is used again for the next batch, and nothing of
// an event that was added is.
type events struct {
	host  string
	input proto.Input
	text  []byte // for one short text at a time

	minute                          minutes
	storedAt, receivedAt            micros
	occurredAt, sentAt              millis
	partner, bot, campaign          words
	eventType, schema, source, lane words
	country, locale, outcome, hosts words
	id, leadKey, ipPrefix, payload  texts
	traceID                         proto.ColFixedStr16
	attempt                         proto.ColUInt8
	warnings, stage, status         list[*words]
	wait, duration                  list[*proto.ColUInt64]
	e2e                             proto.ColUInt64
}

func newEvents(host string) *events {
	c := &events{host: host}
	for _, l := range []*list[*words]{&c.warnings, &c.stage, &c.status} {
		l.of = new(words)
	}
	c.wait.of, c.duration.of = new(proto.ColUInt64), new(proto.ColUInt64)
	c.input = proto.Input{
		{Name: "minute", Data: &c.minute},
		{Name: "stored_at", Data: &c.storedAt},
		{Name: "received_at", Data: &c.receivedAt},
		{Name: "occurred_at", Data: &c.occurredAt},
		{Name: "sent_at", Data: &c.sentAt},
		{Name: "partner", Data: &c.partner},
		{Name: "bot", Data: &c.bot},
		{Name: "campaign", Data: &c.campaign},
		{Name: "type", Data: &c.eventType},
		{Name: "schema", Data: &c.schema},
		{Name: "source", Data: &c.source},
		{Name: "lane", Data: &c.lane},
		{Name: "country", Data: &c.country},
		{Name: "locale", Data: &c.locale},
		{Name: "outcome", Data: &c.outcome},
		{Name: "id", Data: &c.id},
		{Name: "trace_id", Data: &c.traceID},
		{Name: "lead_key", Data: &c.leadKey},
		{Name: "ip_prefix", Data: &c.ipPrefix},
		{Name: "attempt", Data: &c.attempt},
		{Name: "warnings", Data: &c.warnings},
		{Name: "payload", Data: &c.payload},
		{Name: "stage", Data: &c.stage},
		{Name: "wait_us", Data: &c.wait},
		{Name: "duration_us", Data: &c.duration},
		{Name: "status", Data: &c.status},
		{Name: "e2e_us", Data: &c.e2e},
		{Name: "host", Data: &c.hosts},
	}
	return c
}

func (c *events) add(e *leadline.Event) {
	e2e := c.addSegments(e.Segments)
	received := latency.Micros(e.ReceivedAt)
	stored := min(received+e2e, latency.Last)

	c.minute.addMicros(stored)
	c.storedAt.Append(stored)
	c.receivedAt.Append(received)
	c.occurredAt.addMicros(latency.Micros(e.OccurredAt))
	c.sentAt.addMicros(latency.Micros(e.SentAt))
	c.partner.add(e.Partner)
	c.bot.add(e.Bot)
	c.campaign.add(e.Campaign)
	c.eventType.add(e.Type)
	c.schema.add(e.Schema)
	c.source.add(e.Source)
	c.lane.add(e.Lane)
	c.country.add(e.Country)
	c.locale.add(e.Locale)
	c.outcome.add(e.Outcome)
	c.id.add(e.ID)
	c.traceID.Append(e.TraceID)
	c.leadKey.add(e.LeadKey)
	c.text = appendPrefix(c.text[:0], e.IP)
	c.ipPrefix.addBytes(c.text)
	c.attempt.Append(e.Attempt)
	for _, w := range e.Warnings {
		c.warnings.of.add(w)
	}
	c.warnings.end()
	c.payload.addBytes(e.Payload)
	c.e2e.Append(uint64(e2e))
	c.hosts.add(c.host)
}

// leave is Block.Leave.
func (c *events) leave(after func(i int) time.Duration) {
	wait := *c.wait.of
	for i := range c.e2e {
		giveWay(i)
		more := after(i).Microseconds() - int64(c.e2e[i])
		begin, end := c.wait.row(i)
		if more <= 0 || begin == end {
			continue
		}
		wait[end-1] += uint64(more)
		c.e2e[i] += uint64(more)
		stored := min(c.receivedAt.ColInt64[i]+int64(c.e2e[i]), latency.Last)
		c.storedAt.ColInt64[i] = stored
		c.minute.ColUInt32[i] = minuteOf(stored)
	}
}

// addSegments adds the four parallel arrays and returns the end-to-end time in microseconds, which is their sum.
func (c *events) addSegments(segments []leadline.Segment) int64 {
	var way latency.Border
	for i := range segments {
		s := &segments[i]
		wait, work := way.Pass(s)
		c.stage.of.add(s.Stage)
		c.wait.of.Append(wait)
		c.duration.of.Append(work)
		c.status.of.add(string(s.Status))
	}
	c.stage.end()
	c.wait.end()
	c.duration.end()
	c.status.end()
	return way.Micros()
}

// appendPrefix writes the address' network, /24 or /48, and nothing for the zero Addr. Ingest has masked the address
// already; doing it here as well means that no way leads a whole address into the database.
func appendPrefix(b []byte, ip netip.Addr) []byte {
	ip = ip.Unmap()
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	p, err := ip.Prefix(bits)
	if err != nil || !p.IsValid() {
		return b
	}
	return p.AppendTo(b)
}

func (c *events) rows() int { return len(c.e2e) }
