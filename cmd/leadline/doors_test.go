//go:build linux

package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"leadline/server"
)

// TestDoors goes once through every door of the intake of a real Leadline, each with what its user wants of it.
func TestDoors(t *testing.T) {
	t.Parallel()
	h := settle(t,
		"partners: {acme: {rate: 1000/s, burst: 50}}",
		`hooks: {crm: {partner: acme, verify: {kind: github}, secret_file: crm.secret, map: {id: 'str("deal.id")', type: '"deal.won"', campaign: 'header("X-Campaign")', chat_id: 'num("deal.chat")'}}}`,
	)
	if err := os.WriteFile(filepath.Join(h.dir, "crm.secret"), []byte("a secret of the CRM\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	key := h.keyOf(t, "acme", "events:write", "events:read", "leads:erase", "rules:read")
	auth := []string{"Authorization", "Bearer " + key, "Content-Type", "application/json"}

	// An event, posted and waited for, says where its time went.
	status, header, body := h.do(t, "POST", "/v1/events?wait=true", `{"id":"d-1","type":"door.tested","campaign":"spring","lead":{"chat_id":4711004711,"ip":"81.2.69.142"}}`, auth...)
	if status != 200 {
		t.Errorf("?wait=true: %d %s", status, body)
	}
	if timing := header.Get("Server-Timing"); !strings.Contains(timing, "auth;dur=") {
		t.Errorf("Server-Timing: %q", timing)
	}
	var where struct {
		Place, Type string
		EndToEnd    float64 `json:"e2e_ms"`
		Stages      []struct{ Name string }
	}
	if status := h.json(t, &where, "GET", "/v1/events/d-1", "", auth...); status != 200 || where.Place != "stored" || where.EndToEnd <= 0 || len(where.Stages) != 6 {
		t.Errorf("GET /v1/events/d-1: %d %+v", status, where)
	}
	if status, _, _ := h.do(t, "GET", "/v1/events/d-0", "", auth...); status != 404 {
		t.Errorf("an event that was never sent: %d", status)
	}

	// One that is refused says why, there too.
	h.do(t, "POST", "/v1/events", `{"id":"d-bad","type":"door.tested","kampaign":"x"}`, auth...)
	eventually(t, "the rejected item is told", func() bool {
		var bad struct{ Place, Code string }
		return h.json(t, &bad, "GET", "/v1/events/d-bad", "", auth...) == 200 && bad.Place == "rejected" && bad.Code == "unknown_field"
	})

	// To validate is not to send.
	if status, _, body := h.do(t, "POST", "/v1/validate", `{"id":"d-2","type":"door.tested"}`, auth...); status != 200 {
		t.Errorf("/v1/validate: %d %s", status, body)
	}
	if status, _, _ := h.do(t, "GET", "/v1/events/d-2", "", auth...); status != 404 {
		t.Errorf("a validated event is known: %d", status)
	}

	// CloudEvents, and the same request again by its key.
	cloud := `[{"specversion":"1.0","id":"1","source":"/shop","type":"door.tested","data":{"n":1}}]`
	for range 2 {
		status, _, body := h.do(t, "POST", "/v1/events", cloud, "Authorization", "Bearer "+key, "Content-Type", "application/cloudevents-batch+json", "Idempotency-Key", "k-1")
		if status != 202 || !strings.Contains(body, `"accepted":1`) {
			t.Errorf("CloudEvents: %d %s", status, body)
		}
	}

	// A third party's webhook, signed as GitHub does.
	deal := `{"deal":{"id":"D-77","chat":4711004712}}`
	mac := hmac.New(sha256.New, []byte("a secret of the CRM"))
	mac.Write([]byte(deal))
	signed := "sha256=" + hex.EncodeToString(mac.Sum(nil))
	if status, _, body := h.do(t, "POST", "/v1/hooks/crm", deal, "Content-Type", "application/json", "X-Hub-Signature-256", signed, "X-Campaign", "autumn"); status != 202 {
		t.Errorf("a hook: %d %s", status, body)
	}
	if status, _, body := h.do(t, "POST", "/v1/hooks/crm", deal+" ", "Content-Type", "application/json", "X-Hub-Signature-256", signed); status != 401 || !strings.Contains(body, "signature_invalid") {
		t.Errorf("a forged hook: %d %s", status, body)
	}
	eventually(t, "the hook's event is stored", func() bool { return h.sql(t, "SELECT count() FROM events WHERE id = 'D-77'") == "1" })
	if got := h.sql(t, "SELECT campaign, source, lead_key != '' FROM events WHERE id = 'D-77'"); got != "autumn\thooks\t1" {
		t.Errorf("the hook's event: %s", got)
	}

	// Limits are told, and kept.
	var limits struct {
		Policy map[string]any `json:"policy"`
	}
	if status := h.json(t, &limits, "GET", "/v1/limits", "", auth...); status != 200 {
		t.Errorf("/v1/limits: %d", status)
	}
	lines := strings.Repeat(`{"type":"door.tested"}`+"\n", 51)
	if status, _, body := h.do(t, "POST", "/v1/events", lines, "Authorization", "Bearer "+key, "Content-Type", "application/x-ndjson"); status != 413 || !strings.Contains(body, "over_burst") {
		t.Errorf("51 events under a burst of 50: %d %s", status, body)
	}

	// The rules that run are told, with what their reads cost.
	eventually(t, "the engine has logged a rule's read", func() bool {
		return h.sql(t, "SELECT count() FROM system.tables WHERE database = 'system' AND name = 'query_log'") == "1" &&
			h.sql(t, "SELECT count() > 0 FROM system.query_log WHERE log_comment LIKE 'leadline rule%' AND type = 'QueryFinish'") == "1"
	})
	var book server.RuleBook
	if status := h.json(t, &book, "GET", "/v1/rules", "", auth...); status != 200 || !book.Costs {
		t.Errorf("/v1/rules: %d %+v", status, book)
	}
	status, _, page := h.do(t, "GET", "/rules", "", "Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("anna:"+key)))
	if status != 200 {
		t.Errorf("/rules: %d %s", status, page)
	}
	for _, name := range []string{"intake-latency", "leadline"} {
		if !slices.ContainsFunc(book.Groups, func(g server.RuleGroup) bool { return g.Name == name }) {
			t.Errorf("/v1/rules has no group %s", name)
		}
		if !strings.Contains(page, "<h3>"+name+"</h3>") {
			t.Errorf("/rules has no group %s", name)
		}
	}
	read, evaluations := int64(0), 0
	for _, c := range book.Shared {
		read += c.Queries
	}
	for _, g := range book.Groups {
		evaluations += g.Evaluations
		for _, r := range g.Rules {
			if r.Cost != nil {
				read += r.Cost.Queries
			}
		}
	}
	if read == 0 || evaluations == 0 {
		t.Errorf("no rule was evaluated, or no read of one is known: %+v", book)
	}

	// A lead that wants to be forgotten is.
	var order struct{ ID, State string }
	if status := h.json(t, &order, "DELETE", "/v1/leads/4711004711", "", auth...); status != 202 || order.ID == "" {
		t.Fatalf("DELETE /v1/leads: %d %+v", status, order)
	}
	if status, _, body := h.do(t, "POST", "/v1/events", `{"id":"d-3","type":"door.tested","lead":{"chat_id":4711004711}}`, auth...); status != 422 || !strings.Contains(body, "erased") {
		t.Errorf("an event of a forgotten lead: %d %s", status, body)
	}
	eventually(t, "the erasure is done", func() bool {
		return h.json(t, &order, "GET", "/v1/erasures/"+order.ID, "", auth...) == 200 && order.State == "done"
	})
	if got := h.sql(t, "SELECT count() FROM events WHERE id = 'd-1'"); got != "0" {
		t.Errorf("%s events of the forgotten lead are left", got)
	}
	if _, ok := h.scrape(`leadline_intake_items_total{result="accepted"}`); !ok {
		t.Error("/metrics does not tell how many events were accepted")
	}
}

// keyOf creates an API key with scopes.
func (h *house) keyOf(t testing.TB, partner string, scopes ...string) string {
	t.Helper()
	args := []string{"keys", "create", "--config", h.config}
	for _, s := range scopes {
		args = append(args, "--scope", s)
	}
	out, errs, code := leadlineDoes(t, nil, append(args, partner)...)
	if code != 0 {
		t.Fatalf("keys create: %d %s", code, errs)
	}
	return strings.TrimSpace(out)
}

// do makes a request with headers, name and value in turn.
func (h *house) do(t testing.TB, method, path, body string, headers ...string) (status int, header http.Header, answer string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+h.listen+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header, string(b)
}

// json reads the answer of a request.
func (h *house) json(t testing.TB, to any, method, path, body string, headers ...string) (status int) {
	t.Helper()
	status, _, answer := h.do(t, method, path, body, headers...)
	if err := json.Unmarshal([]byte(answer), to); err != nil {
		t.Fatal(fmt.Errorf("%s %s: %w: %s", method, path, err, answer))
	}
	return status
}
