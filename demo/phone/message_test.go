package phone_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline/demo/phone"
)

func TestTokenAndMethod(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	f := func(path string, code int, text string) {
		t.Helper()
		if r := b.post(path, "application/json", nil); r.Code != code || r.Text != text {
			t.Errorf("%s: %d %s", path, r.Code, r.Text)
		}
	}
	f("/bot42:wrong/getMe", 401, "Unauthorized")
	f("/botgarbage/getMe", 404, "Not Found")
	f("/bot"+token, 404, "Not Found")
	f("/bot"+token+"/sendFax", 404, "Not Found: method not found")
	if r := b.post("/bot"+token+"/GETME", "application/json", nil); !r.OK {
		t.Errorf("Telegram does not mind the case of a method: %s", r.Text)
	}
}

func TestParameters(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	b.refused("sendMessage", args{"text": "x"}, 400, "Bad Request: chat_id is empty")
	b.refused("sendMessage", args{"chat_id": ops}, 400, "Bad Request: message text is empty")
	b.refused("sendMessage", args{"chat_id": ops, "text": ""}, 400, "Bad Request: message text is empty")
	b.refused("sendMessage", args{"chat_id": ops, "text": "x", "disable_web_page_preview": true}, 400,
		`Bad Request: sendMessage has no parameter "disable_web_page_preview" (Telegram would ignore it)`)
	b.refused("sendMessage", args{"chat_id": ops, "text": 5}, 400, `Bad Request: parameter "text" of sendMessage must be of type String`)
	b.refused("sendMessage", args{"chat_id": ops, "text": "x", "message_thread_id": "seven"}, 400,
		`Bad Request: parameter "message_thread_id" of sendMessage must be of type Integer`)
	b.refused("sendMessage", args{"chat_id": ops, "text": "x", "disable_notification": "maybe"}, 400,
		`Bad Request: parameter "disable_notification" of sendMessage must be of type Boolean`)
	b.refused("sendMessage", args{"chat_id": ops, "text": "x", "entities": []any{}}, 501,
		"Not Implemented: this phone does not know the parameter entities")
	b.refused("sendMessage", args{"chat_id": ops, "text": "x", "parse_mode": "Textile"}, 400, "Bad Request: unsupported parse_mode")
	b.refused("sendMessage", args{"chat_id": 5, "text": "x"}, 400, "Bad Request: chat not found")

	// The same by form, multipart and query string.
	form := []byte("chat_id=-700&text=by+form&disable_notification=true")
	if r := b.post("/bot"+token+"/sendMessage", "application/x-www-form-urlencoded", form); !r.OK {
		t.Error(r.Text)
	}
	parts := "--x\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n-700\r\n" +
		"--x\r\nContent-Disposition: form-data; name=\"text\"\r\n\r\nby multipart\r\n--x--\r\n"
	if r := b.post("/bot"+token+"/sendMessage", "multipart/form-data; boundary=x", []byte(parts)); !r.OK {
		t.Error(r.Text)
	}
	if r := b.post("/bot"+token+"/sendMessage?chat_id=-700&text=by+query", "", nil); !r.OK {
		t.Error(r.Text)
	}
	if r := b.post("/bot"+token+"/sendMessage", "application/x-www-form-urlencoded", []byte("chat_id=-700&text=%ff")); r.Text != "Bad Request: strings must be encoded in UTF-8" {
		t.Error(r.Text)
	}
	var texts []string
	for _, m := range b.phone.Messages(team) {
		texts = append(texts, m.Text)
	}
	if diff := cmp.Diff([]string{"by form", "by multipart", "by query"}, texts); diff != "" {
		t.Error(diff)
	}
	if !b.phone.Messages(team)[0].Silent {
		t.Error("disable_notification was lost")
	}
}

func TestTextLimits(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	send := func(text string) args { return args{"chat_id": anna, "text": text, "parse_mode": "HTML"} }
	b.must("sendMessage", send("<b>"+strings.Repeat("a", 4096)+"</b>")) // counted after parsing
	b.must("sendMessage", send(strings.Repeat("😀", 2048)))              // in UTF-16 units
	b.must("sendMessage", send(strings.Repeat("&amp;", 4096)))
	b.refused("sendMessage", send(strings.Repeat("a", 4097)), 400, "Bad Request: message is too long")
	b.refused("sendMessage", send(strings.Repeat("😀", 2048)+"a"), 400, "Bad Request: message is too long")
	b.refused("sendMessage", send(strings.Repeat("&amp;", 7000)), 400, "Bad Request: text is too long")
	b.refused("sendMessage", send("<b> </b>"), 400, "Bad Request: text must be non-empty")
	b.refused("sendMessage", send("p95 <stage>"), 400, `Bad Request: can't parse entities: Unsupported start tag "stage" at byte offset 4`)
}

