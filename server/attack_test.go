package server_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/ingest"
	"leadline/limit"
	"leadline/server"
)

// attack is one bad input and the exact answer to it.
type attack struct {
	name   string
	raw    string // the bytes on the wire
	status int
	code   string
}

// request writes one well-formed request around whatever is bad in it.
func request(method, path, body string, headers ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: x\r\n", method, path)
	for i := 0; i < len(headers); i += 2 {
		fmt.Fprintf(&b, "%s: %s\r\n", headers[i], headers[i+1])
	}
	if body != "" || method == "POST" {
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return b.String()
}

func attacks(d *everything) []attack {
	json := func(body string, headers ...string) string {
		return request("POST", "/v1/events", body, append([]string{"Authorization", "Bearer " + d.key, "Content-Type", "application/json"}, headers...)...)
	}
	as := func(kind, body string) string {
		return request("POST", "/v1/events", body, "Authorization", "Bearer "+d.key, "Content-Type", kind)
	}
	auth := func(value string) string {
		return request("POST", "/v1/events", "{}", "Authorization", value, "Content-Type", "application/json")
	}
	with := func(key, method, path, body string, headers ...string) string {
		return request(method, path, body, append([]string{"Authorization", "Bearer " + key, "Content-Type", "application/json"}, headers...)...)
	}
	page := func(authorization string) string { return request("GET", "/rules", "", "Authorization", authorization) }
	_, stranger := leadline.NewAPIKey("acme", "", leadline.Scopes, time.Now())
	head := "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + d.key + "\r\n"
	gz, zs := string(gzipped(bytes.Repeat([]byte("0"), 17<<20))), string(zstded(bytes.Repeat([]byte("0"), 17<<20)))
	now := time.Now()
	stale := signed("m1", now.Add(-time.Hour), "{}")
	early := signed("m1", now.Add(time.Hour), "{}")
	dotted := signed("m.1", now, "{}")
	otherBody := signed("m1", now, "[]")
	unsigned := signed("m1", now, "{}")[:4]
	deep := `{"id":"x","type":"lead.started","payload":` + strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 71)
	return []attack{
		// Who asks.
		{"no key", request("POST", "/v1/events", "{}", "Content-Type", "application/json"), 401, "bad_key"},
		{"basic auth", auth("Basic eDp5"), 401, "bad_key"},
		{"an empty bearer", auth("Bearer "), 401, "bad_key"},
		{"bearer in lower case", auth("bearer " + d.key), 401, "bad_key"},
		{"a key cut short", auth("Bearer " + d.key[:40]), 401, "bad_key"},
		{"a key with a changed check", auth("Bearer " + d.key[:len(d.key)-1] + "!"), 401, "bad_key"},
		{"a key of 8 KiB", auth("Bearer " + strings.Repeat("l", 8<<10)), 401, "bad_key"},
		{"a key with a NUL", auth("Bearer ll_live_\x00"), 400, "bad_request"},
		{"a revoked key", auth("Bearer " + d.revoked), 401, "bad_key"},
		{"a key without the scope", auth("Bearer " + d.reader), 403, "scope"},
		{"a key without the scope, reading", with(d.key, "GET", "/v1/events/x", ""), 403, "scope"},
		{"a key without the scope, watching the rules", with(d.key, "GET", "/v1/rules", ""), 403, "scope"},
		{"a partner who reads its events, watching everybody's rules", with(d.reader, "GET", "/v1/rules", ""), 403, "scope"},
		{"the rules without a key", request("GET", "/v1/rules", ""), 401, "bad_key"},
		{"the rules by another method", with(d.reader, "POST", "/v1/rules", "{}"), 405, "method_not_allowed"},
		{"the page of the rules without a key", request("GET", "/rules", ""), 401, "bad_key"},
		{"the page of the rules, a bearer", with(d.watcher, "GET", "/rules", ""), 401, "bad_key"},
		{"the page of the rules, the key in the address", request("GET", "/rules?key="+d.watcher, ""), 401, "bad_key"},
		{"the page of the rules, the key as the name", page(basic(d.watcher + ":")), 401, "bad_key"},
		{"the page of the rules, no name", page(basic(d.watcher)), 401, "bad_key"},
		{"the page of the rules, a revoked key", page(basic(":" + d.revoked)), 401, "bad_key"},
		{"the page of the rules, a mistyped key", page(basic(":" + d.watcher[:len(d.watcher)-1] + "!")), 401, "bad_key"},
		{"the page of the rules, another secret", page(basic(":" + stranger)), 401, "bad_key"},
		{"the page of the rules, no base64", page("Basic ::::"), 401, "bad_key"},
		{"the page of the rules, half of it", page(basic(":" + d.watcher)[:30]), 401, "bad_key"},
		{"the page of the rules, more behind the key", page(basic(":" + d.watcher + ":x")), 401, "bad_key"},
		{"the page of the rules, a partner's key", page(basic(":" + d.key)), 403, "scope"},
		{"the page of the rules, a partner's reader", page(basic("acme:" + d.reader)), 403, "scope"},
		{"the page of the rules, by another method", request("POST", "/rules", "{}", "Authorization", basic(":"+d.watcher)), 405, "method_not_allowed"},
		{"a page's password where a key is due", request("GET", "/v1/rules", "", "Authorization", basic(":"+d.watcher)), 401, "bad_key"},
		{"a key without the scope, erasing", with(d.key, "DELETE", "/v1/leads/1", ""), 403, "scope"},
		{"a key in the query", request("POST", "/v1/events?key="+d.key, "{}"), 401, "bad_key"},
		{"probing an address without a key", request("GET", "/v1/secret", ""), 401, "bad_key"},
		{"probing a method without a key", request("PUT", "/v1/events", ""), 401, "bad_key"},
		{"another partner's event", with(d.foreign, "GET", "/v1/events/tg:bot:1", ""), 404, "not_found"},
		{"another partner's erasure", with(d.foreign, "GET", "/v1/erasures/e-acme", ""), 404, "not_found"},
		{"another partner in the body", json(`{"id":"x","type":"lead.started","partner":"globex"}`), 403, "partner_mismatch"},
		// Signatures.
		{"not signed", with(d.signer, "POST", "/v1/events", "{}"), 401, "signature_missing"},
		{"signed, but not said how", with(d.signer, "POST", "/v1/events", "{}", unsigned...), 401, "signature_missing"},
		{"signed an hour ago", with(d.signer, "POST", "/v1/events", "{}", stale...), 401, "signature_expired"},
		{"signed in an hour", with(d.signer, "POST", "/v1/events", "{}", early...), 401, "signature_expired"},
		{"another body signed", with(d.signer, "POST", "/v1/events", "{}", otherBody...), 401, "signature_invalid"},
		{"a dot in the signed id", with(d.signer, "POST", "/v1/events", "{}", dotted...), 401, "signature_invalid"},
		{"a wrong signature of one who need not sign", with(d.optional, "POST", "/v1/events", "{}", otherBody...), 401, "signature_invalid"},
		{"an unknown hook", request("POST", "/v1/hooks/nobody", "{}", otherBody...), 401, "signature_invalid"},
		{"a hook without a signature", request("POST", "/v1/hooks/github", "{}"), 401, "signature_missing"},
		{"a hook with a wrong one", request("POST", "/v1/hooks/github", "{}", "X-Hub-Signature-256", "sha256="+strings.Repeat("0", 64)), 401, "signature_invalid"},
		{"a hook's name that climbs", request("POST", "/v1/hooks/..%2fgithub", "{}"), 401, "signature_invalid"},
		{"a bot without its secret", request("POST", "/v1/telegram/acme_leads_bot", "{}"), 401, "bad_secret"},
		{"a bot with another secret", request("POST", "/v1/telegram/acme_leads_bot", "{}", "X-Telegram-Bot-Api-Secret-Token", "x"), 401, "bad_secret"},
		{"an unknown bot", request("POST", "/v1/telegram/x", "{}", "X-Telegram-Bot-Api-Secret-Token", botSecret), 401, "bad_secret"},
		{"a bot that sends no update", request("POST", "/v1/telegram/acme_leads_bot", "[1]", "X-Telegram-Bot-Api-Secret-Token", botSecret), 400, "invalid_body"},
		// Addresses and methods.
		{"an unknown address", with(d.key, "GET", "/v1/secret", ""), 404, "not_found"},
		{"an unknown address outside", request("GET", "/admin.php", ""), 404, "not_found"},
		{"a path that climbs", request("GET", "/../../etc/passwd", ""), 404, "not_found"},
		{"another method", with(d.key, "PUT", "/v1/events", "{}"), 405, "method_not_allowed"},
		{"an invented method", with(d.key, "BREW", "/v1/events", ""), 405, "method_not_allowed"},
		{"CONNECT", "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org\r\n\r\n", 404, "not_found"},
		{"an id of 101 bytes", with(d.reader, "GET", "/v1/events/"+strings.Repeat("x", 101), ""), 404, "not_found"},
		{"an id with half an escape", with(d.reader, "GET", "/v1/events/%zz", ""), 404, "not_found"},
		{"a lead that is no lead", with(d.eraser, "DELETE", "/v1/leads/'%20OR%201=1", ""), 400, "bad_lead"},
		// Content types and encodings.
		{"no content type", request("POST", "/v1/events", "{}", "Authorization", "Bearer "+d.key), 415, "unsupported_type"},
		{"CSV", as("text/csv", "a,b"), 415, "unsupported_type"},
		{"a form", as("application/x-www-form-urlencoded", "a=b"), 415, "unsupported_type"},
		{"a broken form of many parts", as("multipart/form-data; boundary=x", "--x\r\nno part"), 415, "unsupported_type"},
		{"a content type that is none", as("///;;;", "{}"), 415, "unsupported_type"},
		{"brotli", json("x", "Content-Encoding", "br"), 415, "unsupported_encoding"},
		{"two encodings", json("x", "Content-Encoding", "gzip, gzip"), 415, "unsupported_encoding"},
		{"gzip that is none", json("{}", "Content-Encoding", "gzip"), 400, "bad_encoding"},
		{"gzip cut short", json(string(gzipped([]byte(event("x"))))[:40], "Content-Encoding", "gzip"), 400, "bad_encoding"},
		{"gzip with garbage behind it", json(string(gzipped([]byte(event("x"))))+"garbage", "Content-Encoding", "gzip"), 400, "bad_encoding"},
		{"zstd that is none", json("{}", "Content-Encoding", "zstd"), 400, "bad_encoding"},
		{"a gzip bomb", json(gz, "Content-Encoding", "gzip"), 413, "too_large"},
		{"a zstd bomb", json(zs, "Content-Encoding", "zstd"), 413, "too_large"},
		{"a small gzip bomb", json(string(gzipped(make([]byte, 8<<20))), "Content-Encoding", "gzip"), 413, "too_large"},
		{"a zstd window of 2 GiB", json("\x28\xb5\x2f\xfd\x00\xa8\x01\x00\x00", "Content-Encoding", "zstd"), 413, "too_large"},
		// Sizes.
		{"more than 4 MiB", json(strings.Repeat("a", 4<<20+1)), 413, "too_large"},
		{"more than 4 MiB in chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("100000\r\n"+strings.Repeat("a", 1<<20)+"\r\n", 5) + "0\r\n\r\n", 413, "too_large"},
		{"more than there is memory", head + "Content-Length: 999999999999\r\n\r\n", 413, "too_large"},
		{"more than 10,000 items", as("application/x-ndjson", strings.Repeat("{}\n", 10_001)), 413, "too_many_items"},
		{"headers of 17 KiB", json("{}", "X-Large", strings.Repeat("x", 17<<10)), 431, "headers_too_large"},
		{"an address of 17 KiB", request("GET", "/"+strings.Repeat("x", 17<<10), ""), 431, "headers_too_large"},
		{"a thousand headers", json("{}", strings.Split(strings.TrimSuffix(strings.Repeat("X-A,bbbbbbbbbbbbbbbb,", 1000), ","), ",")...), 431, "headers_too_large"},
		{"an Idempotency-Key of 256 bytes", json("{}", "Idempotency-Key", strings.Repeat("k", 256)), 400, "bad_idempotency_key"},
		// HTTP that is none.
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"},
		{"a request line of one word", "POST\r\n\r\n", 400, "bad_request"},
		{"a negative length", head + "Content-Length: -1\r\n\r\n", 400, "bad_request"},
		{"a length that is no number", head + "Content-Length: 0x10\r\n\r\n", 400, "bad_request"},
		{"two lengths", head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400, "bad_request"},
		{"a length and chunks", head + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, "bad_request"},
		{"a chunk of a negative size", head + "Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n", 400, "bad_request"},
		{"a chunk whose size is no number", head + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", 400, "bad_request"},
		{"a chunk without an end", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}}}\r\n0\r\n\r\n", 400, "bad_request"},
		{"another transfer encoding", head + "Transfer-Encoding: gzip\r\n\r\n", 400, "bad_request"},
		{"a header without a colon", "GET /healthz HTTP/1.1\r\nHost: x\r\nnonsense\r\n\r\n", 400, "bad_request"},
		{"a space before the colon", "GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n", 400, "bad_request"},
		// Bodies.
		{"nothing", json(""), 400, "empty_batch"},
		{"blanks", json(" \n\t "), 400, "empty_batch"},
		{"an empty list", json("[]"), 400, "empty_batch"},
		{"half an object", json(`{"id":`), 400, "invalid_body"},
		{"a list without an end", json(`[{"id":"x"}`), 400, "invalid_body"},
		{"no JSON", json("nope"), 400, "invalid_body"},
		{"NULs", json("\x00\x00"), 400, "invalid_body"},
		{"a text", json(`"x"`), 422, "item_rejected"},
		{"a number", json("1e999"), 422, "item_rejected"},
		{"a name given twice", json(`{"id":"x","id":"y","type":"lead.started"}`), 400, "invalid_body"},
		{"a name given twice in the payload", json(`{"id":"x","type":"lead.started","payload":{"a":1,"a":2}}`), 400, "invalid_body"},
		{"UTF-8 that is none", json("{\"id\":\"\xff\",\"type\":\"lead.started\"}"), 400, "invalid_body"},
		{"UTF-16", json("\xff\xfe{\x00}\x00"), 400, "invalid_body"},
		{"a mark before the JSON", json("\xef\xbb\xbf" + event("x")), 400, "invalid_body"},
		{"half a surrogate", json(`{"id":"x","type":"lead.started","campaign":"\ud800"}`), 400, "invalid_body"},
		{"70 levels", json(deep), 400, "invalid_body"},
		{"a million brackets", json(strings.Repeat("[", 1<<20)), 400, "invalid_body"},
		{"no type", json(`{"id":"x"}`), 422, "item_rejected"},
		{"an unknown field", json(`{"id":"x","type":"lead.started","__proto__":{}}`), 422, "item_rejected"},
		{"an id with a line feed", json(`{"id":"x\ny","type":"lead.started"}`), 422, "item_rejected"},
		{"the year 9999", json(`{"id":"x","type":"lead.started","occurred_at":"9999-01-01T00:00:00Z"}`), 422, "item_rejected"},
		{"an event of 65 KiB", json(`{"id":"x","type":"lead.started","payload":{"a":"` + strings.Repeat("a", 65<<10) + `"}}`), 422, "item_rejected"},
		{"nothing but bad items", json(`[{"id":"x"},{"id":"y"}]`), 400, "all_rejected"},
		{"nothing but bad lines", as("application/x-ndjson", "nope\nnope\n"), 400, "all_rejected"},
		// Limits.
		{"over the rate", with(d.limited, "POST", "/v1/events", event("x")), 429, "rate_limited"},
		{"a batch over the rate", with(d.policed["bursty"], "POST", "/v1/events", "["+event("x")+","+event("y")+"]"), 429, "rate_limited"},
		{"a batch over the burst", with(d.policed["bursty"], "POST", "/v1/events", "["+event("1")+","+event("2")+","+event("3")+","+event("4")+"]"), 413, "over_burst"},
		{"after the day's quota", with(d.policed["spent"], "POST", "/v1/events", event("x")), 429, "quota_exhausted"},
		{"a batch over what is left of the quota", with(d.policed["daily"], "POST", "/v1/events", "["+event("x")+","+event("y")+"]"), 429, "quota_exhausted"},
		{"too many at once", with(d.policed["busy"], "POST", "/v1/events", event("x")), 429, "too_many_requests"},
	}
}

