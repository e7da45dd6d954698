package server_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"leadline"
	"leadline/ingest"
	"leadline/ingest/spool"
	"leadline/schema"
	"leadline/server"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Fiber and fasthttp keep clocks of the whole process.
		goleak.IgnoreAnyFunction("github.com/gofiber/fiber/v2/utils.StartTimeStampUpdater.func1.1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"),
		goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.(*workerPool).Start.func2"))
}

// nowhere is the writer of a pipeline that never runs: what is accepted stays in the spool.
type nowhere struct{}

func (nowhere) Block() leadline.Block { panic("BUG: the pipeline does not run") }

type keys map[string]leadline.APIKey

func (k keys) APIKey(_ context.Context, id string) (leadline.APIKey, bool, error) {
	key, ok := k[id]
	return key, ok, nil
}

// door is a server on a free port with a real spool behind it.
type door struct {
	url     string
	key     string // may write
	revoked string
	reader  string // has another scope
}

const botSecret = "bot-secret"

// intake is the real one, with a spool that nobody drains.
func intake(t testing.TB, change func(*ingest.Options)) (*ingest.Pipeline, *spool.Spool) {
	t.Helper()
	queue := openSpool(t, spool.Options{})
	schemas, err := schema.Load(os.DirFS("../examples/schemas"))
	if err != nil {
		t.Fatal(err)
	}
	o := ingest.Options{Spool: queue, Writer: nowhere{}, Schemas: schemas, Pepper: func(string) []byte { return []byte("pepper") }}
	if change != nil {
		change(&o)
	}
	p, err := ingest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return p, o.Spool
}

func openSpool(t testing.TB, o spool.Options) *spool.Spool {
	t.Helper()
	o.Dir = t.TempDir()
	queue, err := spool.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { queue.Close() })
	return queue
}

func open(t *testing.T) *door {
	t.Helper()
	p, queue := intake(t, nil)
	d := &door{}
	known := keys{}
	add := func(scope string, revoked time.Time) string {
		key, text := leadline.NewAPIKey("acme", "", []string{scope}, time.Now())
		key.RevokedAt = revoked
		known[key.ID] = key
		return text
	}
	d.key = add(leadline.ScopeEventsWrite, time.Time{})
	d.revoked = add(leadline.ScopeEventsWrite, time.Now().Add(-time.Minute))
	d.reader = add("events:read", time.Time{})
	s := server.New(server.Options{
		Intake: p, Keys: known, Log: leadlineLog(t),
		Bots:  map[string]server.Bot{"acme_leads_bot": {Partner: "acme", Secret: botSecret}},
		Ready: func(context.Context) error { return queue.Err() },
	})
	d.url = serve(t, s)
	return d
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (d *door) do(t *testing.T, method, path string, body []byte, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.url+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	transport := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: transport, Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(text)}
}

func (d *door) post(t *testing.T, body string, headers ...string) answer {
	t.Helper()
	all := append([]string{"Authorization", "Bearer " + d.key, "Content-Type", "application/json"}, headers...)
	return d.do(t, http.MethodPost, "/v1/events", []byte(body), all...)
}

func event(id string) string {
	return fmt.Sprintf(`{"id":%q,"type":"lead.qualified","schema":"lead.qualified/2","payload":{"plan":"pro","amount":4900,"currency":"EUR"}}`, id)
}

