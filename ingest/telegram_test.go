package ingest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

func submitUpdate(p *Pipeline, body []byte) (leadline.Receipt, error) {
	return p.SubmitTelegram(context.Background(), Request{Partner: "acme", Bot: "acme_bot", Body: body, ReceivedAt: received, Itemize: true})
}

func updateEvent(t *testing.T, body string) leadline.Event {
	t.Helper()
	p := start(t, nil)
	if _, err := submitUpdate(p, []byte(body)); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	m := drained(t, p)
	if len(m.events) != 1 {
		t.Fatalf("%s: %d events", body, len(m.events))
	}
	return m.events[0]
}

func TestTelegramKinds(t *testing.T) {
	t.Parallel()
	date := received.Unix()
	f := func(body, eventType, campaign, payload string) {
		t.Helper()
		e := updateEvent(t, strings.ReplaceAll(body, "DATE", fmt.Sprint(date)))
		if e.Type != eventType || e.Campaign != campaign || string(e.Payload) != payload || e.Source != leadline.SourceTelegram || e.Bot != "acme_bot" {
			t.Errorf("%s:\n got %s %q %s\nwant %s %q %s", body, e.Type, e.Campaign, e.Payload, eventType, campaign, payload)
		}
	}
	message := func(fields string) string {
		return `{"update_id":7,"message":{"message_id":1,"date":DATE,"from":{"id":5,"first_name":"A"},"chat":{"id":5,"type":"private","first_name":"A"},` + fields + `}}`
	}
	f(message(`"text":"/start c_spring__p_beta__x_42"`), "lead.started", "spring",
		`{"kind":"message","chat_type":"private","content":"text","start":"c_spring__p_beta__x_42","ref_partner":"beta","ref":"42"}`)
	f(message(`"text":"/start@acme_bot promo"`), "lead.started", "", `{"kind":"message","chat_type":"private","content":"text","start":"promo"}`)
	f(message(`"text":"/start"`), "lead.started", "", `{"kind":"message","chat_type":"private","content":"text"}`)
	f(message(`"text":"/start my name is Bob"`), "lead.started", "", `{"kind":"message","chat_type":"private","content":"text"}`)
	f(message(`"text":"/started"`), "telegram.message", "", `{"kind":"message","chat_type":"private","content":"text"}`)
	f(message(`"text":"my phone is 12345"`), "telegram.message", "", `{"kind":"message","chat_type":"private","content":"text"}`)
	f(message(`"contact":{"phone_number":"12345"}`), "telegram.message", "", `{"kind":"message","chat_type":"private","content":"contact"}`)
	f(message(`"successful_payment":{"currency":"EUR","total_amount":4900,"invoice_payload":"secret"}`), "purchase.completed", "",
		`{"kind":"message","chat_type":"private","content":"successful_payment","currency":"EUR","amount":4900}`)
	f(`{"update_id":8,"callback_query":{"id":"4","from":{"id":5},"message":{"date":1,"from":{"id":99},"chat":{"id":5,"type":"private"}},"data":"buy:858012761"}}`,
		"lead.clicked", "", `{"kind":"callback_query","chat_type":"private","button":"buy"}`)
	member := func(chat, status string) string {
		return `{"update_id":9,"my_chat_member":{"date":DATE,"from":{"id":5},"chat":{"id":5,"type":"` + chat + `"},"old_chat_member":{"status":"x"},"new_chat_member":{"status":"` + status + `"}}}`
	}
	f(member("private", "kicked"), "lead.blocked_bot", "", `{"kind":"my_chat_member","chat_type":"private","status":"kicked"}`)
	f(member("private", "member"), "lead.unblocked", "", `{"kind":"my_chat_member","chat_type":"private","status":"member"}`)
	f(member("group", "kicked"), "telegram.my_chat_member", "", `{"kind":"my_chat_member","chat_type":"group","status":"kicked"}`)
	f(`{"update_id":10,"brand_new":{"x":1}}`, "telegram.brand_new", "", `{"kind":"brand_new"}`)
	f(`{"update_id":10,"Brand-New":{"x":1}}`, "telegram.unknown", "", `{"kind":"unknown"}`)
	f(`{"update_id":10,"kind\"":{"chat":{"type":"\"evil"},"data":"\"}"}}`, "telegram.unknown", "", `{"kind":"unknown"}`)
	f(`{"update_id":11}`, "telegram.unknown", "", `{"kind":"unknown"}`)
	f(`{"update_id":12,"message":{"date":"today","from":[],"chat":"x","text":5}}`, "telegram.message", "", `{"kind":"message","content":"text"}`)
}

