package phone_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline/demo/phone"
)

type update struct {
	ID       int64 `json:"update_id"`
	Callback *struct {
		ID   string
		Data string
	} `json:"callback_query"`
	Message *struct{ Text string }  `json:"message"`
	Member  *struct{ Date float64 } `json:"my_chat_member"`
}

func (b *bot) updates(a args) []update {
	b.t.Helper()
	r := b.call("getUpdates", a)
	if !r.OK {
		b.t.Fatal(r.Text)
	}
	var out []update
	if err := json.Unmarshal(r.Result, &out); err != nil {
		b.t.Fatal(err)
	}
	return out
}

// sent sends a message with a button to ops.
func (b *bot) sent() int {
	b.t.Helper()
	return b.must("sendMessage", args{
		"chat_id": ops, "text": "x", "reply_markup": keyboard(map[string]any{"text": "Ack", "callback_data": "data"}),
	})
}

func (b *bot) press(message int) string {
	b.t.Helper()
	id, err := b.phone.Press(anna, ops, message, "Ack")
	if err != nil {
		b.t.Fatal(err)
	}
	return id
}

func TestUpdatesWaitUntilConfirmed(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	for _, text := range []string{"one", "two", "three"} {
		if err := b.phone.Say(anna, anna, text); err != nil {
			t.Fatal(err)
		}
	}
	f := func(a args, want ...string) {
		t.Helper()
		var got []string
		for _, u := range b.updates(a) {
			got = append(got, u.Message.Text)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", a, diff)
		}
	}
	first := b.updates(nil)[0].ID
	f(args{}, "one", "two", "three")
	f(args{"limit": 2}, "one", "two")
	f(args{"offset": first + 1}, "two", "three")
	f(args{"offset": 0}, "two", "three")
	f(args{"offset": -1}, "three")
	f(args{"offset": first + 3})
}

func TestLongPollReturnsWithTheNews(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	id := b.sent()
	got := make(chan []update)
	go func() { got <- b.updates(args{"timeout": 50}) }()
	b.press(id)
	select {
	case all := <-got:
		if len(all) != 1 || all[0].Callback == nil || all[0].Callback.Data != "data" {
			t.Errorf("%+v", all)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the poll did not see the press")
	}
}

func TestConflict(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	first := make(chan reply)
	go func() { first <- b.call("getUpdates", args{"timeout": 50}) }()
	var r reply
	for r.Code == 0 {
		select {
		case r = <-first:
		default:
			b.call("getUpdates", nil) // ends the other one, once that waits
		}
	}
	if r.Code != 409 || r.Text != "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running" {
		t.Errorf("%+v", r)
	}
	b.phone.SetWebhook("https://example.org/hook")
	b.refused("getUpdates", nil, 409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	if r := b.call("getWebhookInfo", nil); !strings.Contains(string(r.Result), "example.org") {
		t.Error(string(r.Result))
	}
	b.call("deleteWebhook", args{"drop_pending_updates": true})
	b.updates(nil)
}

func TestAllowedUpdatesAndExpiry(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	id := b.sent()
	b.updates(args{"allowed_updates": []string{"callback_query"}})
	if err := b.phone.Say(anna, anna, "not wanted"); err != nil {
		t.Fatal(err)
	}
	b.press(id)
	if all := b.updates(nil); len(all) != 1 || all[0].Callback == nil {
		t.Errorf("the setting was forgotten: %+v", all)
	}
	b.clock.add(151 * time.Second)
	if all := b.updates(args{"allowed_updates": []string{}}); len(all) != 0 {
		t.Errorf("a press of 151 s ago is still there: %+v", all)
	}
	b.phone.SetReach(ops, phone.Kicked)
	if all := b.updates(nil); len(all) != 1 || all[0].Member == nil {
		t.Errorf("the bot was not told that it was kicked: %+v", all)
	}
	if err := b.phone.Say(anna, team, "not for bots"); err != nil {
		t.Fatal(err)
	}
	if err := b.phone.Say(anna, team, "/start"); err != nil {
		t.Fatal(err)
	}
	if all := b.updates(nil); len(all) != 2 || all[1].Message.Text != "/start" {
		t.Errorf("in groups a bot sees commands only: %+v", all)
	}
}

func TestPressesWantAnswers(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	id := b.sent()
	q := b.press(id)
	if got := b.phone.Unanswered(); len(got) != 1 || got[0].User != anna {
		t.Errorf("unanswered: %+v", got)
	}
	const late = "Bad Request: query is too old and response timeout expired or query ID is invalid"
	b.refused("answerCallbackQuery", args{"callback_query_id": "77"}, 400, late)
	b.refused("answerCallbackQuery", args{"callback_query_id": q, "text": strings.Repeat("x", 201)}, 400, "Bad Request: MESSAGE_TOO_LONG")
	b.call("answerCallbackQuery", args{"callback_query_id": q, "text": "Acked", "show_alert": true})
	got, err := b.phone.Answered(t.Context(), q)
	if diff := cmp.Diff(phone.Answer{Text: "Acked", Alert: true}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	b.refused("answerCallbackQuery", args{"callback_query_id": q}, 400, late)
	q = b.press(id)
	b.clock.add(151 * time.Second)
	b.refused("answerCallbackQuery", args{"callback_query_id": q}, 400, late)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := b.phone.Answered(ctx, q); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if _, err := b.phone.Press(anna, ops, id, "No such"); err == nil {
		t.Error("pressed a button that is not there")
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	post := func(ctx context.Context) (*http.Response, error) {
		body := strings.NewReader("chat_id=-700&text=x")
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+"/bot"+token+"/sendMessage", body)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return b.http.Do(req)
	}
	b.phone.Fault("sendMessage", phone.Fault{Status: 502})
	b.phone.Fault("sendMessage", phone.Fault{Reset: true, Execute: true})
	b.phone.Fault("sendMessage", phone.Fault{Hang: true})
	b.phone.Fault("sendMessage", phone.Fault{RetryAfter: 9})
	resp, err := post(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 502 || !strings.HasPrefix(string(page), "<html>") || len(b.phone.Messages(team)) != 0 {
		t.Errorf("%d %s", resp.StatusCode, page)
	}
	if resp, err := post(t.Context()); err == nil {
		resp.Body.Close()
		t.Error("the connection was not cut")
	}
	if len(b.phone.Messages(team)) != 1 {
		t.Error("the request before the cut was not carried out")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if resp, err := post(ctx); err == nil {
		resp.Body.Close()
		t.Error("it did not hang")
	}
	b.refused("sendMessage", args{"chat_id": team, "text": "x"}, 429, "Too Many Requests: retry after 9")
	b.must("sendMessage", args{"chat_id": team, "text": "x"})
	outcomes := map[string]int{}
	for _, c := range b.phone.Transcript() {
		outcomes[c.Method+" "+c.Outcome]++
	}
	want := map[string]int{
		"sendMessage fault: 502": 1, "sendMessage fault: hang": 1, "sendMessage fault: retry after 9": 1, "sendMessage ok": 2,
	}
	if diff := cmp.Diff(want, outcomes); diff != "" {
		t.Errorf("transcript (-want +got):\n%s", diff)
	}
}

func TestWaitFor(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	go b.sent()
	all, err := b.phone.WaitFor(t.Context(), ops, func(ms []phone.Message) bool { return len(ms) == 1 })
	if err != nil || len(all) != 1 {
		t.Errorf("%v %v", all, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := b.phone.WaitFor(ctx, ops, func(ms []phone.Message) bool { return len(ms) == 2 }); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
}
