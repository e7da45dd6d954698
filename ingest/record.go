package ingest

import (
	"encoding/binary"
	"errors"
	"hash/maphash"
	"net/netip"
	"time"
	"unsafe"

	"leadline"
)

// The binary form of what is spooled: a version, a kind, then the fields in a fixed order; numbers as varints, strings
// with their length before them. JSON would cost a second scan of every event.
const (
	recordVersion  = 2
	recordEvent    = 'e'
	recordRejected = 'r'
)

var (
	errRecord        = errors.New("spooled record is damaged")
	errRecordVersion = errors.New("spooled record is of another version: start the version of Leadline that wrote it")
)

// stamp is what a record says beside the event: when it was received on the clock of which process, and by which
// request of that process.
type stamp struct {
	process  uint64
	received time.Duration
	request  uint64
}

// appendEvent appends the record of an event. Country and Outcome are not part of it: they come later.
func appendEvent(b []byte, e *leadline.Event, s stamp) []byte {
	b = append(b, recordVersion, recordEvent)
	b = append(b, e.Key[:]...)
	b = append(b, e.TraceID[:]...)
	b = binary.LittleEndian.AppendUint64(b, s.process)
	b = binary.AppendVarint(b, int64(s.received))
	b = binary.AppendUvarint(b, s.request)
	b = appendTime(b, e.ReceivedAt)
	b = appendTime(b, e.OccurredAt)
	b = appendTime(b, e.SentAt)
	b = append(b, e.Attempt)
	for _, v := range [...]string{e.ID, e.Type, e.Schema, e.Partner, e.Bot, e.Campaign, e.Source, e.LeadKey, e.Locale} {
		b = appendText(b, v)
	}
	b = appendAddr(b, e.IP)
	b = binary.AppendUvarint(b, uint64(len(e.Warnings)))
	for _, w := range e.Warnings {
		b = appendText(b, w)
	}
	b = binary.AppendUvarint(b, uint64(len(e.Segments)))
	for _, g := range e.Segments {
		b = appendText(b, g.Stage)
		b = binary.AppendUvarint(b, uint64(g.Wait/time.Microsecond))
		b = binary.AppendUvarint(b, uint64(g.Duration/time.Microsecond))
		b = appendText(b, string(g.Status))
	}
	return appendText(b, view(e.Payload))
}

// appendRejected appends the record of a rejected item.
func appendRejected(b []byte, r *leadline.Rejected) []byte {
	b = append(b, recordVersion, recordRejected)
	b = appendTime(b, r.ReceivedAt)
	for _, v := range [...]string{r.Partner, r.Bot, r.ID, r.Type, r.Schema, r.LeadKey, r.Source, r.Code} {
		b = appendText(b, v)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Violations)))
	for _, v := range r.Violations {
		for _, s := range [...]string{v.Pointer, v.Rule, v.Expected, v.Got, v.Nearest} {
			b = appendText(b, s)
		}
	}
	return appendText(b, view(r.Payload))
}

// appendTime keeps microseconds; the zero time is 0.
func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.AppendVarint(b, t.UnixMicro())
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func appendAddr(b []byte, a netip.Addr) []byte {
	switch {
	case a.Is4():
		v := a.As4()
		return append(append(b, 4), v[:]...)
	case a.IsValid():
		v := a.As16()
		return append(append(b, 16), v[:]...)
	}
	return append(b, 0)
}

// view is b as a string without a copy: it holds as long as b does.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// records decodes records. What it returns points into the record, but for strings of few values, of which there is a
// copy that many share. It belongs to one goroutine.
type records struct {
	b     []byte
	at    int // what comes next in b
	err   error
	words [maxWords]string // by hash

	place  int      // of the next word in its record
	recent []string // by place, the word that the record before has there
}

// maxWords bounds the copies: a sender who makes up campaigns only loses the saving.
const maxWords = 1 << 14

func newRecords() *records { return new(records) }

var seed = maphash.MakeSeed()

// kind begins a record and says what it holds.
func (r *records) kind(data []byte) (byte, error) {
	if len(data) < 2 {
		return 0, errRecord
	}
	if data[0] != recordVersion {
		return 0, errRecordVersion
	}
	r.b, r.at, r.err, r.place = data, 2, nil, 0
	return data[1], nil
}

