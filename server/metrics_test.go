package server_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/ingest"
	"leadline/metrics"
	"leadline/server"
)

// noted is an Observer that keeps what it is told.
type noted struct {
	mu      sync.Mutex
	running int
	answers []string
	codes   []string
}

func (n *noted) Begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.running++
}

func (n *noted) Observe(route string, status int, took time.Duration, bytes int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.running--
	if took <= 0 {
		route += " in no time"
	}
	if bytes > 0 {
		route += " with a body"
	}
	n.answers = append(n.answers, http.StatusText(status)+" "+route)
}

func (n *noted) Refuse(code string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.codes = append(n.codes, code)
}

// taker takes everything.
type taker struct{ server.Intake }

func (taker) Submit(context.Context, ingest.Request) (leadline.Receipt, error) {
	return leadline.Receipt{Accepted: 1}, nil
}

// begin runs a server with a key and an intake that takes everything.
func begin(t *testing.T, o server.Options) *door {
	t.Helper()
	key, text := leadline.NewAPIKey("acme", "", []string{leadline.ScopeEventsWrite}, time.Now())
	o.Intake, o.Keys, o.Log = taker{}, keys{key.ID: key}, slog.New(slog.DiscardHandler)
	s := server.New(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		if err := errors.Join(s.Shutdown(context.Background()), <-done); err != nil {
			t.Error(err)
		}
	})
	return &door{url: "http://" + l.Addr().String(), key: text}
}

func TestEveryAnswerIsObserved(t *testing.T) {
	t.Parallel()
	n := &noted{}
	d := begin(t, server.Options{Observer: n, Ready: func(context.Context) error { return errors.New("the spool is full") }})
	event := []byte(`{"type":"lead.created","id":"1","occurred_at":"` + time.Now().UTC().Format(time.RFC3339) + `","payload":{}}`)
	d.do(t, "POST", "/v1/events", event, "Authorization", "Bearer "+d.key, "Content-Type", "application/json")
	d.do(t, "POST", "/v1/events", event)
	d.do(t, "POST", "/v1/telegram/nobody-knows-this-bot", event)
	d.do(t, "GET", "/healthz", nil)
	d.do(t, "GET", "/readyz", nil)
	d.do(t, "GET", "/", nil)
	d.do(t, "GET", "/no/such/page", nil)
	d.do(t, "DELETE", "/healthz", nil)
	d.do(t, "GET", "/healthz", nil, "X-Large", strings.Repeat("x", 20<<10))

	n.mu.Lock()
	defer n.mu.Unlock()
	want := []string{
		"Accepted /v1/events with a body", "Unauthorized /v1/events with a body", "Unauthorized /v1/telegram/:bot with a body",
		"OK /healthz", "Service Unavailable /readyz", "OK /", "Not Found unmatched", "Method Not Allowed unmatched",
	}
	if diff := cmp.Diff(want, n.answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if n.running != 0 {
		t.Errorf("%d requests still run", n.running)
	}
	for _, code := range []string{"not_ready", "not_found", "method_not_allowed", "headers_too_large"} {
		if !slices.Contains(n.codes, code) {
			t.Errorf("no problem %s among %q", code, n.codes)
		}
	}
}

func TestPrometheusScrapes(t *testing.T) {
	t.Parallel()
	m := metrics.New()
	d := begin(t, server.Options{Observer: m, Metrics: m.Handler()})
	d.do(t, "GET", "/no/such/page", nil)
	got := d.do(t, "GET", "/metrics", nil)
	if got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("%d %s", got.status, got.header.Get("Content-Type"))
	}
	for _, want := range []string{
		`leadline_http_requests_total{route="unmatched",status="404"} 1`,
		`leadline_http_problems_total{code="not_found"} 1`,
		`leadline_http_requests_in_flight 1`,
		`leadline_build_info{go_version="go`,
		"\ngo_goroutines ",
	} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is not in:\n%s", want, got.body)
		}
	}
	if strings.Contains(got.body, "such") {
		t.Error("a path is a label")
	}
	if again := d.do(t, "GET", "/metrics", nil); !strings.Contains(again.body, `leadline_http_requests_total{route="/metrics",status="200"} 1`) {
		t.Error("the scrape itself is not counted")
	}
}
