package telegram

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/demo/phone"
)

func (d *desk) deliver(t *testing.T, n leadline.Notice) string {
	t.Helper()
	ref, err := d.Deliver(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// texts are the buttons of a message.
func texts(m phone.Message) []string {
	var out []string
	for _, row := range m.Buttons {
		for _, b := range row {
			out = append(out, b.Text)
		}
	}
	return out
}

func TestOneLivingMessage(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	n := leadline.Notice{Chat: ops, Thread: 7, Incident: incident()}
	step := func(in leadline.Incident, dot string, buttons ...string) {
		t.Helper()
		n.Incident = in
		ref := d.deliver(t, n)
		if n.Ref != "" && ref != n.Ref {
			t.Fatalf("the message became %s, was %s", ref, n.Ref)
		}
		n.Ref = ref
		all := d.phone.Messages(ops)
		if len(all) != 1 {
			t.Fatalf("%d messages", len(all))
		}
		if m := all[0]; !strings.HasPrefix(m.Text, dot) || m.Thread != 7 || !m.NoPreview || m.Silent {
			t.Errorf("%+v", m)
		}
		if diff := cmp.Diff(buttons, texts(all[0])); diff != "" {
			t.Errorf("buttons (-want +got):\n%s", diff)
		}
	}
	step(incident(), "🔴", "✋ Ack", "✅ Resolve")
	step(incident(), "🔴", "✋ Ack", "✅ Resolve") // not modified
	step(acked(incident()), "🟠", "✅ Resolve")
	step(resolved(acked(incident())), "🟢")
	step(resolved(acked(incident())), "🟢")

	d.phone.Delete(ops, 1)
	if ref := d.deliver(t, n); ref == n.Ref {
		t.Error("a deleted message was not sent anew")
	}
	if m := d.phone.Messages(ops)[0]; !m.Silent {
		t.Error("the news that all is well rings")
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	f := func(ref string, want int) {
		t.Helper()
		if got := messageID(leadline.Notice{Chat: ops, Ref: ref}); got != want {
			t.Errorf("%q: %d, want %d", ref, got, want)
		}
	}
	f("", 0)
	f("17", 17)
	f("-100500:17", 17)
	f("-700:17", 0) // the chat has moved
	f("nonsense", 0)
}

func TestSilentAndRepeat(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	in := incident()
	in.Severity = "info"
	d.deliver(t, leadline.Notice{Chat: ops, Incident: in})
	n := leadline.Notice{Chat: ops, Incident: incident(), Repeat: true}
	n.Ref = d.deliver(t, n)
	all := d.phone.Messages(ops)
	if !all[0].Silent || all[1].Silent {
		t.Errorf("silent: %v %v", all[0].Silent, all[1].Silent)
	}
	if !strings.Contains(all[1].Text, " 812 ms (repeat)\n") {
		t.Error(all[1].Text)
	}
	d.deliver(t, n)
	if m := d.phone.Messages(ops)[1]; strings.Contains(m.Text, "repeat") {
		t.Error("an edit repeats nothing")
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	f := func(chat int64, thread, want int, remark bool) {
		t.Helper()
		d.deliver(t, leadline.Notice{Chat: chat, Thread: thread, Incident: incident()})
		all := d.phone.Messages(chat)
		m := all[len(all)-1]
		if m.Thread != want || strings.Contains(m.Text, "was not found, so this is here.") != remark {
			t.Errorf("topic %d: went to %d: %s", thread, m.Thread, m.Text)
		}
	}
	f(ops, 7, 7, false)
	f(ops, 0, 0, false)
	f(ops, 1, 0, false) // General must not be named
	f(ops, 99, 0, true)
	f(team, 7, 0, true) // no forum at all
}

func TestUnreadableMarkupGoesOutPlain(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	body := `{"ok":false,"error_code":400,"description":"Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 1"}`
	d.phone.Fault("sendMessage", phone.Fault{Status: 400, Body: body})
	n := leadline.Notice{Chat: ops, Incident: incident()}
	n.Ref = d.deliver(t, n)
	m := d.phone.Messages(ops)[0]
	if len(m.Entities) != 0 || !strings.Contains(m.Text, "enrich.geoip") || len(m.Buttons) == 0 {
		t.Errorf("%+v", m)
	}
	d.phone.Fault("editMessageText", phone.Fault{Status: 400, Body: body})
	d.phone.Fault("editMessageText", phone.Fault{Status: 400, Body: body})
	_, err := d.Deliver(t.Context(), n)
	check(t, err, leadline.DeliveryError{Problem: leadline.DeliverBad}, "can't parse entities")
}

// check compares a delivery's error; want.Detail is not compared, part must be in it and the token must not.
func check(t *testing.T, err error, want leadline.DeliveryError, part string) {
	t.Helper()
	var got *leadline.DeliveryError
	if !errors.As(err, &got) {
		t.Fatalf("%v is no DeliveryError", err)
	}
	if !strings.Contains(got.Detail, part) || strings.Contains(err.Error(), "AAF-not") {
		t.Errorf("detail %q, want %q in it", got.Detail, part)
	}
	want.Detail = got.Detail
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	to := func(chat int64) error {
		_, err := d.Deliver(t.Context(), leadline.Notice{Chat: chat, Incident: incident()})
		return err
	}
	broken := func(f phone.Fault) error {
		d.phone.Fault("sendMessage", f)
		return to(ops)
	}
	type want = leadline.DeliveryError
	later, unknown, gone := want{Problem: leadline.DeliverLater}, want{Problem: leadline.DeliverUnknown}, want{Problem: leadline.DeliverGone}

	check(t, to(555), gone, "chat not found")
	check(t, to(boris), gone, "chat not found")
	d.phone.SetReach(anna, phone.Blocked)
	check(t, to(anna), gone, "bot was blocked by the user")
	d.phone.SetReach(team, phone.Kicked)
	check(t, to(team), gone, "bot was kicked")
	d.phone.SetReach(team, phone.Reachable)
	d.phone.Migrate(team, -100700)
	check(t, to(team), want{Problem: leadline.DeliverMoved, Chat: -100700}, "upgraded to a supergroup")

	check(t, broken(phone.Fault{RetryAfter: 17}), want{Problem: leadline.DeliverLater, After: 17 * time.Second}, "retry after 17")
	check(t, broken(phone.Fault{Status: 429, Body: `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after 3"}`}),
		want{Problem: leadline.DeliverLater, After: 3 * time.Second}, "retry after 3")
	check(t, broken(phone.Fault{Status: 502}), later, "HTTP 502")
	check(t, broken(phone.Fault{Status: 500, Body: `{"ok":false,"error_code":500,"description":"Internal Server Error"}`}), later, "Internal Server Error")
	check(t, broken(phone.Fault{Status: 403, Body: "<html>proxy</html>"}), later, "HTTP 403")
	check(t, broken(phone.Fault{Status: 302, Body: "moved"}), later, "HTTP 302")
	check(t, broken(phone.Fault{Status: 200, Body: "<html>captive portal</html>"}), unknown, "HTTP 200")
	check(t, broken(phone.Fault{Status: 400, Body: `{"ok":false,"error_code":400,"description":"Bad Request: BUTTON_DATA_INVALID"}`}),
		want{Problem: leadline.DeliverBad}, "BUTTON_DATA_INVALID")
	check(t, broken(phone.Fault{Reset: true, Execute: true}), unknown, "sendMessage")
	if n := len(d.phone.Messages(ops)); n != 1 {
		t.Errorf("%d messages, want the one that was carried out", n)
	}
	d.timeout = 50 * time.Millisecond
	check(t, broken(phone.Fault{Hang: true}), unknown, "deadline exceeded")

	d.token = "42:AAF-not-this-one-0000000000000000000"
	check(t, to(ops), later, "token refused")
	d.token = "nonsense"
	check(t, to(ops), later, "token refused")
}

func TestTelegramIsDown(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.server.Close()
	_, err := d.Deliver(t.Context(), leadline.Notice{Chat: ops, Incident: incident()})
	check(t, err, leadline.DeliveryError{Problem: leadline.DeliverLater}, "refused")
	if strings.Contains(err.Error(), "42:") {
		t.Errorf("the bot's address is in %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = d.Deliver(ctx, leadline.Notice{Chat: ops, Incident: incident()})
	check(t, err, leadline.DeliveryError{Problem: leadline.DeliverLater}, "canceled")
}

// A server that repeats what it was asked must not get the token into an error.
func TestTokenIsRedacted(t *testing.T) {
	t.Parallel()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"ok":false,"error_code":400,"description":`+strconv.Quote("Bad Request: no "+r.URL.Path)+`}`)
	}))
	defer s.Close()
	c := New(Options{Token: token, API: s.URL + "/", Secret: []byte("s")})
	defer c.http.CloseIdleConnections()
	_, err := c.Deliver(t.Context(), leadline.Notice{Chat: 1, Incident: incident()})
	check(t, err, leadline.DeliveryError{Problem: leadline.DeliverBad}, "no /bot[token]/sendMessage")
}
