package schema

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// benchmark reads the event of 651 bytes and its schema with 14 properties, a nested payload and one UUID pattern.
func benchmark(tb testing.TB) (event, text []byte, s *Schema) {
	tb.Helper()
	event, err := os.ReadFile("testdata/bench/event.json")
	if err != nil {
		tb.Fatal(err)
	}
	text, err = os.ReadFile("testdata/bench/lead.created/1.json")
	if err != nil {
		tb.Fatal(err)
	}
	s, err = Compile("lead.created/1.json", text)
	if err != nil {
		tb.Fatal(err)
	}
	return event, text, s
}

// BenchmarkScan is the limit: the text is checked and nothing is looked at.
func BenchmarkScan(b *testing.B) {
	event, _, _ := benchmark(b)
	var sc Scanner
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		sc.Begin(event)
		sc.skip()
		if sc.End() != nil {
			b.Fatal(sc.Err())
		}
	}
}

// BenchmarkCheck is decode and check: the whole event against the whole schema.
func BenchmarkCheck(b *testing.B) {
	event, _, s := benchmark(b)
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		if !s.Check(event, nil) {
			b.Fatal("does not fit")
		}
	}
}

// BenchmarkCheckExtract is decode, check and extract as the intake does it: one scan takes the envelope's fields and
// checks each by hand, and hands the payload to its schema.
func BenchmarkCheckExtract(b *testing.B) {
	event, _, whole := benchmark(b)
	payload := whole.root.obj
	s := &Schema{root: payload.fields[payload.known.find([]byte("payload"), hash([]byte("payload")))].node}
	var sc Scanner
	var e extracted
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		sc.Begin(event)
		if !e.read(&sc, s) || sc.End() != nil {
			b.Fatal("does not fit", sc.Err())
		}
	}
	if string(e.campaign) != "campaign_00301" || e.user != 4926485472 || e.amount != 2717.64 || len(e.payload) < 300 {
		b.Fatalf("%+v", e)
	}
}

type extracted struct {
	id, at, kind, tenant, partner, campaign, bot, ip, lang, currency, payload []byte
	user                                                                      int64
	amount, score                                                             float64
}

func (e *extracted) read(sc *Scanner, s *Schema) bool {
	ok, fields := true, 0
	text := func(to *[]byte) {
		*to, _ = sc.Text()
		ok = ok && len(*to) >= 1 && len(*to) <= 64
	}
	for sc.Object(); sc.Key(); {
		fields++
		switch string(sc.Name()) {
		case "event_id":
			text(&e.id)
			ok = ok && isUUID(e.id)
		case "ts":
			text(&e.at)
			ok = ok && isDateTime(e.at)
		case "type":
			text(&e.kind)
		case "tenant":
			text(&e.tenant)
		case "partner":
			text(&e.partner)
		case "campaign":
			text(&e.campaign)
		case "bot":
			text(&e.bot)
		case "user_id":
			n, _ := sc.Number()
			var whole bool
			e.user, whole = n.Int64()
			ok = ok && whole && e.user > 0
		case "ip":
			text(&e.ip)
			ok = ok && isIPv4(e.ip)
		case "lang":
			text(&e.lang)
		case "amount":
			n, _ := sc.Number()
			e.amount = n.Float64()
			ok = ok && e.amount >= 0
		case "currency":
			text(&e.currency)
		case "score":
			n, _ := sc.Number()
			e.score = n.Float64()
			ok = ok && e.score >= 0 && e.score <= 1
		case "payload":
			from := sc.Offset()
			ok = s.CheckNext(sc, nil) && ok
			e.payload = sc.data[from:sc.pos]
		default:
			return false
		}
	}
	return ok && fields == 14
}

// BenchmarkPeer is the library that a Go service would use, on the same text and schema.
func BenchmarkPeer(b *testing.B) {
	event, text, _ := benchmark(b)
	o, err := oracle(string(text))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(event))
		if err != nil || o.Validate(doc) != nil {
			b.Fatal("does not fit", err)
		}
	}
}

// BenchmarkHostile is the dearest text of 64 KiB that is known: objects with as many names as are allowed.
func BenchmarkHostile(b *testing.B) {
	var text strings.Builder
	text.WriteByte('[')
	for o := 0; text.Len() < 64<<10; o++ {
		if o > 0 {
			text.WriteByte(',')
		}
		text.WriteByte('{')
		for i := range MaxFields {
			if i > 0 {
				text.WriteByte(',')
			}
			fmt.Fprintf(&text, `"%x":0`, i)
		}
		text.WriteByte('}')
	}
	text.WriteByte(']')
	data := []byte(text.String())
	var sc Scanner
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		sc.Begin(data)
		sc.skip()
		if sc.End() != nil {
			b.Fatal(sc.Err())
		}
	}
}

// BenchmarkMask is what x-pii costs an event beside its check: finding two personal values and replacing them.
func BenchmarkMask(b *testing.B) {
	event, text, plain := benchmark(b)
	for _, name := range []string{"user_id", "ip"} {
		text = bytes.Replace(text, []byte(`"`+name+`": {`), []byte(`"`+name+`": {"x-pii": true, `), 1)
	}
	s, err := Compile("private.json", text)
	if err != nil || !s.Private() || plain.Private() {
		b.Fatal(err)
	}
	var m Masker
	var out []byte
	b.SetBytes(int64(len(event)))
	b.ReportAllocs()
	for b.Loop() {
		m.Begin(event)
		m.Look(s, false)
		out = m.Append(out[:0], token)
	}
	if bytes.Equal(out, event) {
		b.Fatal("nothing was masked")
	}
}
