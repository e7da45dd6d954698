//go:build linux

package main

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestServe is a newcomer's hour with `leadline serve`: the first start, the printed lines, keys, the second start.
func TestServe(t *testing.T) {
	t.Parallel()
	h := settle(t)
	h.start(t)
	if n := strings.Count(h.welcomed, "ll_live_"); n != 2 { // itself, and in the curl line
		t.Errorf("the key is printed %d times:\n%s", n, h.welcomed)
	}
	if n := strings.Count(h.log(t), "messages are only logged"); n != 1 {
		t.Errorf("said %d times that messages are only logged:\n%s", n, h.log(t))
	}
	t.Run("curl", h.testCurl)
	t.Run("analyst over HTTP", h.testAnalystHTTP)
	t.Run("analyst over native", h.testAnalystNative)
	t.Run("keys", h.testKeys)

	// Neither a connection that waits for its next request nor one that never sent one holds up the end.
	idle, err := net.Dial("tcp", h.listen)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	if code, took := h.stop(t); code != 0 || took > 8*time.Second {
		t.Errorf("SIGTERM: exit code %d after %s\n%s", code, took, h.log(t))
	} else {
		t.Logf("SIGTERM: gone after %s", took.Round(time.Millisecond))
	}
	h.start(t)
	if again := h.output(t); strings.Contains(again, "ll_live_") || strings.Contains(again, h.analyst) || strings.Contains(again, "assword") {
		t.Errorf("the second start shows secrets:\n%s", again)
	}
	if got := h.sql(t, "SELECT count() > 0 FROM events"); got != "1" {
		t.Errorf("the events of the first start are gone: %s", got)
	}
	for _, secret := range []string{"ll_live_", h.analyst} {
		if strings.Contains(h.log(t), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// testCurl runs the request of the printed line. The median of five events, each by an id of its own, must be visible
// within a second: one may meet a moment at which a shared machine stands still.
func (h *house) testCurl(t *testing.T) {
	args := shellWords(t, find(t, h.welcomed, `\n +(curl http://\S+/v1/events .*)\n`))
	address, body, header := args[1], "", http.Header{}
	for i := 2; i < len(args); i += 2 {
		switch args[i] {
		case "-H":
			name, value, _ := strings.Cut(args[i+1], ": ")
			header.Set(name, value)
		case "-d":
			body = args[i+1]
		default:
			t.Fatalf("what is %s in %q?", args[i], args)
		}
	}
	id := find(t, body, `"id":"([^"]+)"`)
	var took []time.Duration
	for n := range 5 {
		nth := fmt.Sprint(id, strings.Repeat("x", n))
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(strings.Replace(body, id, nth, 1)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header = header.Clone()
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		acked := time.Now()
		if resp.StatusCode != http.StatusAccepted {
			t.Fatalf("%s: %s", body, resp.Status)
		}
		eventually(t, "the event is in leadline.events", func() bool {
			return h.sql(t, "SELECT count() FROM leadline.events WHERE id = '"+nth+"'") == "1"
		})
		took = append(took, time.Since(acked))
	}
	t.Logf("from 202 to SELECT: %v", took)
	if slices.Sort(took); took[2] > time.Second {
		t.Errorf("the median of %v is more than 1 s", took)
	}
}

// shellWords splits a line as a shell does: at spaces, but for those in single quotes.
func shellWords(t testing.TB, line string) (words []string) {
	t.Helper()
	for n, part := range strings.Split(line, "'") {
		switch {
		case n%2 == 1:
			words = append(words, part)
		case strings.ContainsAny(part, "\"\\$`|&;<>()"):
			t.Fatalf("a shell would see more than words in %s", part)
		default:
			words = append(words, strings.Fields(part)...)
		}
	}
	return words
}

// denied are statements that the analyst may not run.
var denied = []string{
	"INSERT INTO events (id) VALUES ('x')",
	"CREATE TABLE t (n Int8) ENGINE = Memory",
	"CREATE DATABASE leadline_2",
	"DROP TABLE events",
	"TRUNCATE TABLE events",
	"ALTER TABLE events DELETE WHERE 1",
	"SYSTEM FLUSH LOGS",
	"SYSTEM SHUTDOWN",
	"SELECT * FROM file('/etc/passwd', 'CSV', 'a String')",
	"SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a String')",
}

// readable are queries on what the analyst is for, with a count of the events in each answer. Their columns are such
// that clients which do not know DateTime64 can read them, too.
var readable = []string{
	"SELECT count(DISTINCT id) FROM events WHERE partner = 'default'",
	"SELECT count(DISTINCT id) FROM journeys WHERE length(stage) = 6 AND worst = 'ok'",
	"SELECT countIf(stage = 'write') FROM all_spans",
}

func (h *house) testAnalystHTTP(t *testing.T) {
	for _, sql := range readable {
		if got := h.sql(t, sql); got != "5" {
			t.Errorf("%s: got %s, want 5", sql, got)
		}
	}
	for _, sql := range denied {
		if status, answer, err := h.ask(t.Context(), "analyst", h.analyst, sql); err != nil || status == http.StatusOK || !strings.Contains(answer, "ACCESS_DENIED") {
			t.Errorf("%s: got %d %s %v", sql, status, answer, err)
		}
	}
	for _, user := range []string{"analyst", "leadline", "default"} {
		if status, answer, err := h.ask(t.Context(), user, "wrong", "SELECT 1"); err != nil || status != http.StatusForbidden && status != http.StatusUnauthorized {
			t.Errorf("%s comes in with a wrong password: %d %s %v", user, status, answer, err)
		}
	}
	if got := h.sql(t, "SELECT count() FROM events"); got != "5" {
		t.Errorf("the analyst changed the number of events: %s", got)
	}
}

// testAnalystNative uses Debian's clickhouse-client, and first of all the line that the welcome prints for it.
func (h *house) testAnalystNative(t *testing.T) {
	client, err := exec.LookPath("clickhouse-client")
	if err != nil {
		t.Log("no clickhouse-client on the PATH: the native protocol is tested by the client of package store only")
		return
	}
	line := find(t, h.welcomed, `\n +(clickhouse-client .*)\n`)
	out, err := exec.CommandContext(t.Context(), "sh", "-c", line).CombinedOutput()
	if n := strings.Count(string(out), "spring-sale"); err != nil || n != 5 {
		t.Errorf("%s: %v, %d events in\n%s", line, err, n, out)
	}
	_, port, _ := strings.Cut(h.native, ":")
	f := func(password, sql, want string) {
		t.Helper()
		out, err := exec.CommandContext(t.Context(), client, "--host", "127.0.0.1", "--port", port, "--user", "analyst", "--password", password, "--database", "leadline", "--query", sql).CombinedOutput()
		if got := strings.TrimSpace(string(out)); got != want && (err == nil || !strings.Contains(got, want)) {
			t.Errorf("%s: got %s, want %s", sql, got, want)
		}
	}
	for _, sql := range readable {
		f(h.analyst, sql, "5")
	}
	for _, sql := range denied {
		f(h.analyst, strings.ReplaceAll(sql, "'CSV'", "CSV"), "Not enough privileges")
	}
	f("wrong", "SELECT 1", "Authentication failed")
	f(h.analyst, "SELECT count() FROM events", "5")
}

// testKeys changes the keys of the running Leadline from outside.
func (h *house) testKeys(t *testing.T) {
	out, errs, code := leadlineDoes(t, nil, "keys", "create", "acme", "--config", h.config)
	key := strings.TrimSpace(out)
	if code != 0 || !strings.HasPrefix(key, "ll_live_") || !strings.Contains(errs, "Shown once") {
		t.Fatalf("keys create: %d %s %s", code, out, errs)
	}
	created := time.Now()
	n := 0
	status := func() int {
		n++
		code, _ := h.post(t, key, fmt.Sprintf(`{"id":"k-%d","type":"lead.started"}`, n))
		return code
	}
	if !within(2*time.Second, func() bool { return status() == http.StatusAccepted }) {
		t.Errorf("a new key does not work after 2 s: %d", status())
	}
	t.Logf("new key: works after %s", time.Since(created).Round(time.Millisecond))

	id := key[len("ll_live_"):][:8]
	list, _, code := leadlineDoes(t, nil, "keys", "list", "--config", h.config)
	if code != 0 || !strings.Contains(list, id+"  acme") || !strings.Contains(list, "default") || strings.Contains(list, "ll_live_") {
		t.Errorf("keys list: %d\n%s", code, list)
	}
	if out, errs, code := leadlineDoes(t, nil, "keys", "revoke", "nobody00", "--config", h.config); code != 1 || !strings.Contains(errs, "keys list") {
		t.Errorf("keys revoke of an unknown id: %d %s %s", code, out, errs)
	}
	if _, errs, code := leadlineDoes(t, nil, "keys", "revoke", id, "--config", h.config); code != 0 {
		t.Fatalf("keys revoke: %d %s", code, errs)
	}
	revoked := time.Now()
	if !within(6*time.Second, func() bool { return status() == http.StatusUnauthorized }) {
		t.Errorf("a revoked key works after 6 s: %d", status())
	}
	t.Logf("revoked key: refused after %s", time.Since(revoked).Round(time.Millisecond))
	if code, _ := h.post(t, h.apiKey, `{"id":"still","type":"lead.started"}`); code != http.StatusAccepted {
		t.Errorf("the other key: %d", code)
	}
}

// TestServeRefuses holds what is said where a start is not possible: one message, exit code 1, no stack.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	f := func(h *house, env []string, want ...string) {
		t.Helper()
		out, errs, code := leadlineDoes(t, env, "serve", "--config", h.config)
		if code != 1 || strings.Contains(errs, "goroutine") || strings.Contains(errs, "panic") {
			t.Errorf("exit code %d\n%s%s", code, out, errs)
		}
		for _, w := range want {
			if !strings.Contains(errs, w) {
				t.Errorf("no %q in\n%s", w, errs)
			}
		}
		if strings.Contains(out, "ll_live_") {
			t.Errorf("a key is shown by a start that failed, so a later one does not show it:\n%s", out)
		}
	}
	taken := func(address string) net.Listener {
		l, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	h := settle(t)
	l := taken(h.listen)
	f(h, nil, "listen on "+h.listen, "address already in use", "free the port or set listen")
	l.Close()
	l = taken(h.native)
	f(h, nil, h.native, "address already in use", "free the port or set clickhouse.embedded.native")
	l.Close()
	l = taken(h.http)
	f(h, nil, h.http, "address already in use", "free the port or set clickhouse.embedded.http")
	l.Close()
	f(h, []string{"LEADLINE_CHDB=/nonexistent"}, "/nonexistent", "make engine")

	h.start(t) // and is welcomed: the starts that failed have not used that up
	f(h, nil, "free the port or set listen")
}