func TestEventsAreAccepted(t *testing.T) {
	t.Parallel()
	d := open(t)
	counts := func(a answer, accepted, duplicates, rejected int) {
		t.Helper()
		var got leadline.Receipt
		if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusAccepted {
			t.Fatalf("%d %s (%v)", a.status, a.body, err)
		}
		if got.Accepted != accepted || got.Duplicates != duplicates || got.Rejected != rejected {
			t.Errorf("got %s; want %d accepted, %d duplicates, %d rejected", a.body, accepted, duplicates, rejected)
		}
		if !strings.Contains(a.body, `"request_id":"`+a.header.Get("X-Request-Id")+`"`) || a.header.Get("X-Request-Id") == "" {
			t.Errorf("no request id in %s", a.body)
		}
	}
	counts(d.post(t, event("one")), 1, 0, 0)
	counts(d.post(t, event("one")), 0, 1, 0)
	counts(d.post(t, "["+event("a")+","+event("b")+"]"), 2, 0, 0)
	counts(d.post(t, event("n1")+"\n"+event("n2")+"\n", "Content-Type", "application/x-ndjson"), 2, 0, 0)
	counts(d.post(t, event("c")+"\n", "Content-Type", "application/jsonl; charset=utf-8"), 1, 0, 0)
	counts(d.post(t, string(gzipped([]byte(event("gz")))), "Content-Encoding", "gzip"), 1, 0, 0)
	counts(d.post(t, string(zstded([]byte(event("zs")))), "Content-Encoding", "zstd"), 1, 0, 0)
	counts(d.post(t, "["+event("d")+`,{"id":"bad","type":"lead.qualified","schema":"lead.qualified/2","payload":{"amount":-1}}]`), 1, 0, 1)
	if a := d.post(t, event("one"), "Prefer", "return=representation"); !strings.Contains(a.body, `"result":"duplicate"`) {
		t.Errorf("verdicts were asked for: %s", a.body)
	}
	sample, err := os.ReadFile("../examples/events/lead.json")
	if err != nil {
		t.Fatal(err)
	}
	counts(d.post(t, string(sample)), 1, 0, 0)
}

// TestRefusals holds what each bad request is answered: status and the code that a program decides by.
func TestRefusals(t *testing.T) {
	t.Parallel()
	d := open(t)
	f := func(a answer, status int, code string) {
		t.Helper()
		var p struct {
			Type, Title, Code, Detail, RequestID string
			Status                               int
		}
		if err := json.Unmarshal([]byte(strings.Replace(a.body, "request_id", "requestid", 1)), &p); err != nil {
			t.Errorf("%d %q is no problem document: %v", a.status, a.body, err)
			return
		}
		if a.status != status || p.Status != status || p.Code != code {
			t.Errorf("got %d %s; want %d %s", a.status, a.body, status, code)
		}
		if a.header.Get("Content-Type") != "application/problem+json" || p.Detail == "" || p.Title == "" || p.RequestID == "" || p.RequestID != a.header.Get("X-Request-Id") {
			t.Errorf("incomplete problem: %v %s", a.header, a.body)
		}
	}
	bearer := func(key string) []string { return []string{"Authorization", "Bearer " + key} }
	f(d.do(t, "POST", "/v1/events", []byte(event("x")), "Content-Type", "application/json"), 401, "bad_key")
	f(d.post(t, event("x"), "Authorization", "Basic eDp5"), 401, "bad_key")
	f(d.post(t, event("x"), bearer("ll_live_nonsense")...), 401, "bad_key")
	_, unknown := leadline.NewAPIKey("acme", "", nil, time.Now())
	f(d.post(t, event("x"), bearer(unknown)...), 401, "bad_key")
	f(d.post(t, event("x"), bearer(d.revoked)...), 401, "bad_key")
	f(d.post(t, event("x"), bearer(d.reader)...), 403, "scope")
	f(d.post(t, event("x"), "Content-Type", "text/csv"), 415, "unsupported_type")
	f(d.post(t, event("x"), "Content-Type", ""), 415, "unsupported_type")
	f(d.post(t, event("x"), "Content-Encoding", "br"), 415, "unsupported_encoding")
	f(d.post(t, "nope", "Content-Encoding", "gzip"), 400, "bad_encoding")
	f(d.post(t, "nope", "Content-Encoding", "zstd"), 400, "bad_encoding")
	f(d.post(t, string(gzipped([]byte(event("x"))))[:40], "Content-Encoding", "gzip"), 400, "bad_encoding")
	f(d.post(t, ""), 400, "empty_batch")
	f(d.post(t, "[]"), 400, "empty_batch")
	f(d.post(t, `{"id":`), 400, "invalid_body")
	f(d.post(t, `{"id":"x","type":"lead.qualified","schema":"lead.qualified/2","payload":{"amount":-1}}`), 422, "item_rejected")
	f(d.post(t, `[{"id":"x"},{"id":"y"}]`), 400, "all_rejected")
	f(d.post(t, `{"id":"x","type":"lead.started","partner":"globex"}`), 403, "partner_mismatch")
	f(d.post(t, strings.Repeat("a", 4<<20+1)), 413, "too_large")
	f(d.do(t, "GET", "/v1/nothing", nil), 401, "bad_key")
	f(d.do(t, "GET", "/v1/events", nil), 401, "bad_key")
	f(d.do(t, "GET", "/v1/nothing", nil, bearer(d.key)...), 404, "not_found")
	f(d.do(t, "GET", "/v1/events", nil, bearer(d.key)...), 405, "method_not_allowed")
	f(d.do(t, "GET", "/nothing", nil), 404, "not_found")
	f(d.do(t, "POST", "/v1/telegram/acme_leads_bot", []byte(`{"update_id":1}`)), 401, "bad_secret")
	f(d.do(t, "POST", "/v1/telegram/acme_leads_bot", []byte(`{"update_id":1}`), "X-Telegram-Bot-Api-Secret-Token", "wrong"), 401, "bad_secret")
	f(d.do(t, "POST", "/v1/telegram/unknown_bot", []byte(`{"update_id":1}`), "X-Telegram-Bot-Api-Secret-Token", botSecret), 401, "bad_secret")
	f(d.do(t, "POST", "/v1/telegram/acme_leads_bot", []byte(`no update`), "X-Telegram-Bot-Api-Secret-Token", botSecret), 400, "invalid_body")
}

