package phone_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"leadline/demo/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token = "42:AAF-not-a-real-token_of-a-bot-000000"
	ops   = -100500 // a supergroup with topics
	team  = -700    // a group
	anna  = 1001
	boris = 1002
	eve   = 1003 // nobody's colleague
)

// clock is a clock that stands still until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 21, 19, 42, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// bot calls a phone over HTTP.
type bot struct {
	t     *testing.T
	url   string
	http  *http.Client
	phone *phone.Phone
	clock *clock
}

func newBot(t *testing.T) *bot {
	t.Helper()
	c := newClock()
	p := phone.New(phone.Options{
		Token: token,
		Now:   c.now,
		Users: []phone.User{{ID: anna, Name: "Anna", Username: "anna_ops"}, {ID: boris, Name: "Boris"}, {ID: eve, Name: "a stranger"}},
		Chats: []phone.Chat{
			{ID: ops, Kind: phone.Supergroup, Title: "Growth on-call", Topics: map[int]string{7: "Incidents"}},
			{ID: team, Kind: phone.Group, Title: "Team"},
			{ID: anna, Kind: phone.Private},
			{ID: boris, Kind: phone.Private, Reach: phone.NotStarted},
		},
	})
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	return &bot{t: t, url: s.URL, http: newHTTPClient(t), phone: p, clock: c}
}

type reply struct {
	Status     int `json:"-"`
	Header     http.Header
	OK         bool            `json:"ok"`
	Code       int             `json:"error_code"`
	Text       string          `json:"description"`
	Result     json.RawMessage `json:"result"`
	Parameters struct {
		RetryAfter int   `json:"retry_after"`
		MigrateTo  int64 `json:"migrate_to_chat_id"`
	} `json:"parameters"`
}

type args map[string]any

// call sends JSON and expects the API's JSON.
func (b *bot) call(method string, a args) reply {
	b.t.Helper()
	body, err := json.Marshal(a)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.post("/bot"+token+"/"+method, "application/json", body)
}

func (b *bot) post(path, contentType string, body []byte) reply {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	resp, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	r := reply{Status: resp.StatusCode, Header: resp.Header}
	if err := json.Unmarshal(raw, &r); err != nil {
		b.t.Fatalf("%s: %v in %s", path, err, raw)
	}
	if r.OK != (r.Status == http.StatusOK) || !r.OK && r.Code != r.Status {
		b.t.Fatalf("%s: status %d and body %s disagree", path, r.Status, raw)
	}
	return r
}

// must calls and returns the message id of the result.
func (b *bot) must(method string, a args) int {
	b.t.Helper()
	r := b.call(method, a)
	if !r.OK {
		b.t.Fatalf("%s %v: %s", method, a, r.Text)
	}
	var m struct {
		ID int `json:"message_id"`
	}
	_ = json.Unmarshal(r.Result, &m)
	return m.ID
}

// refused calls and wants exactly this error.
func (b *bot) refused(method string, a args, code int, text string) {
	b.t.Helper()
	r := b.call(method, a)
	if r.Code != code || r.Text != text {
		b.t.Errorf("%s %v\n got %d %s\nwant %d %s", method, a, r.Code, r.Text, code, text)
	}
}

func keyboard(buttons ...map[string]any) map[string]any {
	return map[string]any{"inline_keyboard": []any{buttons}}
}

// newHTTPClient is a client whose connections end with the test.
func newHTTPClient(t *testing.T) *http.Client {
	t.Helper()
	c := &http.Client{Transport: &http.Transport{}, Timeout: time.Minute}
	t.Cleanup(c.CloseIdleConnections)
	return c
}
