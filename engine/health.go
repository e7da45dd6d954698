package engine

import (
	"maps"
	"net/http"
	"sync"
	"time"
)

// Health is how the engine fares, counted since Start.
type Health struct {
	Since    time.Time        // since when the child answers; zero while none does
	Restarts map[string]int64 // by how the child before ended: exit, fatal, or the name of a signal, such as SIGKILL
	Last     string           // how the last child that died ended, "" where none did
	Refused  []Refused        // every guard with every reason
}

// Refused counts the connections that a guard ended for a reason.
type Refused struct {
	Guard  string // native or http
	Reason string // full, hello, password, database, away or request
	Count  int64
}

// Health says how the engine fares.
func (e *Engine) Health() Health {
	h := e.life.health()
	for why, name := range whyNames {
		h.Refused = append(h.Refused, Refused{"native", name, e.native.turned[why].Load()}, Refused{"http", name, e.http.turned[why].Load()})
	}
	return h
}

// exited is how a child ended that no signal ended.
const exited = "exit"

// life keeps when children began and how they ended.
type life struct {
	mu    sync.Mutex
	since time.Time
	ended map[string]int64 // children that were replaced
	last  string
}

func (l *life) begins() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Now()
}

// ends notes the end of a child; how is "" where it was asked to end.
func (l *life) ends(how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Time{}
	if how != "" {
		l.last = how
	}
}

// goesOn notes that a child answers in place of one that ended so.
func (l *life) goesOn(how string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.since = time.Now()
	if l.ended == nil {
		l.ended = map[string]int64{}
	}
	l.ended[how]++
}

func (l *life) restarts() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	var n int64
	for _, k := range l.ended {
		n += k
	}
	return int(n)
}

func (l *life) health() Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Health{Since: l.since, Restarts: maps.Clone(l.ended), Last: l.last}
}

// Why a guard turns a client away.
const (
	whyFull     = iota // as many clients as there may be
	whyHello           // no whole hello came
	whyPassword        // user or password
	whyDatabase        // there is no such database
	whyAway            // the engine does not answer
	whyRequest         // a broken HTTP request
	reasons
)

var whyNames = [reasons]string{"full", "hello", "password", "database", "away", "request"}

// whyStatus is the reason behind an HTTP refusal.
func whyStatus(status int) int {
	switch status {
	case http.StatusUnauthorized:
		return whyPassword
	case http.StatusServiceUnavailable:
		return whyAway
	}
	return whyRequest
}
