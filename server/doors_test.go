package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/ingest"
	"leadline/server"
)

func bearer(key string, more ...string) []string {
	return append([]string{"Authorization", "Bearer " + key, "Content-Type", "application/json"}, more...)
}

// says checks status and code of an answer ("" where it is no problem).
func says(t *testing.T, a answer, status int, code string) {
	t.Helper()
	var p struct{ Code string }
	if a.header.Get("Content-Type") == "application/problem+json" {
		if err := json.Unmarshal([]byte(a.body), &p); err != nil {
			t.Errorf("%d %q is no problem document: %v", a.status, a.body, err)
		}
	}
	if a.status != status || p.Code != code {
		t.Errorf("%d %s; want %d %q", a.status, a.body, status, code)
	}
}

func TestFormatsAndWait(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	for i, f := range []struct {
		path, kind string
		format     ingest.Format
		status     int
		wait       bool
	}{
		{"/v1/events", "application/json", ingest.FormatJSON, 202, false},
		{"/v1/events", "application/x-ndjson", ingest.FormatNDJSON, 202, false},
		{"/v1/events", "application/cloudevents+json; charset=utf-8", ingest.FormatCloudEvent, 202, false},
		{"/v1/events", "application/cloudevents-batch+json", ingest.FormatCloudEvents, 202, false},
		{"/v1/events?wait=true", "application/json", ingest.FormatJSON, 202, true},
		{"/v1/events?wait=false&atomic=true", "application/json", ingest.FormatJSON, 202, false},
	} {
		a := d.do(t, "POST", f.path, []byte("{}"), bearer(d.key, "Content-Type", f.kind)...)
		says(t, a, f.status, "")
		if got := d.intake.requests()[i]; got.Format != f.format || got.Wait != f.wait || got.Partner != "acme" || string(got.Body) != "{}" {
			t.Errorf("%+v: the intake got %+v", f, got)
		}
		if timing := a.header.Get("Server-Timing"); !strings.HasPrefix(timing, "auth;dur=") || !strings.Contains(timing, ", read;dur=") || !strings.Contains(timing, ", submit;dur=") {
			t.Errorf("Server-Timing %q", timing)
		}
	}
	d.intake.stored = true
	says(t, d.do(t, "POST", "/v1/events?wait=true", []byte("{}"), bearer(d.key)...), 200, "")
	says(t, d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.key)...), 202, "")
}

func TestValidateStoresNothing(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	a := d.do(t, "POST", "/v1/validate", []byte("{}"), bearer(d.key)...)
	says(t, a, 200, "")
	if !strings.Contains(a.body, `"schema_violation"`) || len(d.intake.requests()) != 0 || d.intake.checked != 1 {
		t.Errorf("%s, %d taken", a.body, len(d.intake.requests()))
	}
	says(t, d.do(t, "POST", "/v1/validate", []byte("{}"), bearer(d.reader)...), 403, "scope")
}

func TestWhereIsMyEvent(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	a := d.do(t, "GET", "/v1/events/tg:bot:1", nil, bearer(d.reader)...)
	says(t, a, 200, "")
	if !strings.Contains(a.body, `"place":"stored"`) || !strings.Contains(a.body, `"wait_ms":0.5`) {
		t.Error(a.body)
	}
	says(t, d.do(t, "GET", "/v1/events/tg%3Abot%3A1", nil, bearer(d.reader)...), 200, "")
	says(t, d.do(t, "GET", "/v1/events/tg:bot:1", nil, bearer(d.foreign)...), 404, "not_found")
	says(t, d.do(t, "GET", "/v1/events/other", nil, bearer(d.reader)...), 404, "not_found")
	says(t, d.do(t, "GET", "/v1/events/tg:bot:1", nil, bearer(d.key)...), 403, "scope")
	says(t, d.do(t, "GET", "/v1/events/tg:bot:1", nil), 401, "bad_key")
}

