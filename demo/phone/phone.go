package phone

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say which bot, people and chats the phone knows.
type Options struct {
	Token string // of the bot, such as "42:secret"; the number is its user id
	Name  string // of the bot
	Users []User
	Chats []Chat
	Now   func() time.Time // the clock of dates, limits and expiry; nil for time.Now
}

// User is a person.
type User struct {
	ID       int64  `json:"id"`
	Name     string `json:"name"`
	Username string `json:"username,omitempty"`
}

// Phone is the fake. It is an http.Handler and safe for concurrent use.
type Phone struct {
	token string
	me    User
	now   func() time.Time
	users []User

	mu      sync.Mutex
	changed chan struct{} // closed and replaced by every change
	version int64         // raised by every change that people see
	chats   map[int64]*chat
	order   []int64 // of the chats, as given
	inbox   inbox
	queries map[string]*query
	lastID  int64 // of the queries
	all     bucket
	faults  map[string][]Fault
	calls   []Call
}

// New makes a phone.
func New(o Options) *Phone {
	id, _, ok := strings.Cut(o.Token, ":")
	bot, err := strconv.ParseInt(id, 10, 64)
	if !ok || err != nil {
		panic(fmt.Sprintf("BUG: phone: the token must look like 42:secret, not %q", o.Token))
	}
	now := o.Now
	if now == nil {
		now = time.Now
	}
	name := o.Name
	if name == "" {
		name = "Leadline"
	}
	p := &Phone{
		token:   o.Token,
		me:      User{ID: bot, Name: name, Username: "leadline_bot"},
		now:     now,
		users:   slices.Clone(o.Users),
		changed: make(chan struct{}),
		version: now().UnixMilli(), // so that a page notices that another phone answers
		chats:   map[int64]*chat{},
		queries: map[string]*query{},
		all:     bucket{size: allBurst, every: time.Second / allPerSecond},
		faults:  map[string][]Fault{},
	}
	for _, c := range o.Chats {
		p.addChat(c)
	}
	return p
}

// ServeHTTP serves the Bot API and the page.
func (p *Phone) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/bot"):
		p.serveAPI(w, r, strings.TrimPrefix(path, "/bot"))
	case path == "/phone" || strings.HasPrefix(path, "/phone/"):
		p.servePage(w, r)
	case path == "/":
		http.Redirect(w, r, "/phone", http.StatusFound)
	default:
		http.NotFound(w, r)
	}
}

// serveAPI answers /bot<token>/<method>.
func (p *Phone) serveAPI(w http.ResponseWriter, r *http.Request, path string) {
	token, name, ok := strings.Cut(path, "/")
	if !ok || !strings.Contains(token, ":") {
		writeError(w, &apiError{code: 404, text: "Not Found"})
		return
	}
	if token != p.token {
		writeError(w, &apiError{code: 401, text: "Unauthorized"})
		return
	}
	m, known := lookup(name)
	if !known {
		writeError(w, &apiError{code: 404, text: "Not Found: method not found"})
		return
	}
	given, refused := readParams(r)
	fault := p.takeFault(m.name)
	if fault != nil && !fault.Execute {
		p.record(m.name, given, fault.String())
		fault.play(w, r)
		return
	}
	if refused == nil {
		refused = m.check(given)
	}
	var result any
	if refused == nil {
		result, refused = m.run(p, r.Context(), given)
	}
	outcome := "ok"
	if refused != nil {
		outcome = refused.text
	}
	p.record(m.name, given, outcome)
	switch {
	case fault != nil:
		fault.play(w, r)
	case refused != nil:
		writeError(w, refused)
	default:
		writeJSON(w, http.StatusOK, map[string]any{"ok": true, "result": result})
	}
}

// apiError is an error as the Bot API reports it.
type apiError struct {
	code       int
	text       string
	retryAfter int   // seconds
	migrateTo  int64 // chat
}

func badRequest(format string, args ...any) *apiError {
	return &apiError{code: 400, text: "Bad Request: " + fmt.Sprintf(format, args...)}
}

func notModelled(what string) *apiError {
	return &apiError{code: 501, text: "Not Implemented: this phone does not know " + what}
}

func writeError(w http.ResponseWriter, e *apiError) {
	body := map[string]any{"ok": false, "error_code": e.code, "description": e.text}
	more := map[string]any{}
	if e.retryAfter > 0 {
		more["retry_after"] = e.retryAfter
		w.Header().Set("Retry-After", strconv.Itoa(e.retryAfter))
	}
	if e.migrateTo != 0 {
		more["migrate_to_chat_id"] = e.migrateTo
	}
	if len(more) > 0 {
		body["parameters"] = more
	}
	writeJSON(w, e.code, body)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("BUG: phone: " + err.Error())
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(b) // a client that has gone is none of ours
}

// notify tells everything that waits, pages included, that people see something new. The caller holds mu.
func (p *Phone) notify() {
	p.version++
	p.wake()
}

// wake tells everything that waits of a change that no page shows. The caller holds mu.
func (p *Phone) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// Call is one request of the bot.
type Call struct {
	At      time.Time
	Method  string
	Params  map[string]string
	Outcome string // "ok", the error's description or the fault
}

const maxCalls = 1000

func (p *Phone) record(method string, given params, outcome string) {
	texts := make(map[string]string, len(given))
	for k, v := range given {
		texts[k] = v.text
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.calls) == maxCalls {
		p.calls = p.calls[1:]
	}
	p.calls = append(p.calls, Call{At: p.now(), Method: method, Params: texts, Outcome: outcome})
}

// Transcript is the bot's last 1000 calls, oldest first; a long poll appears when it has ended.
func (p *Phone) Transcript() []Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := slices.Clone(p.calls)
	for i := range out {
		out[i].Params = maps.Clone(out[i].Params)
	}
	return out
}

// user is the known user with an id. The caller need not hold mu.
func (p *Phone) user(id int64) (User, bool) {
	if id == p.me.ID {
		return p.me, true
	}
	i := slices.IndexFunc(p.users, func(u User) bool { return u.ID == id })
	if i < 0 {
		return User{}, false
	}
	return p.users[i], true
}
