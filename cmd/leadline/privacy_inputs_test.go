//go:build linux

package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// contacted is a schema with personal data.
const contacted = `{"type":"object","properties":{
	"phone":{"type":"string","x-pii":true},
	"email":{"type":"string","format":"email","x-pii":true},
	"people":{"type":"array","items":{"type":"object","properties":{"name":{"type":"string","x-pii":true}}}},
	"note":{"type":"string"}}}`

// send posts every good and bad request with a secret in it.
func (s *secrets) send(h *house) {
	s.keys(h)
	s.leads(h)
	s.broken(h)
	s.updates(h)
	s.payloads(h)
}

// post posts a body and wants a status, 0 for any.
func (s *secrets) post(h *house, want int, path, body string, header ...string) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, "http://"+h.listen+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.right)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, _ := io.ReadAll(resp.Body)
	if want != 0 && resp.StatusCode != want {
		s.t.Errorf("%s %.200s: got %d %.300s, want %d", path, body, resp.StatusCode, answer, want)
	}
}

// keys comes with keys that are right, mistyped, revoked, cut and in the wrong place.
func (s *secrets) keys(h *house) {
	const path, body = "/v1/events", `{"id":"k","type":"lead.started"}`
	bearer := func(key string) string { return "Bearer " + key }
	s.post(h, 202, path, body)
	last := map[bool]string{true: "x", false: "y"}[!strings.HasSuffix(s.right, "x")]
	mistyped := s.right[:len(s.right)-1] + last
	s.hide("a mistyped API key", secretOf(mistyped)[:20])
	s.post(h, 401, path, body, "Authorization", bearer(mistyped))
	s.post(h, 401, path, body, "Authorization", bearer(s.right[:len(s.right)-3]))
	s.post(h, 401, path, body, "Authorization", "Basic "+s.right)
	s.post(h, 401, path+"?key="+s.right, body, "Authorization", "")
	s.post(h, 0, "/v1/"+s.right, body)
	s.post(h, 401, path, body, "Authorization", bearer(s.hide("no API key at all", "hunter2-privacy-password")))

	revoked := h.key(s.t, "revoked")
	s.hide("a revoked API key "+revoked[len("ll_live_"):][:8], secretOf(revoked))
	if _, errs, code := leadlineDoes(s.t, nil, "keys", "revoke", revoked[len("ll_live_"):][:8], "--config", h.config); code != 0 {
		s.t.Errorf("keys revoke: %d %s", code, errs)
	}
	eventually(s.t, "a revoked key is refused", func() bool {
		code, _ := h.post(s.t, revoked, body)
		return code == http.StatusUnauthorized
	})
}