// event reads the record of an event into e, whose slices it uses again.
func (r *records) event(e *leadline.Event) (stamp, error) {
	*e = leadline.Event{Warnings: e.Warnings[:0], Segments: e.Segments[:0]}
	var s stamp
	copy(e.Key[:], r.take(len(e.Key)))
	copy(e.TraceID[:], r.take(len(e.TraceID)))
	if p := r.take(8); p != nil {
		s.process = binary.LittleEndian.Uint64(p)
	}
	s.received = time.Duration(r.varint())
	s.request = r.uvarint()
	e.ReceivedAt, e.OccurredAt, e.SentAt = r.time(), r.time(), r.time()
	e.Attempt = r.byte()
	e.ID = view(r.bytes())
	e.Type, e.Schema, e.Partner, e.Bot, e.Campaign, e.Source = r.word(), r.word(), r.word(), r.word(), r.word(), r.word()
	e.LeadKey = view(r.bytes())
	e.Locale = r.word()
	e.IP = r.addr()
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		e.Warnings = append(e.Warnings, r.word())
	}
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		stage, wait, work := r.word(), r.micros(), r.micros()
		e.Segments = append(e.Segments, leadline.Segment{Stage: stage, Wait: wait, Duration: work, Status: leadline.Status(r.word())})
	}
	e.Payload = r.bytes()
	return s, r.end()
}

// rejected reads the record of a rejected item.
func (r *records) rejected(x *leadline.Rejected) error {
	*x = leadline.Rejected{ReceivedAt: r.time()}
	x.Partner, x.Bot, x.ID, x.Type, x.Schema = r.word(), r.word(), view(r.bytes()), view(r.bytes()), view(r.bytes())
	x.LeadKey, x.Source, x.Code = view(r.bytes()), r.word(), r.word()
	for n := r.uvarint(); n > 0 && r.err == nil; n-- {
		x.Violations = append(x.Violations, leadline.Violation{
			Pointer: view(r.bytes()), Rule: r.word(), Expected: view(r.bytes()), Got: view(r.bytes()), Nearest: view(r.bytes()),
		})
	}
	x.Payload = r.bytes()
	return r.end()
}

func (r *records) fail() {
	r.b, r.at, r.err = nil, 0, errRecord
}

func (r *records) end() error {
	if r.at < len(r.b) {
		r.fail()
	}
	return r.err
}

// take is the next n bytes, nil after a mistake.
func (r *records) take(n int) []byte {
	if n > len(r.b)-r.at {
		r.fail()
		return nil
	}
	from := r.at
	r.at += n
	return r.b[from:r.at:r.at]
}

func (r *records) byte() byte {
	if v := r.take(1); v != nil {
		return v[0]
	}
	return 0
}

// uvarint is mostly a length, of one byte.
func (r *records) uvarint() uint64 {
	if b := r.b[r.at:]; len(b) > 0 && b[0] < 0x80 {
		r.at++
		return uint64(b[0])
	}
	return r.longUvarint()
}

func (r *records) longUvarint() uint64 {
	v, n := binary.Uvarint(r.b[r.at:])
	if n <= 0 {
		r.fail()
		return 0
	}
	r.at += n
	return v
}

func (r *records) varint() int64 {
	u := r.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

func (r *records) micros() time.Duration {
	const most = 1 << 50 // 35 years; more would overflow a Duration
	return time.Duration(min(r.uvarint(), most)) * time.Microsecond
}

func (r *records) time() time.Time {
	if v := r.varint(); v != 0 {
		return time.UnixMicro(v).UTC()
	}
	return time.Time{}
}

func (r *records) bytes() []byte {
	n := r.uvarint()
	if n > uint64(len(r.b)-r.at) {
		r.fail()
		return nil
	}
	return r.take(int(n))
}

// word is mostly the one that the record before has at this place, such as a stage, which saves the look-up.
func (r *records) word() string {
	b, at := r.bytes(), r.place
	r.place++
	if at == len(r.recent) {
		r.recent = append(r.recent, "")
	}
	if r.recent[at] != string(b) {
		r.recent[at] = r.only(b)
	}
	return r.recent[at]
}

// only is mostly the one copy of a word; words that share a place take turns.
func (r *records) only(b []byte) string {
	w := &r.words[maphash.Bytes(seed, b)%maxWords]
	if *w != string(b) {
		*w = string(b)
	}
	return *w
}

func (r *records) addr() netip.Addr {
	n := r.byte()
	if n == 0 {
		return netip.Addr{}
	}
	a, ok := netip.AddrFromSlice(r.take(int(n)))
	if !ok {
		r.fail()
	}
	return a
}