func TestTelegramTimes(t *testing.T) {
	t.Parallel()
	f := func(fields string, want time.Time, warnings ...string) {
		t.Helper()
		e := updateEvent(t, `{"update_id":1,"message":{`+fields+`}}`)
		if !e.OccurredAt.Equal(want) || !cmp.Equal(e.Warnings, warnings) {
			t.Errorf("%s: got %v %q, want %v %q", fields, e.OccurredAt, e.Warnings, want, warnings)
		}
	}
	second := received.Truncate(time.Second)
	date := func(d time.Duration) string { return fmt.Sprint(second.Add(d).Unix()) }
	f(`"date":`+date(-time.Minute), second.Add(-time.Minute), CodePrecisionSecond)
	f(`"edit_date":`+date(-time.Second)+`,"date":`+date(-time.Hour), second.Add(-time.Second), CodePrecisionSecond)
	f(`"date":1569518342`, time.Unix(1569518342, 0), CodePrecisionSecond, CodeTooOld)
	f(`"date":`+date(time.Hour), second.Add(time.Hour), CodePrecisionSecond, CodeFutureTimestamp)
	f(`"date":0`, received.Truncate(time.Millisecond))
	f(`"date":-5`, received.Truncate(time.Millisecond))
	f(`"date":9223372036854775807`, received.Truncate(time.Millisecond))
	f(`"text":"x"`, received.Truncate(time.Millisecond))
}

func TestTelegramRedeliveryIsADuplicate(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	body := []byte(`{"update_id":42,"message":{"date":1,"text":"x"}}`)
	for i, want := range []leadline.Receipt{{Accepted: 1}, {Duplicates: 1}} {
		got, err := submitUpdate(p, body)
		if err != nil || got.Accepted != want.Accepted || got.Duplicates != want.Duplicates || got.Items[0].ID != "tg:acme_bot:42" {
			t.Errorf("delivery %d: %+v, %v", i, got, err)
		}
	}
}

func TestTelegramRefuses(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	f := func(body string) {
		t.Helper()
		_, err := submitUpdate(p, []byte(body))
		if x := problem(t, err); x.Status != 400 || x.Code != CodeInvalidBody {
			t.Errorf("%s: got %+v", body, x)
		}
	}
	f("")
	f("{}")
	f("[]")
	f(`{"update_id":"7"}`)
	f(`{"update_id":7`)
	f(`{"message":{"text":"x"}}`)
}

// samples are updates as Telegram sends them, with everything personal that they hold.
func TestTelegramSamples(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/telegram/*.json")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d samples, %v", len(files), err)
	}
	for _, f := range files {
		checkSample(t, f)
	}
}

func TestTelegramRealUpdates(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../../shared/data/telegram/teloxide_*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("needs ../shared/data/telegram beside the repository, which is not here")
	}
	types := map[string]int{}
	for _, f := range files {
		types[checkSample(t, f).Type]++
	}
	want := map[string]int{
		"lead.blocked_bot": 1, "telegram.message": 6, "telegram.new_update_kind": 1, "telegram.message_reaction": 2, "telegram.message_reaction_count": 1,
		"telegram.chat_boost": 1, "telegram.removed_chat_boost": 1, "telegram.purchased_paid_media": 1,
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Error(diff)
	}
}

// checkSample takes an update and looks for its personal data in the event.
func checkSample(t *testing.T, file string) leadline.Event {
	t.Helper()
	body, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := updateEvent(t, string(body))
	if bytes.Contains(body, []byte(`"is_bot"`)) != (e.LeadKey != "") {
		t.Errorf("%s: lead key %q", file, e.LeadKey)
	}
	text := fmt.Sprintf("%+v %s", e, e.Payload)
	for _, secret := range []string{
		"218485655", "6962620676", "5964236329", "408258968", "1459074222", "1293752024", "858012761", "Waffle", "Wert", "Cable", "Hirrolot",
		"shadowchain", "CryptoInside", "teloxide", "hello there", "Faster", "Ada", "Lovelace", "+4912345",
	} {
		if bytes.Contains(body, []byte(secret)) && strings.Contains(text, secret) {
			t.Errorf("%s: the event holds %q: %s", file, secret, text)
		}
	}
	return e
}

func FuzzTelegram(f *testing.F) {
	for _, name := range []string{"start", "payment", "callback", "blocked"} {
		body, err := os.ReadFile("testdata/telegram/" + name + ".json")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"update_id":1,"a":{"chat":{"type":"\u0022"}}}`))
	d := newDecoder(schemas(f), func(string) []byte { return []byte("p") }, newClock())
	f.Fuzz(func(t *testing.T, body []byte) {
		r := Request{Partner: "acme", Bot: "b", Body: body, ReceivedAt: received, Received: received}
		d.begin(&r, 1)
		defer d.end()
		d.start()
		u, err := d.readUpdate()
		if err != nil {
			return
		}
		d.fromUpdate(&u)
		d.push(nil)
		checkRecords(t, d)
	})
}
