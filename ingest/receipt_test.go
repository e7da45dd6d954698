package ingest

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"leadline/internal/golden"
)

// The receipts as a sender sees them.
func TestReceipts(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	var out []byte
	f := func(name string, format Format, itemize bool, body string) {
		t.Helper()
		r, err := p.Submit(context.Background(), Request{Partner: "acme", Format: format, Body: []byte(body), ReceivedAt: at, Itemize: itemize})
		text, jsonErr := json.MarshalIndent(r, "", "  ")
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		out = append(out, "# "+name+"\n"...)
		if err != nil {
			x := problem(t, err)
			out = append(out, []byte(x.Error()+"\n")...)
		}
		out = append(append(out, text...), '\n')
	}
	f("one event", FormatJSON, false, with(`"id":"1"`))
	f("the same again", FormatJSON, false, with(`"id":"1"`))
	f("two events", FormatJSON, false, "["+with(`"id":"2"`)+","+with(`"id":"3"`)+"]")
	f("two events, listed", FormatJSON, true, "["+with(`"id":"4"`)+","+with(`"id":"5"`)+"]")
	f("an event twice in one request", FormatJSON, false, "["+with(`"id":"6"`)+","+with(`"id":"6"`)+"]")
	f("remarks", FormatJSON, false, `{"type":"lead.created","traceparent":"x"}`)
	f("some of everything", FormatNDJSON, false, with(`"id":"7"`)+"\n"+with(`"id":"1"`)+"\n{\n"+with(`"id":"8","bott":"x"`)+"\n"+with(`"id":"9","payload":{"plan":"pro","amont":1}`))
	f("one bad event", FormatJSON, false, with(`"id":"10","occurred_at":"2025-01-01T00:00:00Z"`))
	f("only bad events", FormatJSON, false, `[5,{}]`)
	golden.Bytes(t, out, "receipts.txt")
}