// leads posts leads whole and with mistakes.
func (s *secrets) leads(h *house) {
	chat := s.hide("a chat id", "60917345128801")
	user := s.hide("a username", "zq_private_person_a")
	ip4 := s.hide("an IPv4 address", "198.51.100.213")
	ip6 := s.hide("an IPv6 address", "2001:db8:77:5:dead:beef:1234:5678")
	bad := func(id, lead string) {
		s.post(h, 422, "/v1/events", fmt.Sprintf(`{"id":%q,"type":"lead.started","lead":%s}`, id, lead))
	}
	for i, ip := range []string{ip4, ip6, "::ffff:" + ip4} {
		s.post(h, 202, "/v1/events", fmt.Sprintf(`{"id":"lead-%d","type":"lead.started","lead":{"chat_id":%s,"username":%q,"ip":%q,"locale":"en"}}`, i, chat, user, ip))
	}
	s.post(h, 422, "/v1/events", fmt.Sprintf(`{"id":"bad-payload","type":"lead.started","lead":{"chat_id":%s,"username":%q,"ip":%q},"payload":{"premium":"no"}}`, chat, user, ip6))
	bad("bad-ip", fmt.Sprintf(`{"ip":%q}`, s.hide("an address that is none", "198.51.100.999/zq-home")))
	bad("bad-chat", fmt.Sprintf(`{"chat_id":%q}`, s.hide("a chat id in quotes", "60917345128802")))
	bad("long-chat", fmt.Sprintf(`{"chat_id":%s}`, s.hide("a chat id that is too long", "609173451288036091734512880361")))
	bad("float-chat", fmt.Sprintf(`{"chat_id":%s.5}`, s.hide("a chat id with a fraction", "60917345128804")))
	bad("bad-user", fmt.Sprintf(`{"username":[%q]}`, s.hide("a username in a list", "zq_private_person_b")))
	bad("bad-locale", fmt.Sprintf(`{"locale":%q}`, s.hide("a name for a locale", "Zqanna Zqsmith")))
	bad("unknown-in-lead", fmt.Sprintf(`{"phone":%q}`, s.hide("a phone in lead", "+49 151 1000 7701")))
	bad("text-lead", fmt.Sprintf("%q", s.hide("a text for lead", "zq_private_person_c")))
	s.post(h, 0, "/v1/events", fmt.Sprintf(`{"id":"two-leads","type":"lead.started","lead":{"username":%q},"lead":{"chat_id":true}}`, s.hide("the first of two leads", "zq_private_person_d")))
	s.post(h, 0, "/v1/events", fmt.Sprintf(`{"id":"two-more","type":"lead.started","lead":{"chat_id":true},"lead":{"username":%q}}`, s.hide("the second of two leads", "zq_private_person_e")))
	for name, field := range map[string]string{
		"an unknown field": `"email":%q`, "an unknown object": `"contact":{"mail":%q}`, "Lead with a capital": `"Lead":{"username":%q}`, "chat_id outside of lead": `"chat_id":%q`,
	} {
		value := s.hide(name, fmt.Sprintf("zq.%d@privacy.example", 70+len(name)))
		s.post(h, 422, "/v1/events", fmt.Sprintf(`{"id":"u-%d","type":"lead.started",`+field+`}`, len(name), value))
	}
}

// broken posts bodies that cannot be read, or may not be.
func (s *secrets) broken(h *house) {
	lead := func(name, user string) string {
		return fmt.Sprintf(`{"id":"b","type":"lead.started","lead":{"username":%q`, s.hide(name, user))
	}
	const path = "/v1/events"
	s.post(h, 0, path, lead("a username in half a body", "zq_broken_a"))
	s.post(h, 0, path, `[`+lead("a username in half an array", "zq_broken_b")+`}},`)
	s.post(h, 0, path, `{"id":"b-ok","type":"lead.started"}`+"\n"+lead("a username in half a line", "zq_broken_c")+"\n", "Content-Type", "application/x-ndjson")
	s.post(h, 0, path, fmt.Sprintf("%q", s.hide("a text for a body", "zq_broken_d")))
	s.post(h, 0, path, fmt.Sprintf("[%q,5]", s.hide("a text in an array", "zq_broken_e")))
	s.post(h, 0, path, lead("a username in an unknown type", "zq_broken_f")+"}}", "Content-Type", "text/"+s.hide("a word in Content-Type", "zq-broken-type"))
	s.post(h, 403, path, strings.Replace(lead("a username for another partner", "zq_broken_g")+"}}", `"id"`, `"partner":"other","id"`, 1))
	s.post(h, 0, path, lead("a username beside a header", "zq_broken_h")+"}}", "traceparent", s.hide("a header traceparent", "00-zq-broken-trace"),
		"User-Agent", s.hide("a header User-Agent", "zq-agent/1"), "X-Request-Id", s.hide("a header X-Request-Id", "zq-request"))
	s.post(h, 0, path+"/"+s.hide("a name in the path", "zq_in_the_path")+"?user="+s.hide("a name in the query", "zq_in_the_query"), "{}")
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, lead("a username in half a gzip", "zq_broken_i")+"}}")
	_ = z.Close()
	s.post(h, 400, path, zipped.String()[:zipped.Len()-4], "Content-Encoding", "gzip")
	s.post(h, 400, path, lead("a username that is no gzip", "zq_broken_j")+"}}", "Content-Encoding", "gzip")
}

