package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

var words = []string{"spring", "promo", "deep", "link", "start", "menu", "offer", "retarget", "video", "story", "channel", "invite", "bonus", "trial", "plan", "basic", "pro", "team"}

// event is what every subject gets, each in its own form.
type event struct {
	id, bot, campaign, ip, payload string
	chat                           int64
	at                             time.Time
}

// idPrefix begins every id of a run; 16 hexadecimal digits follow, which the generator counts up in place.
func idPrefix(run int) string { return fmt.Sprintf("%04d-", run) }

const idDigits = 16

// newEvent is the same for the same n but for its id and its time; as Leadline's JSON it has about 650 bytes.
func newEvent(run, n int) event {
	r := rand.New(rand.NewPCG(7, uint64(n))) //nolint:gosec // the same event for the same n
	w := func() string { return words[r.IntN(len(words))] }
	return event{
		id: idPrefix(run) + strings.Repeat("0", idDigits), at: time.Now().UTC(),
		bot: fmt.Sprintf("leads_%03d_bot", r.IntN(64)), campaign: fmt.Sprintf("campaign_%05d", r.IntN(500)),
		chat: 100000000 + r.Int64N(6900000000), ip: fmt.Sprintf("%d.%d.%d.%d", 1+r.IntN(222), r.IntN(256), r.IntN(256), 1+r.IntN(254)),
		payload: fmt.Sprintf( //nolint:gocritic // these words need no escapes, and %q does not write JSON
			`{"plan":"pro","amount":%d,"currency":"EUR","score":0.%02d,"utm_source":"telegram","utm_medium":"%s","utm_campaign":"%s_%s_%d","premium":%t,"device":"android","steps":[%d,%d,%d],"form":{"company":"%s %s GmbH","employees":%d,"budget":%d,"country":"DE","email_hash":"%064x"},"external_id":"%s-%08x"}`,
			900+r.IntN(90000), r.IntN(100), w(), w(), w(), r.IntN(99), r.IntN(4) == 0, r.IntN(900), r.IntN(900), r.IntN(900), w(), w(), r.IntN(900), r.IntN(90000), r.Uint64(), w(), r.Uint32()),
	}
}

const stamp = "2006-01-02T15:04:05.000Z"

// appendJSON writes the event as a partner's bot posts it to Leadline.
func (e *event) appendJSON(b []byte) []byte {
	at := e.at.Format(stamp)
	return fmt.Appendf(b, `{"id":%q,"type":"lead.qualified","schema":"lead.qualified/2","occurred_at":%q,"sent_at":%q,"bot":%q,"campaign":%q,"lead":{"chat_id":%d,"ip":%q,"locale":"en"},"payload":%s}`,
		e.id, at, at, e.bot, e.campaign, e.chat, e.ip, e.payload)
}

// appendRow writes the event as a line of JSONEachRow for peerTable. The sender has to say itself what Leadline finds
// out: partner, country, outcome, lead_key.
func (e *event) appendRow(b []byte) []byte {
	at := e.at.Format("2006-01-02 15:04:05.000")
	return fmt.Appendf(b, `{"id":%q,"type":"lead.qualified","schema":"lead.qualified/2","occurred_at":%q,"sent_at":%q,"partner":"bench","bot":%q,"campaign":%q,"source":"events","lead_key":"%d","ip_prefix":%q,"locale":"en","country":"DE","outcome":"qualified","payload":%s}`,
		e.id, at, at, e.bot, e.campaign, e.chat, e.ip, e.payload)
}

// peerTable has the business columns of Leadline's events, without the stages that only Leadline measures.
const peerTable = `CREATE TABLE peer.events (
	received_at DateTime64(6, 'UTC') DEFAULT now64(6), occurred_at DateTime64(3, 'UTC'), sent_at DateTime64(3, 'UTC'),
	partner LowCardinality(String), bot LowCardinality(String), campaign LowCardinality(String), type LowCardinality(String), schema LowCardinality(String),
	source LowCardinality(String), country LowCardinality(String), locale LowCardinality(String), outcome LowCardinality(String),
	id String, lead_key String, ip_prefix String, payload String
) ENGINE = MergeTree PARTITION BY toDate(received_at) ORDER BY (partner, campaign, received_at)`

// appendOTLP writes the events as one ExportLogsServiceRequest of OTLP, protobuf: field numbers of
// opentelemetry/proto/logs/v1/logs.proto.
func appendOTLP(b []byte, events []event) []byte {
	var scope []byte
	for i := range events {
		e := &events[i]
		record := binary.LittleEndian.AppendUint64([]byte{1<<3 | 1}, uint64(e.at.UnixNano())) // time_unix_nano, fixed64
		record = appendField(record, 3, []byte("INFO"))                                       // severity_text
		record = appendField(record, 5, appendField(nil, 1, []byte(e.payload)))               // body, a string
		for _, a := range [][2]string{
			{"id", e.id},
			{"type", "lead.qualified"},
			{"schema", "lead.qualified/2"},
			{"partner", "bench"},
			{"bot", e.bot},
			{"campaign", e.campaign},
			{"lead_key", fmt.Sprint(e.chat)},
			{"ip", e.ip},
			{"locale", "en"},
			{"country", "DE"},
			{"outcome", "qualified"},
		} {
			record = appendField(record, 6, appendAttribute(nil, a[0], a[1]))
		}
		scope = appendField(scope, 2, record) // log_records
	}
	resource := appendField(nil, 1, appendAttribute(nil, "service.name", "leads"))
	logs := appendField(nil, 1, resource)
	logs = appendField(logs, 2, scope) // scope_logs
	return appendField(b, 1, logs)     // resource_logs
}

func appendAttribute(b []byte, key, value string) []byte {
	b = appendField(b, 1, []byte(key))
	return appendField(b, 2, appendField(nil, 1, []byte(value)))
}

// appendField writes a length-delimited protobuf field.
func appendField(b []byte, number int, value []byte) []byte {
	b = binary.AppendUvarint(b, uint64(number<<3|2))
	b = binary.AppendUvarint(b, uint64(len(value)))
	return append(b, value...)
}

// shape is how a subject wants its requests.
type shape struct {
	path   string
	header []string // name and value of each
	body   func(events []event) []byte
}

// lines joins events, one a line.
func lines(appendOne func(e *event, b []byte) []byte) func([]event) []byte {
	return func(events []event) (b []byte) {
		for i := range events {
			if i > 0 {
				b = append(b, '\n')
			}
			b = appendOne(&events[i], b)
		}
		return b
	}
}

func leadlineShape(key string, events int) shape {
	kind := "application/json"
	if events > 1 {
		kind = "application/x-ndjson"
	}
	return shape{"/v1/events", []string{"Authorization: Bearer " + key, "Content-Type: " + kind}, lines((*event).appendJSON)}
}

// request makes a whole HTTP request with n events, and says where the digits of their ids stand.
func (s *shape) request(addr string, run, first, n int) (request []byte, ids []int) {
	events := make([]event, n)
	for i := range events {
		events[i] = newEvent(run, first+i)
	}
	body := s.body(events)
	request = fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n%s\r\n\r\n", s.path, addr, len(body), strings.Join(s.header, "\r\n"))
	request = append(request, body...)
	mark := []byte(events[0].id)
	for from := 0; ; {
		i := bytes.Index(request[from:], mark)
		if i < 0 {
			return request, ids
		}
		from += i + len(mark)
		ids = append(ids, from-idDigits)
	}
}