func TestButtons(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	f := func(markup any, want string) {
		t.Helper()
		b.clock.add(time.Minute)
		r := b.call("sendMessage", args{"chat_id": anna, "text": "x", "reply_markup": markup})
		if got := strings.TrimPrefix(r.Text, "Bad Request: "); got != want {
			t.Errorf("%v\n got %s\nwant %s", markup, got, want)
		}
	}
	data := func(n int) map[string]any {
		return keyboard(map[string]any{"text": "a", "callback_data": strings.Repeat("x", n)})
	}
	const plain = "can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard"
	f(data(1), "")
	f(data(64), "")
	f(data(65), "BUTTON_DATA_INVALID")
	f(data(0), plain)
	f(keyboard(map[string]any{"text": "a"}), plain)
	f(keyboard(map[string]any{"text": "a", "callback_data": "x", "style": "danger"}), "")
	f(keyboard(map[string]any{"callback_data": "x"}), `can't parse inline keyboard button: Can't find field "text"`)
	f(keyboard(map[string]any{"text": 1, "callback_data": "x"}), `can't parse inline keyboard button: Field "text" must be of type String`)
	f(keyboard(map[string]any{"text": "a", "callback_data": "x", "url": "https://example.org"}),
		"can't parse inline keyboard button: exactly one action a button, not 2 (Telegram would take one)")
	f(keyboard(map[string]any{"text": "a", "url": "nonsense"}), "inline keyboard button URL 'nonsense' is invalid: Wrong HTTP URL")
	f(map[string]any{"inline_keyboard": []any{}}, "")
	f(map[string]any{"force_reply": true}, "Not Implemented: this phone does not know a reply_markup other than inline_keyboard")
	row := make([]map[string]any, 101)
	for i := range row {
		row[i] = map[string]any{"text": "a", "callback_data": "x"}
	}
	f(keyboard(row...), "reply markup is too long")
}

func TestEdit(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	kb := keyboard(map[string]any{"text": "Ack", "callback_data": "x"})
	id := b.must("sendMessage", args{
		"chat_id": ops, "text": "<b>one</b>", "parse_mode": "HTML", "reply_markup": kb,
		"link_preview_options": map[string]any{"is_disabled": true},
	})
	same := args{"chat_id": ops, "message_id": id, "text": "<strong>one</strong>", "parse_mode": "HTML", "reply_markup": kb}
	const notModified = "Bad Request: message is not modified: specified new message content and reply markup are exactly " +
		"the same as a current content and reply markup of the message"
	b.refused("editMessageText", same, 400, notModified)
	b.clock.add(time.Minute)
	b.must("editMessageText", args{"chat_id": ops, "message_id": id, "text": "two"})
	want := phone.Message{
		ID: id, Chat: ops, From: 42, Text: "two", Date: b.clock.now().Add(-time.Minute), Edited: b.clock.now(),
	}
	if diff := cmp.Diff([]phone.Message{want}, b.phone.Messages(ops)); diff != "" {
		t.Errorf("an edit without reply_markup removes the buttons (-want +got):\n%s", diff)
	}
	b.must("editMessageReplyMarkup", args{"chat_id": ops, "message_id": id, "reply_markup": kb})
	b.refused("editMessageReplyMarkup", args{"chat_id": ops, "message_id": id, "reply_markup": kb}, 400, notModified)
	b.refused("editMessageText", args{"chat_id": ops, "message_id": id + 5, "text": "x"}, 400, "Bad Request: message to edit not found")
	b.refused("editMessageText", args{"chat_id": ops, "text": "x"}, 400, "Bad Request: message identifier is not specified")
	if err := b.phone.Say(anna, ops, "hi"); err != nil {
		t.Fatal(err)
	}
	b.refused("editMessageText", args{"chat_id": ops, "message_id": id + 1, "text": "x"}, 400, "Bad Request: message can't be edited")
	b.phone.Delete(ops, id)
	b.refused("editMessageText", args{"chat_id": ops, "message_id": id, "text": "x"}, 400, "Bad Request: message to edit not found")
}

