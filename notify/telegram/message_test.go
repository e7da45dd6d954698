package telegram

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"leadline"
	"leadline/demo/phone"
)

var updateGolden = flag.Bool("update", false, "write testdata instead of comparing with it")

func TestMessages(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	f := func(name string, n leadline.Notice) {
		t.Helper()
		n.Chat = anna
		got := strings.ReplaceAll(compose(n, d.now()).html(), nbsp, "·nbsp·") + "\n"
		file := filepath.Join("testdata", name+".html")
		if *updateGolden {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	notice := func(in leadline.Incident) leadline.Notice { return leadline.Notice{Incident: in} }
	change := func(fn func(*leadline.Incident)) leadline.Notice {
		in := incident()
		fn(&in)
		return notice(in)
	}
	f("firing", notice(incident()))
	f("acked", notice(acked(incident())))
	f("reopened", change(func(in *leadline.Incident) {
		in.Texts["remark"] = "Reopened: it still fires 10 min after Boris resolved it"
	}))
	f("resolved", notice(resolved(acked(incident()))))
	f("resolved-by-hand", change(func(in *leadline.Incident) {
		*in = resolved(acked(*in))
		in.ResolvedBy = "Boris"
	}))
	f("resolved-before-told", notice(resolved(incident())))
	f("repeat", leadline.Notice{Incident: incident(), Repeat: true})
	f("bare", notice(leadline.Incident{ID: 1, Rule: "P95High", Severity: "info", State: leadline.IncidentOpen, OpenedAt: epoch}))
	f("several-alerts", change(func(in *leadline.Incident) {
		in.Severity = "ticket"
		in.OnCall.TelegramID = 0
		in.Verdict = &leadline.Verdict{Incomplete: "no normal period to compare with: data begins at 19:38"}
		for _, c := range []string{"autumn", "winter", "summer"} {
			in.Alerts = append(in.Alerts, leadline.Alert{Labels: leadline.Labels{"campaign": c, "bot": "b1"}, State: leadline.StateFiring})
		}
		in.Alerts = append(in.Alerts, leadline.Alert{Labels: leadline.Labels{"campaign": "old"}, State: leadline.StateNoData},
			leadline.Alert{Labels: leadline.Labels{"campaign": "done"}, State: leadline.StateOK})
	}))
	f("no-data", change(func(in *leadline.Incident) { in.Alerts[0].State = leadline.StateNoData }))
	f("one-slow-event", change(func(in *leadline.Incident) {
		in.Verdict.Events = 1
		in.Verdict.Partners = []leadline.Affected{{Name: "acme", Slow: 1, Events: 1}, {Name: "blitz", Events: 9}}
		in.Verdict.Campaigns = []leadline.Affected{{Name: "a", Slow: 1840000}, {Name: "b", Slow: 2}, {Name: "c", Slow: 1}, {Name: "d", Slow: 1}, {Name: "e", Slow: 1}}
		in.Verdict.Stages[0] = leadline.StageShare{Stage: "write", BaseMS: 0.42, NowMS: 61200, Share: 0.004}
	}))
	hostile := "<b>&amp;</b> \u202egnp.exe\u0000\r\n🏳️‍🌈 שלום " + strings.Repeat("x&<", 4000)
	f("hostile", change(func(in *leadline.Incident) {
		for k := range in.Texts {
			in.Texts[k] = hostile
		}
		in.OnCall.Name = hostile
		in.Severity = hostile
		in.Alerts = append(in.Alerts, leadline.Alert{State: leadline.StateFiring, Labels: leadline.Labels{"campaign": hostile}})
		in.Verdict.Stages[0].Stage = hostile
		in.Verdict.Partners[0].Name = hostile
		in.Verdict.Campaigns[0].Name = "\xff\xfe"
		*in = acked(*in)
		in.AckedBy = " "
	}))
}

// Whatever stands in an incident, Telegram takes the message, with the text that was meant and at most 4096 units.
func TestEveryMessageIsAccepted(t *testing.T) {
	t.Parallel()
	now := epoch
	p := phone.New(phone.Options{
		Token: token,
		Now:   func() time.Time { now = now.Add(time.Minute); return now },
		Users: []phone.User{{ID: anna, Name: "Anna"}},
		Chats: []phone.Chat{{ID: anna, Kind: phone.Private}},
	})
	c := New(Options{Token: token, Secret: []byte("s")})
	c.http.Transport = handlerTransport{p}
	c.now = func() time.Time { return epoch.Add(time.Hour) }
	rapid.Check(t, func(rt *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[<>&;"'/ba= \n\x{202e}😀ש]{0,40}`), rapid.Just(strings.Repeat("😀<", 3000)))
		some := func(label string) string { return text.Draw(rt, label) }
		in := incident()
		in.State = rapid.SampledFrom([]leadline.IncidentState{leadline.IncidentOpen, leadline.IncidentAcked, leadline.IncidentResolved}).Draw(rt, "state")
		in.Rule, in.Severity, in.AckedBy, in.ResolvedBy, in.OnCall.Name = some("rule"), some("severity"), some("acked"), some("resolved"), some("on call")
		for _, k := range []string{"summary", "objective", "action"} {
			in.Texts[k] = some(k)
		}
		in.Verdict.Stages[0] = leadline.StageShare{
			Stage: some("stage"), BaseMS: rapid.Float64().Draw(rt, "base"), NowMS: rapid.Float64().Draw(rt, "ms"), Share: rapid.Float64().Draw(rt, "share"),
		}
		for range rapid.IntRange(0, 30).Draw(rt, "alerts") {
			in.Alerts = append(in.Alerts, leadline.Alert{
				Labels: leadline.Labels{some("label"): some("value")},
				State:  rapid.SampledFrom([]leadline.State{leadline.StateFiring, leadline.StateNoData, leadline.StateOK}).Draw(rt, "alert"),
			})
		}
		n := leadline.Notice{Chat: anna, Incident: in, Repeat: rapid.Bool().Draw(rt, "repeat")}
		if _, err := c.Deliver(t.Context(), n); err != nil {
			rt.Fatal(err)
		}
		calls := p.Transcript()
		if last := calls[len(calls)-1]; last.Params["parse_mode"] != "HTML" || last.Outcome != "ok" {
			rt.Fatalf("fell back to plain text: %+v", calls[len(calls)-2:])
		}
		ms := p.Messages(anna)
		got, want := ms[len(ms)-1].Text, strings.TrimSpace(compose(n, c.now()).String())
		if got != want {
			rt.Fatalf("Telegram shows %q, meant was %q", got, want)
		}
	})
}

func TestCut(t *testing.T) {
	t.Parallel()
	f := func(limit int, want string) {
		t.Helper()
		in := text{{text: "ab<"}, {style: bold, text: "😀😀c"}, {text: "de"}}
		got := in.cut(limit)
		if got.html() != want || got.units() > limit {
			t.Errorf("cut to %d: %q, %d units", limit, got.html(), got.units())
		}
	}
	f(10, "ab&lt;<b>😀😀c</b>de")
	f(9, "ab&lt;<b>😀😀c</b>…")
	f(8, "ab&lt;<b>😀😀…</b>")
	f(7, "ab&lt;<b>😀…</b>") // no half of a surrogate pair
	f(6, "ab&lt;<b>😀…</b>")
	f(4, "ab&lt;<b>…</b>")
	f(3, "ab…")
	f(1, "…")
}

func TestQuantities(t *testing.T) {
	t.Parallel()
	f := func(got, want string) {
		t.Helper()
		if got = strings.ReplaceAll(got, nbsp, " "); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	f(millis(0), "0 ms")
	f(millis(0.04), "0 ms")
	f(millis(3.44), "3.4 ms")
	f(millis(9.97), "10 ms")
	f(millis(523.4), "523 ms")
	f(millis(999.7), "1 s")
	f(millis(1310), "1.31 s")
	f(millis(59960), "1 min")
	f(millis(130000), "2 min 10 s")
	f(duration(-time.Second), "0 ms")
	f(duration(850*time.Millisecond), "850 ms")
	f(duration(42*time.Second), "42 s")
	f(duration(59*time.Second+900*time.Millisecond), "1 min")
	f(duration(4*time.Minute), "4 min")
	f(duration(3*time.Hour+5*time.Minute+9*time.Second), "3 h 5 min")
	f(duration(51*time.Hour), "2 d 3 h")
	f(count(0), "0")
	f(count(999), "999")
	f(count(1840), "1 840")
	f(count(-1234567), "-1 234 567")
	f(percent(0.712), "71%")
	f(percent(0.004), "under 1%")
	f(percent(1.3), "100%")
	f(clock(epoch, epoch), "19:42 UTC")
	f(between(epoch, epoch.Add(time.Hour), epoch.Add(time.Hour)), "19:42 to 20:42 UTC")
	f(between(epoch, epoch.Add(25*time.Hour), epoch.Add(25*time.Hour)), "21 Nov 19:42 UTC to 20:42 UTC")
	f(clock(epoch, epoch.Add(30*time.Hour)), "21 Nov 19:42 UTC")
}