// TestBombs: 200 MB that travel as 200 kB are refused, and cost less than 64 MB on the way.
func TestBombs(t *testing.T) { //nolint:paralleltest // it measures what the process allocates
	d := open(t)
	f := func(encoding string, bomb []byte) {
		t.Helper()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		a := d.post(t, string(bomb), "Content-Encoding", encoding)
		runtime.ReadMemStats(&after)
		if a.status != http.StatusRequestEntityTooLarge || !strings.Contains(a.body, `"too_large"`) {
			t.Errorf("%s: %d %s; want 413 too_large", encoding, a.status, a.body)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 64<<20 {
			t.Errorf("%s bomb of %d bytes cost %d MB", encoding, len(bomb), cost>>20)
		}
	}
	zeros := make([]byte, 200<<20)
	gz, zs := gzipped(zeros), zstded(zeros)
	f("gzip", gz)
	f("zstd", zs)
}

func TestTelegramUpdates(t *testing.T) {
	t.Parallel()
	d := open(t)
	files, err := filepath.Glob("../../shared/data/telegram/teloxide_*.json")
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the real updates of shared/data/telegram are not here")
	}
	f := func(body []byte) {
		t.Helper()
		a := d.do(t, "POST", "/v1/telegram/acme_leads_bot", body, "X-Telegram-Bot-Api-Secret-Token", botSecret)
		if diff := cmp.Diff(answer{200, nil, "{}"}, answer{a.status, nil, a.body}, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s\n%s", body, diff)
		}
	}
	for _, file := range files {
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		f(body)
		f(body) // Telegram redelivers
	}
	if len(files) != 14 {
		t.Errorf("%d updates, want 14", len(files))
	}
}

// TestShutdownMeetsServeAnywhere: a stop may come before, while and after Serve begins.
func TestShutdownMeetsServeAnywhere(t *testing.T) {
	t.Parallel()
	for range 200 {
		s := server.New(server.Options{Log: leadlineLog(t)})
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- s.Serve(l) }()
		if err := s.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("Serve goes on after Shutdown")
		}
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	d := open(t)
	for _, path := range []string{"/", "/healthz", "/readyz"} {
		if a := d.do(t, "GET", path, nil); a.status != http.StatusOK {
			t.Errorf("GET %s: %d %s", path, a.status, a.body)
		}
	}
}

func gzipped(b []byte) []byte {
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	w.Write(b)
	w.Close()
	return out.Bytes()
}

func zstded(b []byte) []byte {
	var out bytes.Buffer
	w, _ := zstd.NewWriter(&out)
	w.Write(b)
	w.Close()
	return out.Bytes()
}