func TestEntitiesComeBack(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	r := b.call("sendMessage", args{
		"chat_id": ops, "parse_mode": "HTML",
		"text": `<b>x</b> <a href="tg://user?id=1001">Anna</a> <a href="tg://user?id=999">Nobody</a>`,
	})
	var m struct {
		Entities []map[string]any
	}
	if err := json.Unmarshal(r.Result, &m); err != nil {
		t.Fatal(err)
	}
	want := []map[string]any{
		{"type": "bold", "offset": 0.0, "length": 1.0},
		{"type": "text_mention", "offset": 2.0, "length": 4.0, "user": map[string]any{
			"id": 1001.0, "is_bot": false, "first_name": "Anna", "username": "anna_ops",
		}},
	}
	if diff := cmp.Diff(want, m.Entities); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChats(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	to := func(chat int64) args { return args{"chat_id": chat, "text": "x"} }
	topic := func(n int) args { return args{"chat_id": ops, "text": "x", "message_thread_id": n} }

	b.refused("sendMessage", to(boris), 400, "Bad Request: chat not found")
	if err := b.phone.Say(boris, boris, "/start"); err != nil {
		t.Fatal(err)
	}
	b.must("sendMessage", to(boris))
	b.phone.SetReach(boris, phone.Blocked)
	b.refused("sendMessage", to(boris), 403, "Forbidden: bot was blocked by the user")
	b.phone.SetReach(boris, phone.Deactivated)
	b.refused("sendMessage", to(boris), 403, "Forbidden: user is deactivated")

	b.must("sendMessage", topic(7))
	b.refused("sendMessage", topic(1), 400, "Bad Request: message thread not found")
	b.refused("sendMessage", topic(8), 400, "Bad Request: message thread not found")
	if m := b.phone.Messages(ops)[0]; m.Thread != 7 {
		t.Errorf("topic %d, want 7", m.Thread)
	}
	b.phone.SetReach(ops, phone.Kicked)
	b.refused("sendMessage", to(ops), 403, "Forbidden: bot was kicked from the supergroup chat")

	id := b.must("sendMessage", to(team))
	b.phone.Migrate(team, -100700)
	r := b.call("sendMessage", to(team))
	if r.Code != 400 || r.Text != "Bad Request: group chat was upgraded to a supergroup chat" || r.Parameters.MigrateTo != -100700 {
		t.Errorf("migrated: %+v", r)
	}
	b.must("sendMessage", to(-100700))
	b.refused("editMessageText", args{"chat_id": -100700, "message_id": id + 1, "text": "y"}, 400, "Bad Request: message to edit not found")
}

func TestFlood(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	send := func(chat int64) reply { return b.call("sendMessage", args{"chat_id": chat, "text": "x"}) }
	for range 5 {
		b.must("sendMessage", args{"chat_id": anna, "text": "x"})
	}
	r := send(anna)
	if r.Code != 429 || r.Text != "Too Many Requests: retry after 1" || r.Parameters.RetryAfter != 1 || r.Header.Get("Retry-After") != "1" {
		t.Fatalf("6 messages at once: %+v", r)
	}
	b.clock.add(900 * time.Millisecond)
	if r := send(anna); r.Code != 429 {
		t.Errorf("during the penalty: %+v", r)
	}
	b.clock.add(900 * time.Millisecond)
	if r := send(anna); r.Code != 429 {
		t.Error("asking during the penalty does not extend it")
	}
	b.clock.add(time.Second)
	if r := send(anna); !r.OK {
		t.Errorf("after the penalty: %s", r.Text)
	}

	sent := 0
	for range 60 { // a message a second
		if send(team).OK {
			sent++
		}
		b.clock.add(time.Second)
	}
	if sent < 20 || sent > 40 {
		t.Errorf("%d messages in a minute in a group; 20 are allowed, beside the first 20", sent)
	}
	b.clock.add(time.Hour)
	id := b.must("sendMessage", args{"chat_id": team, "text": "x"})
	edits := 0
	for i := range 30 {
		if b.call("editMessageText", args{"chat_id": team, "message_id": id, "text": strings.Repeat("y", i+1)}).OK {
			edits++
		}
	}
	if edits != 20 {
		t.Errorf("%d edits at once in a group, want 20", edits)
	}
}