func TestRulesDoor(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	a := d.do(t, "GET", "/v1/rules", nil, bearer(d.watcher)...)
	says(t, a, 200, "")
	for _, want := range []string{`"cost_of_seconds":3600`, `"name":"PartnerSlow","health":"good"`, `"instances":{"firing":1}`, `"cost":{"queries":120,"failed":0,"cpu_ms":1.5`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	says(t, d.do(t, "GET", "/v1/rules", nil, bearer(d.key)...), 403, "scope")
	says(t, d.do(t, "GET", "/v1/rules", nil, bearer(d.reader)...), 403, "scope")
	says(t, d.do(t, "GET", "/v1/rules", nil), 401, "bad_key")
}

func TestErasureDoors(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	a := d.do(t, "DELETE", "/v1/leads/858012761", nil, bearer(d.eraser)...)
	says(t, a, 202, "")
	if a.header.Get("Location") != "/v1/erasures/e-acme" || !strings.Contains(a.body, `"state":"pending"`) {
		t.Errorf("%v %s", a.header, a.body)
	}
	a = d.do(t, "GET", "/v1/erasures/e-acme", nil, bearer(d.eraser)...)
	says(t, a, 200, "")
	if !strings.Contains(a.body, `"state":"done"`) || !strings.Contains(a.body, `"events":3`) {
		t.Error(a.body)
	}
	says(t, d.do(t, "GET", "/v1/erasures/e-acme", nil, bearer(d.foreign)...), 404, "not_found")
	says(t, d.do(t, "DELETE", "/v1/leads/Boris", nil, bearer(d.eraser)...), 400, "bad_lead")
	says(t, d.do(t, "DELETE", "/v1/leads/1", nil, bearer(d.key)...), 403, "scope")
}

func TestLimitsAtTheDoor(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	a := d.do(t, "GET", "/v1/limits", nil, bearer(d.limited)...)
	says(t, a, 200, "")
	for _, want := range []string{`"events_per_second":0.001`, `"burst":2`, `"in_flight":1`, `"daily":100`, `"priority":"normal"`, `"events":2`, `"items":10000`} {
		if !strings.Contains(a.body, want) {
			t.Errorf("no %s in %s", want, a.body)
		}
	}
	a = d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.limited)...)
	says(t, a, 202, "")
	for name, want := range map[string]string{
		"RateLimit-Policy": `"events";q=2;w=2000, "daily";q=100;w=86400`, "RateLimit": `"events";r=2;t=0, "daily";r=100`,
		"X-RateLimit-Limit": "2", "X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "0", "Retry-After": "",
	} {
		if got := a.header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if a := d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.key)...); a.header.Get("RateLimit") != "" {
		t.Error("limits of a partner without limits")
	}
	d.intake.fail = &ingest.Problem{Status: 429, Code: "rate_limited", Detail: "too many", RetryAfter: 1500 * time.Millisecond}
	a = d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.limited)...)
	says(t, a, 429, "rate_limited")
	if a.header.Get("Retry-After") != "2" || a.header.Get("RateLimit") == "" || a.header.Get("X-RateLimit-Limit") != "2" {
		t.Errorf("%v", a.header)
	}
}

// TestRefusedBeforeItIsRead: what cannot be taken anyway is not decompressed, nor given to the intake.
func TestRefusedBeforeItIsRead(t *testing.T) {
	t.Parallel()
	var o server.Options
	d := openAll(t, func(all *server.Options) { o = *all })
	if !o.Limits.Take("limited", 2, 0, 1, time.Now()).OK {
		t.Fatal("not taken")
	}
	a := d.do(t, "POST", "/v1/events", []byte("no gzip at all"), bearer(d.limited, "Content-Encoding", "gzip")...)
	says(t, a, 429, "rate_limited")
	if a.header.Get("Retry-After") == "" || a.header.Get("RateLimit-Policy") == "" || len(d.intake.requests()) != 0 {
		t.Errorf("%v", a.header)
	}
}

func TestRequestsAtOnce(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	d.intake.entered, d.intake.gate = make(chan struct{}), make(chan struct{})
	first := make(chan answer, 1)
	go func() { first <- d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.limited)...) }()
	<-d.intake.entered
	a := d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.limited)...)
	says(t, a, 429, "too_many_requests")
	if a.header.Get("Retry-After") != "1" {
		t.Errorf("%v", a.header)
	}
	close(d.intake.gate)
	says(t, <-first, 202, "")
}

func TestSignedRequests(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	now := time.Now()
	post := func(key, body string, headers []string) answer {
		return d.do(t, "POST", "/v1/events", []byte(body), bearer(key, headers...)...)
	}
	says(t, post(d.signer, "{}", nil), 401, "signature_missing")
	says(t, post(d.signer, "{}", signed("m1", now, "{}")), 202, "")
	says(t, post(d.signer, "{}", signed("m1", now, "{}")), 401, "signature_replayed")
	says(t, post(d.signer, "{}", signed("m1", now.Add(time.Second), "{}")), 202, "")
	says(t, post(d.signer, "[]", signed("m2", now, "{}")), 401, "signature_invalid")
	a := post(d.signer, "{}", signed("m3", now.Add(-time.Hour), "{}"))
	says(t, a, 401, "signature_expired")
	if !strings.Contains(a.body, now.UTC().Format("2006-01-02T")) {
		t.Errorf("no server time: %s", a.body)
	}
	says(t, post(d.optional, "{}", nil), 202, "")
	says(t, post(d.optional, "{}", signed("m4", now, "[]")), 401, "signature_invalid")

	d.intake.fail = &ingest.Problem{Status: 503, Code: ingest.CodeSpoolFull, Detail: "full", RetryAfter: time.Second}
	says(t, post(d.signer, "{}", signed("m5", now, "{}")), 503, "spool_full")
	d.intake.fail = nil
	says(t, post(d.signer, "{}", signed("m5", now, "{}")), 202, "")

	packed := string(gzipped([]byte("{}"))) // signed as it travels
	says(t, post(d.signer, packed, append(signed("m6", now, packed), "Content-Encoding", "gzip")), 202, "")
	says(t, post(d.signer, packed, append(signed("m7", now, "{}"), "Content-Encoding", "gzip")), 401, "signature_invalid")
}