// send writes a request and reads the answer to it, as a client does that does not look before it has written.
func (d *door) send(t testing.TB, raw string) (answer, error) {
	t.Helper()
	conn, err := net.DialTimeout("tcp", strings.TrimPrefix(d.url, "http://"), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	go io.WriteString(conn, raw) // the answer may come before all is written
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if resp.Close { // the client keeps this field to itself
		resp.Header.Set("Connection", "close")
	}
	return answer{resp.StatusCode, resp.Header, string(body)}, err
}

// internals are what no answer may show: Go's errors, packages, addresses, files.
var internals = regexp.MustCompile(`goroutine|panic|runtime error|nil pointer|\.go:|0x[0-9a-f]{6}|127\.0\.0\.1|/tmp|/home|/root|fasthttp|fiber|json: |gzip: |zstd: |flate: |strconv|(?i)sql|clickhouse|i/o timeout|read tcp|EOF`)

// besieged is a server with all doors open and the real intake behind /v1/events.
func besieged(t testing.TB, change func(*ingest.Options)) *everything {
	t.Helper()
	limits := limit.New(limit.Policy{}, policies)
	p, _ := intake(t, func(o *ingest.Options) {
		o.Limits = limits
		if change != nil {
			change(o)
		}
	})
	d := openAll(t, func(o *server.Options) {
		o.Intake = p
		o.Limits = limits
		for _, partner := range []string{"limited", "bursty", "daily"} {
			o.Limits.Take(partner, 2, 0, 1, time.Now())
		}
		o.Limits.Take("spent", 1, 0, 1, time.Now())
		o.Limits.Begin("busy", time.Now()) // and does not end
	})
	d.real = p
	return d
}

// TestAttacks: every bad input gets its exact answer, no answer shows what is inside, and after all of them the server
// takes a good event.
func TestAttacks(t *testing.T) {
	t.Parallel()
	d := besieged(t, nil)
	documented := documentedCodes(t)
	all := attacks(d)
	if len(all) < 60 {
		t.Errorf("%d attacks, want at least 60", len(all))
	}
	for _, a := range all {
		d.withstands(t, a, documented)
	}
	if a := d.post(t, event("good")); a.status != http.StatusAccepted || !strings.Contains(a.body, `"accepted":1`) {
		t.Errorf("after all of it: %d %s", a.status, a.body)
	}
}

// withstands checks that an attack gets its exact answer, which shows nothing of what is inside.
func (d *door) withstands(t testing.TB, a attack, documented map[string]bool) {
	t.Helper()
	got, err := d.send(t, a.raw)
	if err != nil {
		t.Errorf("%s: %v, want %d %s", a.name, err, a.status, a.code)
		return
	}
	proper(t, a, got, documented)
}

func proper(t testing.TB, a attack, got answer, documented map[string]bool) {
	t.Helper()
	var p struct {
		Type, Title, Code, Detail string
		Status                    int
		RequestID                 string `json:"request_id"`
	}
	if err := json.Unmarshal([]byte(got.body), &p); err != nil || got.header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("%s: %d %q is no problem document: %v", a.name, got.status, got.body, err)
		return
	}
	if got.status != a.status || p.Code != a.code || p.Status != a.status {
		t.Errorf("%s: %d %s, want %d %s", a.name, got.status, got.body, a.status, a.code)
	}
	if p.Type != "about:blank" || p.Title == "" || p.Detail == "" || p.RequestID == "" || p.RequestID != got.header.Get("X-Request-Id") {
		t.Errorf("%s: incomplete: %v %s", a.name, got.header, got.body)
	}
	if found := internals.FindString(got.body); found != "" {
		t.Errorf("%s: the answer shows %q: %s", a.name, found, got.body)
	}
	if (p.Status == 429 || p.Status == 503) != (got.header.Get("Retry-After") != "") || p.Status == 401 && got.header.Get("WWW-Authenticate") == "" {
		t.Errorf("%s: headers %v", a.name, got.header)
	}
	if !documented[fmt.Sprint(p.Status, " ", p.Code)] {
		t.Errorf("%s: %d %s is not in openapi.json", a.name, p.Status, p.Code)
	}
}

