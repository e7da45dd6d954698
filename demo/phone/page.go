package phone

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"time"

	"leadline/web"
)

const (
	stateWait   = 25 * time.Second // how long the page's poll waits for news
	answerWait  = 15 * time.Second // how long the page waits for the bot to answer a press
	maxOnPage   = 100              // messages a chat
	maxPageBody = 64 << 10
)

func (p *Phone) servePage(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy",
		"default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	switch r.Method + " " + r.URL.Path {
	case "GET /phone/api/state":
		p.serveState(w, r)
	case "POST /phone/api/press":
		p.servePress(w, r)
	case "POST /phone/api/say":
		p.serveSay(w, r)
	default:
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		serveAsset(w, r)
	}
}

// serveAsset serves a built file; everything is revalidated by its hash.
func serveAsset(w http.ResponseWriter, r *http.Request) {
	files, err := web.Files()
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	name := strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/phone"), "/")
	if name == "" {
		name = "index.html"
	}
	body, err := fs.ReadFile(files, path.Join("phone", path.Clean("/"+name)))
	if err != nil {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("Content-Type", mime.TypeByExtension(path.Ext(name)))
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
}

// pageState is all that the page shows.
type pageState struct {
	Version int64      `json:"version"`
	Bot     User       `json:"bot"`
	Users   []User     `json:"users"`
	Chats   []pageChat `json:"chats"`
}

type pageChat struct {
	ID       int64          `json:"id"`
	Kind     Kind           `json:"kind"`
	Title    string         `json:"title"`
	Reach    Reach          `json:"reach,omitempty"`
	Topics   map[int]string `json:"topics,omitempty"`
	Messages []Message      `json:"messages"`
}

// serveState answers at once when the page's version is not the present one, otherwise after the next change.
func (p *Phone) serveState(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), stateWait)
	defer cancel()
	seen, _ := strconv.ParseInt(r.URL.Query().Get("seen"), 10, 64)
	w.Header().Set("Cache-Control", "no-store")
	writeJSON(w, http.StatusOK, p.stateAfter(ctx, seen))
}

func (p *Phone) stateAfter(ctx context.Context, seen int64) pageState {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.version == seen && p.wait(ctx) == nil {
		continue
	}
	s := pageState{Version: p.version, Bot: p.me, Users: p.users}
	for _, id := range p.order {
		c := p.chats[id]
		all := p.messages(id)
		s.Chats = append(s.Chats, pageChat{
			ID: id, Kind: c.Kind, Title: c.Title, Reach: c.Reach, Topics: c.Topics,
			Messages: all[max(0, len(all)-maxOnPage):],
		})
	}
	return s
}

func (p *Phone) servePress(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User    int64  `json:"user"`
		Chat    int64  `json:"chat"`
		Message int    `json:"message"`
		Button  string `json:"button"`
	}
	if !readPage(w, r, &in) {
		return
	}
	id, err := p.Press(in.User, in.Chat, in.Message, in.Button)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), answerWait)
	defer cancel()
	answer, err := p.Answered(ctx, id)
	writeJSON(w, http.StatusOK, map[string]any{"answered": err == nil, "text": answer.Text, "alert": answer.Alert})
}

func (p *Phone) serveSay(w http.ResponseWriter, r *http.Request) {
	var in struct {
		User int64  `json:"user"`
		Chat int64  `json:"chat"`
		Text string `json:"text"`
	}
	if !readPage(w, r, &in) {
		return
	}
	if err := p.Say(in.User, in.Chat, in.Text); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// readPage decodes the page's JSON. The media type keeps other sites' forms out: a browser asks before it sends it.
func readPage(w http.ResponseWriter, r *http.Request, into any) bool {
	if t, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); t != "application/json" {
		http.Error(w, "send application/json", http.StatusUnsupportedMediaType)
		return false
	}
	d := json.NewDecoder(io.LimitReader(r.Body, maxPageBody))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		http.Error(w, "not the page's JSON: "+err.Error(), http.StatusBadRequest)
		return false
	}
	return true
}