func TestHooks(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	m := hmac.New(sha256.New, []byte(githubSecret))
	m.Write([]byte(`{"zen":1}`))
	good := "sha256=" + hex.EncodeToString(m.Sum(nil))
	says(t, d.do(t, "POST", "/v1/hooks/github", []byte(`{"zen":1}`), "X-Hub-Signature-256", good), 202, "")
	says(t, d.do(t, "POST", "/v1/hooks/github", []byte(`{"zen":2}`), "X-Hub-Signature-256", good), 401, "signature_invalid")
	says(t, d.do(t, "POST", "/v1/hooks/github", []byte(`{"zen":1}`)), 401, "signature_missing")
	says(t, d.do(t, "POST", "/v1/hooks/unknown", []byte(`{"zen":1}`), "X-Hub-Signature-256", good), 401, "signature_invalid")
	now := time.Now()
	says(t, d.do(t, "POST", "/v1/hooks/crm", []byte("{}"), signed("m1", now, "{}")...), 202, "")
	says(t, d.do(t, "POST", "/v1/hooks/crm", []byte("{}"), signed("m1", now, "{}")...), 401, "signature_replayed")
	if len(d.intake.hooks) != 2 || d.intake.hooks[0] != "acme" {
		t.Errorf("%v", d.intake.hooks)
	}
}

func TestIdempotencyKey(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	post := func(key, idem, body string) answer {
		return d.do(t, "POST", "/v1/events", []byte(body), bearer(key, "Idempotency-Key", idem)...)
	}
	first := post(d.key, `"k1"`, "{}")
	again := post(d.key, "k1", "{}")
	says(t, first, 202, "")
	if again.body != first.body || again.header.Get("X-Request-Id") != first.header.Get("X-Request-Id") || again.header.Get("Idempotency-Replayed") != "true" || len(d.intake.requests()) != 1 {
		t.Errorf("%v %s after %s", again.header, again.body, first.body)
	}
	says(t, post(d.key, "k1", "[]"), 422, "idempotency_key_reused")
	says(t, post(d.foreign, "k1", "[]"), 202, "")
	says(t, post(d.key, strings.Repeat("k", 256), "{}"), 400, "bad_idempotency_key")

	says(t, post(d.key, "k2", "{"), 400, "invalid_body") // what the request is to blame for stays
	says(t, post(d.key, "k2", "{"), 400, "invalid_body")
	d.intake.fail = &ingest.Problem{Status: 503, Code: ingest.CodeSpoolFull, Detail: "full", RetryAfter: time.Second}
	says(t, post(d.key, "k3", "{}"), 503, "spool_full")
	d.intake.fail = nil
	says(t, post(d.key, "k3", "{}"), 202, "")
}

func TestIdempotencyInFlight(t *testing.T) {
	t.Parallel()
	d := openAll(t, nil)
	d.intake.entered, d.intake.gate = make(chan struct{}), make(chan struct{})
	post := func() answer {
		return d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.key, "Idempotency-Key", "k")...)
	}
	first := make(chan answer, 1)
	go func() { first <- post() }()
	<-d.intake.entered
	says(t, post(), 409, "idempotency_in_flight")
	close(d.intake.gate)
	a := <-first
	says(t, a, 202, "")
	if b := post(); b.body != a.body {
		t.Errorf("%s after %s", b.body, a.body)
	}
}

func TestUsedKeysAreTold(t *testing.T) {
	t.Parallel()
	used := make(chan string, 10)
	d := openAll(t, func(o *server.Options) { o.Used = func(id string, _ time.Time) { used <- id } })
	says(t, d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.key)...), 202, "")
	says(t, d.do(t, "POST", "/v1/events", []byte("{}"), bearer(d.key[:len(d.key)-10]+"xxxxxxxxxx")...), 401, "bad_key")
	id, _, err := leadline.ParseAPIKey(d.key)
	if got := <-used; err != nil || got != id || len(used) != 0 {
		t.Errorf("%q, want %q", got, id)
	}
}

func TestMetricsOnlyWhereSet(t *testing.T) {
	t.Parallel()
	a := openAll(t, nil).do(t, "GET", "/metrics", nil)
	if a.status != http.StatusOK || a.body != "leadline_up 1\n" {
		t.Errorf("%d %s", a.status, a.body)
	}
	says(t, openAll(t, func(o *server.Options) { o.Metrics = nil }).do(t, "GET", "/metrics", nil), 404, "not_found")
}
