package ingest

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

// corpus are requests good and bad, for what must hold whatever is sent.
func corpus() (out []Request) {
	lead := `"lead":{"chat_id":858012761,"ip":"203.0.113.9"}`
	for format, bodies := range map[Format][]string{
		FormatJSON: {
			good, "", "[]", "{", "5", `[5,{}]`, with(lead), with(`"lead":{"chat_id":666}`), with(`"lead":{"chat_id":666},"bad":1`), with(`"partner":"other"`),
			`{"type":"lead.created"}`, with(`"attempt":0`), "[" + good + "," + with(`"id":"2","type":"x"`) + "]", with(`"payload":{"plan":"pro","email":"a@b"}`),
			"[" + with(`"lead":{"chat_id":666}`) + "," + good + "]",
		},
		FormatNDJSON:      {good + "\n{\n5\n" + with(`"id":"x"`), "{\n", with(`"partner":"other"`)},
		FormatCloudEvent:  {cloud(``), cloud(`"x":1`), cloud(`"id":7`), "[]", cloud(`"leadchatid":"666"`)},
		FormatCloudEvents: {"[" + cloud(``) + ",5]", "{}", "[]"},
	} {
		for _, b := range bodies {
			out = append(out, Request{Partner: "acme", Format: format, Body: []byte(b), ReceivedAt: received})
		}
	}
	return out
}

// erased says that the chat 666 is suppressed.
func erased() func(partner, key string) bool {
	var l leads
	key := string(l.of(func(string) []byte { return []byte("pepper of acme") }, "acme", 666))
	return func(partner, leadKey string) bool { return partner == "acme" && leadKey == key }
}

// Each request goes to a pipeline of its own, so that none is a duplicate.
func TestValidateSaysWhatSubmitSays(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *Options) { o.Suppressed = erased() })
	for _, itemize := range []bool{false, true} {
		for _, r := range corpus() {
			r.Itemize = itemize
			got, gotErr := p.Validate(context.Background(), r)
			want, wantErr := start(t, func(o *Options) { o.Suppressed = erased() }).Submit(context.Background(), r)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: %s", r.Body, diff)
			}
			if (wantErr == nil) != (gotErr == nil) {
				t.Fatalf("%s: Submit says %v, Validate %v", r.Body, wantErr, gotErr)
			}
			if wantErr != nil {
				if diff := cmp.Diff(problem(t, wantErr), problem(t, gotErr)); diff != "" {
					t.Errorf("%s: %s", r.Body, diff)
				}
			}
		}
	}
	// And left no trace.
	if s := p.Stats(); s.Accepted+s.Rejected+s.Duplicates != 0 || s.Fill != 0 {
		t.Errorf("stats %+v", s)
	}
	if r, err := p.Submit(context.Background(), Request{Partner: "acme", Body: []byte(good)}); err != nil || r.Accepted != 1 {
		t.Errorf("what was validated is taken for known: %+v, %v", r, err)
	}
	m := drained(t, p)
	if len(m.events) != 1 || len(m.rejected) != 0 {
		t.Errorf("%d events, %d rejected", len(m.events), len(m.rejected))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := p.Validate(ctx, Request{Body: []byte(good)}); problem(t, err).Status != 503 {
		t.Error(err)
	}
}

func TestSuppressedLeadLeavesNothing(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *Options) { o.Suppressed = erased() })
	body := "[" + with(`"id":"1"`) + "," + with(`"id":"2","lead":{"chat_id":666}`) + "," + with(`"id":"3","lead":{"chat_id":666},"bad":1`) + "," +
		with(`"id":"4","lead":{"chat_id":667}`) + "," + with(`"id":"1"`) + "," + with(`"id":"6","bad":1`) + "]"
	r, err := submit(p, body)
	want := []leadline.Item{
		{Index: 0, ID: "1", Result: "ok"},
		{Index: 1, ID: "2", Result: "drop", Code: "erased"},
		{Index: 2, ID: "3", Result: "drop", Code: "erased"},
		{Index: 3, ID: "4", Result: "ok"},
		{Index: 4, ID: "1", Result: "duplicate"},
		{Index: 5, ID: "6", Result: "drop", Code: "unknown_field"},
	}
	for i := range r.Items {
		r.Items[i].Detail, r.Items[i].Violations = "", nil
	}
	if diff := cmp.Diff(want, r.Items); err != nil || diff != "" {
		t.Error(err, diff)
	}
	// Alone, and as an Update: there is nothing to spool.
	_, err = submit(p, with(`"lead":{"chat_id":666}`))
	if x := problem(t, err); x.Code != CodeItemRejected || x.Receipt.Items[0].Code != CodeErased {
		t.Errorf("got %+v", x)
	}
	receipt, err := p.SubmitTelegram(context.Background(), Request{Partner: "acme", Bot: "b", Body: []byte(`{"update_id":1,"message":{"from":{"id":666},"text":"/start"}}`)})
	if err != nil || receipt.Rejected != 1 || receipt.Items[0].Code != CodeErased {
		t.Errorf("got %+v, %v", receipt, err)
	}
	m := drained(t, p)
	if len(m.events) != 2 || len(m.rejected) != 1 || m.rejected[0].ID != "6" {
		t.Errorf("%d events, rejected %+v", len(m.events), m.rejected)
	}
}