// TestPipelining: requests that come without waiting are answered one by one, and a bad one ends the connection, so
// that nothing behind it is taken for a request.
func TestPipelining(t *testing.T) {
	t.Parallel()
	d := besieged(t, nil)
	good := func(id string) string {
		return request("POST", "/v1/events", event(id), "Authorization", "Bearer "+d.key, "Content-Type", "application/json")
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	smuggled := "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
	io.WriteString(conn, good("p1")+good("p2")+good("p1")+smuggled+good("p3"))
	r := bufio.NewReader(conn)
	var got []int
	for {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			break
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		got = append(got, resp.StatusCode)
	}
	if fmt.Sprint(got) != "[202 202 202 400]" {
		t.Errorf("answers %v", got)
	}
	if a := d.post(t, event("p3")); !strings.Contains(a.body, `"accepted":1`) {
		t.Errorf("what stood behind a bad request was taken: %s", a.body)
	}
}

// TestStalledRequests: a body or headers that stop coming are answered and the connection ends.
func TestStalledRequests(t *testing.T) {
	t.Parallel()
	d := openAll(t, func(o *server.Options) { o.Stall = 50 * time.Millisecond })
	head := "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + d.key + "\r\n"
	for name, raw := range map[string]string{
		"a body":      head + "Content-Length: 100\r\n\r\n{\"id\":",
		"a chunk":     head + "Transfer-Encoding: chunked\r\n\r\n5\r\n{\"",
		"the headers": head,
		"a line":      "POST /v1/ev",
	} {
		a, err := d.send(t, raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		says(t, a, 408, "body_stalled")
		if a.header.Get("Connection") != "close" || internals.MatchString(a.body) {
			t.Errorf("%s: %v %s", name, a.header, a.body)
		}
	}
	if len(d.intake.requests()) != 0 {
		t.Error("half a request was taken")
	}
}
