package leadline

import (
	"crypto/sha256"
	"net/netip"
	"time"
)

// Key names one event for ever: two events of one key are the same event.
type Key [16]byte

// KeyOf is the first half of SHA-256(partner, 0, id). Any process can compute it, so it is also the trace id of an
// event that came without a traceparent.
func KeyOf(partner, id string) Key {
	var buf [256]byte
	b := append(buf[:0], partner...)
	b = append(b, 0)
	b = append(b, id...)
	sum := sha256.Sum256(b)
	return Key(sum[:16])
}

// Sources of an event: which door it came through.
const (
	SourceEvents   = "events"
	SourceTelegram = "telegram"
	SourceHooks    = "hooks"
)

// LaneOverflow marks an event whose partner sent more than its share while ClickHouse was behind: it waited so that
// others did not have to. Rules that ask for a slow stage leave such events out, rules that ask for lost time don't.
const LaneOverflow = "overflow"

// Event is one thing that happened to a lead, as it walks from the spool to ClickHouse. Raw personal data other than
// the address that GeoIP needs never enters it.
type Event struct {
	ID       string // the sender's, unique within Partner
	Key      Key
	TraceID  [16]byte // from traceparent, else Key
	Type     string   // dotted, such as lead.qualified
	Schema   string   // name/major, such as lead.qualified/2
	Partner  string   // from the API key, never from the body
	Bot      string
	Campaign string
	Source   string // SourceEvents, SourceTelegram or SourceHooks
	Lane     string // "" or LaneOverflow

	ReceivedAt time.Time // first byte handled; microseconds
	OccurredAt time.Time // the sender's clock, corrected by SentAt where given
	SentAt     time.Time // zero where not given
	Attempt    uint8     // the sender's retry count, 1 where not given

	LeadKey  string     // keyed hash of the chat id, "" without a lead
	Locale   string     // BCP 47, "" where not given
	IP       netip.Addr // whole until enriched, then masked to /24 or /48
	Country  string     // ISO 3166-1 alpha-2, "" where not known
	Outcome  string     // what qualify said, such as qualified
	Warnings []string   // codes of the remarks that the receipt carried
	Payload  []byte     // a JSON object

	Segments []Segment // the stages so far, in order, without gaps
}

// Stages that Leadline itself times.
const (
	StageReceive  = "receive"      // HTTP: body, key, limits
	StageValidate = "validate"     // decode, schema
	StageSpool    = "spool"        // until fsync
	StageGeoIP    = "enrich.geoip" // its wait is the time in the spool
	StageQualify  = "qualify"
	StageWrite    = "write" // its wait is the time behind other batches
)

// Status tells how a stage ended.
type Status string

// The ways a stage can end. A stage that did not end well is marked and the event goes on.
const (
	StatusOK      Status = "ok"
	StatusError   Status = "error"
	StatusTimeout Status = "timeout"
	StatusSkipped Status = "skipped" // not tried, such as behind an open circuit breaker
)

// Segment is one stage of an event's way: Wait before it started, then Duration inside it. The segments of an event
// follow each other without gaps, so their sum is the event's end-to-end time.
type Segment struct {
	Stage    string
	Wait     time.Duration
	Duration time.Duration
	Status   Status
}

// Spend appends a stage that waited and then worked.
func (e *Event) Spend(stage string, wait, work time.Duration, status Status) {
	e.Segments = append(e.Segments, Segment{stage, max(wait, 0), max(work, 0), status})
}

// Elapsed is the sum of the segments so far.
func (e *Event) Elapsed() time.Duration {
	var sum time.Duration
	for _, s := range e.Segments {
		sum += s.Wait + s.Duration
	}
	return sum
}

// Rejected is an item that was acknowledged as "drop": kept for inspection and replay, never an event.
type Rejected struct {
	ReceivedAt time.Time
	Partner    string
	Bot        string
	ID         string // "" where it could not be read
	Type       string
	Schema     string
	Source     string
	LeadKey    string // keyed hash of the chat id, "" where it could not be read; by it the item is found for erasure
	Code       string // such as schema_violation
	Violations []Violation
	Payload    []byte // as it came, at most 64 KiB of it
}

// Violation says where a document breaks its schema.
type Violation struct {
	Pointer  string `json:"pointer"`            // JSON Pointer of the value
	Rule     string `json:"rule"`               // the schema keyword, such as maximum
	Expected string `json:"expected,omitempty"` // what the keyword asks for
	Got      string `json:"got,omitempty"`      // what was there, cut to 64 bytes
	Nearest  string `json:"nearest,omitempty"`  // a known name close to an unknown field's
}