// updates posts Telegram's webhooks.
func (s *secrets) updates(h *house) {
	const path, header = "/v1/telegram/privacy_bot", "X-Telegram-Bot-Api-Secret-Token"
	n := 0
	user := func() string {
		return fmt.Sprintf(`{"id":%s,"is_bot":false,"first_name":%q,"last_name":%q,"username":%q,"language_code":"de"}`,
			s.hide("a Telegram id", "60917345128899"), s.hide("a first name", "Zqjohanna"), s.hide("a last name", "Zqmeierhoff"), s.hide("a Telegram username", "zq_tg_person"))
	}
	chat := fmt.Sprintf(`{"id":%s,"type":"private","title":%q,"first_name":"Zqjohanna"}`, "60917345128899", s.hide("a chat's title", "Zqfamily chat"))
	update := func(kind, fields string) {
		n++
		s.post(h, 200, path, fmt.Sprintf(`{"update_id":%d,%q:{"date":%d,"from":%s,"chat":%s,%s}}`, n, kind, time.Now().Unix(), user(), chat, fields), header, "whsec_9f3kQz71Lw")
	}
	update("message", fmt.Sprintf(`"text":%q`, s.hide("a message", "zq my card is 4111")))
	update("message", `"text":"/start c_spring__p_acme__x_1"`)
	update("edited_message", fmt.Sprintf(`"caption":%q,"photo":[]`, s.hide("a caption", "zq caption of a photo")))
	update("message", fmt.Sprintf(`"contact":{"phone_number":%q,"first_name":"x"}`, s.hide("a contact's phone", "+49 151 1000 7702")))
	update("message", fmt.Sprintf(`"location":{"latitude":%s,"longitude":1.5}`, s.hide("a place", "52.5170365777")))
	update("message", fmt.Sprintf(`"successful_payment":{"currency":"EUR","total_amount":4900,"invoice_payload":%q,"order_info":{"name":%q,"email":%q}}`,
		s.hide("an invoice's payload", "zq-invoice-77"), s.hide("an order's name", "Zqorder Name"), s.hide("an order's email", "zq.order@privacy.example")))
	update("callback_query", fmt.Sprintf(`"data":"buy:%s","message":{"text":%q,"chat":%s}`, s.hide("ids in a button", "60917345128855"), s.hide("a message with buttons", "zq pressed text"), chat))
	update("my_chat_member", `"new_chat_member":{"status":"kicked","user":`+user()+`}`)
	update("zq_kind_of_tomorrow", fmt.Sprintf(`"whatever":%q`, s.hide("a field of tomorrow", "zq tomorrow")))
	update("inline_query", fmt.Sprintf(`"query":%q`, s.hide("an inline query", "zq inline")))
	s.post(h, 401, path, `{"update_id":1}`, header, s.hide("a wrong webhook secret", "whsec_zq_wrong_secret"))
	s.post(h, 401, "/v1/telegram/"+s.hide("a bot that is not there", "zq_no_such_bot"), `{"update_id":1}`, header, "whsec_9f3kQz71Lw")
	s.post(h, 400, path, fmt.Sprintf(`{"message":{"text":%q}}`, s.hide("an update without id", "zq no id")), header, "whsec_9f3kQz71Lw")
	s.post(h, 400, path, fmt.Sprintf(`{"update_id":1,"message":{"text":%q`, s.hide("half an update", "zq half")), header, "whsec_9f3kQz71Lw")
}

// payloads posts fields that a schema calls personal, in events that are taken and in events that are not.
func (s *secrets) payloads(h *house) {
	fields := fmt.Sprintf(`"phone":%q,"email":%q,"people":[{"name":%q}]`, s.hide("a phone in a payload", "+49 151 1000 7703"),
		s.hide("an email in a payload", "zq.payload@privacy.example"), s.hide("a name in a payload", "Zqpayload Name"))
	s.post(h, 202, "/v1/events", `{"id":"pii-1","type":"lead.contacted","payload":{`+fields+`,"note":"x"}}`)
	s.post(h, 422, "/v1/events", `{"id":"pii-2","type":"lead.contacted","payload":{`+fields+`,"note":5}}`)
	s.post(h, 422, "/v1/events", fmt.Sprintf(`{"id":"pii-3","type":"lead.contacted","payload":{"email":%q}}`, s.hide("an email that is none", "zq at privacy example")))
}
