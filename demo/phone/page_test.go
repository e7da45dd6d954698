package phone_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"leadline/web"
)

func (b *bot) get(path string) (int, http.Header, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.url+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(body)
}

// send posts as the page does.
func (b *bot) send(path, contentType, body string) (int, string) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, bytes.NewBufferString(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

type pageState struct {
	Version int64
	Chats   []struct {
		ID       int64
		Messages []struct{ Text string }
	}
}

func (b *bot) state(seen int64) pageState {
	b.t.Helper()
	status, _, body := b.get("/phone/api/state?seen=" + strconv.FormatInt(seen, 10))
	var s pageState
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != http.StatusOK {
		b.t.Fatal(status, err, body)
	}
	return s
}

func TestPageFollows(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	first := b.state(0)
	if len(first.Chats) != 4 || first.Version == 0 {
		t.Fatalf("%+v", first)
	}
	next := make(chan pageState)
	go func() { next <- b.state(first.Version) }()
	b.sent()
	if s := <-next; s.Version == first.Version || len(s.Chats[0].Messages) != 1 || s.Chats[0].Messages[0].Text != "x" {
		t.Errorf("%+v", s)
	}
}

func TestPagePressesAndSays(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	id := strconv.Itoa(b.sent())
	done := make(chan string)
	go func() {
		_, answer := b.send("/phone/api/press", "application/json", `{"user":1002,"chat":-100500,"message":`+id+`,"button":"Ack"}`)
		done <- answer
	}()
	var u []update
	for len(u) == 0 {
		u = b.updates(args{"timeout": 5})
	}
	b.call("answerCallbackQuery", args{"callback_query_id": u[0].Callback.ID, "text": "Not yours.", "show_alert": true})
	if answer := <-done; answer != `{"alert":true,"answered":true,"text":"Not yours."}` {
		t.Error(answer)
	}
	f := func(path, contentType, body string, want int) {
		t.Helper()
		if got, answer := b.send(path, contentType, body); got != want {
			t.Errorf("%s %s: %d %s", path, body, got, answer)
		}
	}
	f("/phone/api/say", "application/json", `{"user":1001,"chat":1001,"text":"hello"}`, http.StatusNoContent)
	f("/phone/api/say", "application/json", `{"user":1001,"chat":1001,"text":" "}`, http.StatusBadRequest)
	f("/phone/api/say", "application/json", `{"user":1001,"chat":5,"text":"x"}`, http.StatusBadRequest)
	f("/phone/api/say", "text/plain", `{"user":1001,"chat":1001,"text":"x"}`, http.StatusUnsupportedMediaType)
	f("/phone/api/press", "application/json", `{"user":1001,"chat":-100500,"message":`+id+`,"button":"None"}`, http.StatusConflict)
	f("/phone/api/press", "application/json", `{"nonsense":1}`, http.StatusBadRequest)
	f("/phone", "application/json", `{}`, http.StatusMethodNotAllowed)
}

func TestPageAssets(t *testing.T) {
	t.Parallel()
	b := newBot(t)
	status, header, body := b.get("/phone")
	if !strings.HasPrefix(header.Get("Content-Security-Policy"), "default-src 'self';") {
		t.Error(header)
	}
	if _, err := web.Files(); err != nil {
		if status != http.StatusServiceUnavailable || !strings.Contains(body, "make web") {
			t.Errorf("%d %s", status, body)
		}
		return
	}
	f := func(path, contentType string) {
		t.Helper()
		status, header, _ := b.get(path)
		if status != http.StatusOK || !strings.HasPrefix(header.Get("Content-Type"), contentType) || header.Get("ETag") == "" {
			t.Errorf("%s: %d %v", path, status, header)
		}
	}
	f("/phone", "text/html")
	f("/", "text/html") // by a redirect
	f("/phone/main.js", "text/javascript")
	f("/phone/style.css", "text/css")
	f("/phone/icon.svg", "image/svg+xml")
	for _, path := range []string{"/phone/none.js", "/phone/../phone/main.go", "/other"} {
		if status, _, _ := b.get(path); status != http.StatusNotFound {
			t.Errorf("%s: %d", path, status)
		}
	}
}
