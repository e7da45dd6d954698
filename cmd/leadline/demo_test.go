package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"
	"leadline/app"
	"leadline/demo"
	"leadline/demo/phone"
)

// The short story. The normal window that a verdict compares with ends 20 s before the first bad moment, so the fault
// begins some seconds later than that.
const (
	calm      = 26 * time.Second
	faulty    = 13 * time.Second
	storyRate = 150
)

// world is the demo's world around a Leadline of this process.
type world struct {
	app   *app.App
	phone *phone.Phone
	third *demo.ThirdParty
	bots  *demo.Bots
}

// shortRules is a copy of the examples whose alert looks every second at the last ten.
func shortRules(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(root, "examples"))); err != nil {
		t.Fatal(err)
	}
	edit := func(file string, pairs ...string) {
		path := filepath.Join(dir, "rules", file)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text := string(b)
		for i := 0; i < len(pairs); i += 2 {
			pattern := regexp.MustCompile(pairs[i])
			if !pattern.MatchString(text) {
				t.Fatalf("%s has no %s", file, pairs[i])
			}
			text = pattern.ReplaceAllString(text, pairs[i+1])
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	edit("intake-latency.yaml", `interval: \w+`, "interval: 1s", `query_offset: \w+`, "query_offset: 1s", `window: \w+`, "window: 10s",
		`n: \d+`, "n: 20", `(?m)^(\s+)for: \w+`, "${1}for: 2s", `keep_firing_for: \w+`, "keep_firing_for: 2s")
	edit("oncall.yaml", `users: \[.*\]`, "users: [Anna]")
	return dir
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{third: &demo.ThirdParty{}, phone: phone.New(phone.Options{
		Token: demoToken,
		Users: []phone.User{{ID: anna, Name: "Anna"}, {ID: boris, Name: "Boris"}, {ID: stranger, Name: "a stranger"}},
		Chats: []phone.Chat{{ID: demoChat, Title: "ops", Kind: phone.Supergroup}},
	})}
	third, bell := httptest.NewServer(w.third), httptest.NewServer(w.phone)
	t.Cleanup(func() {
		third.CloseClientConnections()
		third.Close()
		bell.CloseClientConnections()
		bell.Close()
	})
	config := demoConfig(shortRules(t), t.TempDir(), strings.TrimPrefix(third.URL, "http://"), strings.TrimPrefix(bell.URL, "http://"))
	config.Listen.Value, config.ClickHouse.Embedded.Native, config.ClickHouse.Embedded.HTTP = "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1:0"
	var err error
	w.app, err = app.Start(t.Context(), app.Options{
		Config: config, Library: os.Getenv("LEADLINE_CHDB"), TelegramToken: demoToken,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	keys, err := demoKeys(t.Context(), w.app)
	if err != nil {
		t.Fatal(err)
	}
	w.bots = &demo.Bots{URL: "http://" + w.app.HTTP + "/v1/events", Keys: keys, Rate: storyRate, Client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
	return w
}

// shown waits until the one message of the chat shows all these texts, and returns it.
func (w *world) shown(t *testing.T, limit time.Duration, texts ...string) phone.Message {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	all, err := w.phone.WaitFor(ctx, demoChat, func(all []phone.Message) bool {
		return len(all) > 0 && !slices.ContainsFunc(texts, func(s string) bool { return !strings.Contains(all[0].Text, s) })
	})
	if err != nil || len(all) != 1 {
		t.Fatalf("no single message with %q within %s: %v\n%+v", texts, limit, err, all)
	}
	return all[0]
}

// press presses a button of the message and returns the answer.
func (w *world) press(t *testing.T, who int64, message int, button string) phone.Answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	id, err := w.phone.Press(who, demoChat, message, button)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.phone.Answered(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// nbsp is in a message what keeps a number and its unit on one line.
const nbsp = "\u00a0"

// TestStory is the demo in short: a slow third party, the page, the buttons, the recovery, and the books at the end.
//
// It is not parallel: beside kills and torture of this package, whose load and engines take both cores, its calm pipeline
// would be slow in earnest and the first page a true one.
func TestStory(t *testing.T) {
	w := newWorld(t)
	rush, stop := context.WithCancel(t.Context())
	defer stop()
	var senders sync.WaitGroup
	senders.Go(func() { w.bots.Run(rush) })
	defer senders.Wait()
	defer stop()

	<-time.After(calm)
	if all := w.phone.Messages(demoChat); len(all) != 0 {
		t.Fatalf("somebody was told before anything was wrong: %+v", all)
	}
	fault := time.Now()
	w.third.SetSlow(true)
	recovery := time.AfterFunc(faulty, func() { w.third.SetSlow(false) })
	defer recovery.Stop()

	page := w.shown(t, 25*time.Second, "Page INC-1", "Bottleneck: enrich.geoip")
	t.Logf("paged %s after the fault:\n%s", time.Since(fault).Round(100*time.Millisecond), page.Text)
	f := func(pattern string) {
		t.Helper()
		if !regexp.MustCompile(pattern).MatchString(page.Text) {
			t.Errorf("no %s in\n%s", pattern, page.Text)
		}
	}
	f(`^🔴 Page INC-1 · P95 [\d.]+ m?s`)
	f(`\nObjective: \S+`)
	f(`\nBad for \d+` + nbsp + `s, since \d\d:\d\d` + nbsp + `UTC`)
	f(`\nBottleneck: enrich\.geoip, (100|[6-9]\d)% of the slow-down \([\d.]+` + nbsp + `ms → [\d.]+` + nbsp + `m?s\)`)
	f(`\nPartners hit: \w+ \(\d+` + nbsp + `slow events\), \w+ \(\d+\)`)
	f(`\nCampaigns hit: spring-sale \(\d+` + nbsp + `slow events\), newcomers \(\d+\)`)
	f(`\nOn call: Anna`)
	f(`\nWhat to do\n`)
	if page.Silent || len(page.Buttons) != 1 || len(page.Buttons[0]) != 2 {
		t.Errorf("a page must sound and have two buttons: %+v", page)
	}
	ack, resolve := page.Buttons[0][0].Text, page.Buttons[0][1].Text

	if a := w.press(t, stranger, page.ID, ack); !a.Alert || !strings.Contains(a.Text, "not linked") {
		t.Errorf("a stranger's Ack is answered %+v", a)
	}
	if a := w.press(t, stranger, page.ID, resolve); !a.Alert {
		t.Errorf("a stranger's Resolve is answered %+v", a)
	}
	if m := w.shown(t, time.Second, "Page INC-1"); strings.Contains(m.Text, "Acked by") {
		t.Errorf("a stranger acked:\n%s", m.Text)
	}
	if a := w.press(t, anna, page.ID, ack); a.Alert || !strings.Contains(a.Text, "Acked by you") {
		t.Errorf("Anna's Ack is answered %+v", a)
	}
	acked := w.shown(t, 10*time.Second, "🟠", "Acked by Anna after ")
	if acked.ID != page.ID || acked.Edited.IsZero() {
		t.Errorf("the message %d was not edited in place: %+v", page.ID, acked)
	}
	w.books(t, fault, page.ID, stop, &senders)
}

// books waits for the recovery and holds the end against what was promised.
func (w *world) books(t *testing.T, fault time.Time, message int, stop func(), senders *sync.WaitGroup) {
	t.Helper()
	over := w.shown(t, 40*time.Second, "🟢 Resolved INC-1", "Lasted ")
	t.Logf("resolved %s after the fault:\n%s", time.Since(fault).Round(100*time.Millisecond), over.Text)
	if !regexp.MustCompile(`\nLasted \d+`+nbsp+`s, .*\nDetected after \d+`+nbsp+`s, acked by Anna after \d+`+nbsp+`m?s\nIt recovered by itself\.\n`).MatchString(over.Text) || over.ID != message {
		t.Errorf("message %d shows\n%s", over.ID, over.Text)
	}
	stop()
	senders.Wait()
	var counts demo.Counts
	eventually(t, "everything is stored", func() (done bool) {
		var err error
		counts, err = watched{w.app}.Counts(t.Context())
		return err == nil && w.app.Backlog() == 0 && counts.Distinct >= w.bots.Acked.Load()
	})
	sent, acks := w.bots.Sent.Load(), w.bots.Acked.Load()
	if acks < 1000 || acks != sent || counts.Distinct != acks || counts.Rows != counts.Distinct || w.bots.Refused.Load() != 0 {
		t.Errorf("%d sent, %d acknowledged, %d refused; %+v", sent, acks, w.bots.Refused.Load(), counts)
	}
	if open := w.phone.Unanswered(); len(open) != 0 {
		t.Errorf("presses without an answer: %+v", open)
	}
	for _, c := range w.phone.Transcript() {
		if c.Outcome != "ok" && !strings.Contains(c.Outcome, "canceled") {
			t.Errorf("%s was refused: %s", c.Method, c.Outcome)
		}
	}
	incidents, err := w.app.Incidents(t.Context())
	if err != nil || len(incidents) != 1 {
		t.Fatalf("%d incidents: %+v %v", len(incidents), incidents, err)
	}
	in := incidents[0]
	if b, ok := in.Verdict.Bottleneck(); !ok || b.Stage != leadline.StageGeoIP || b.Share < 0.6 {
		t.Errorf("the verdict is %+v", in.Verdict)
	}
	if in.OpenedAt.Before(fault) || in.NotifiedAt.Sub(in.OpenedAt) > 5*time.Second {
		t.Errorf("fault at %s, %+v", fault, in)
	}
	t.Logf("%d events, lost 0, doubled 0; opened %s and notified %s after the fault", acks, in.OpenedAt.Sub(fault).Round(time.Millisecond), in.NotifiedAt.Sub(fault).Round(time.Millisecond))
}

func TestDemoArguments(t *testing.T) {
	t.Parallel()
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "thesis.txt"), []byte("do not delete"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := func(want string, args ...string) {
		t.Helper()
		out, errs, code := leadlineSays(t, append([]string{"demo", "--data", filepath.Join(t.TempDir(), "demo")}, args...)...)
		if code != 1 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("demo %q: exit code %d, said %q %q, want %q", args, code, out, errs, want)
		}
	}
	f("--fault dns: use geoip or none", "--fault", "dns")
	f("--for 1m0s: the story takes 3m35s", "--for", "1m")
	f("--rate 0: use 1 to 5000", "--rate", "0")
	f("--rate 9000: use 1 to 5000", "--rate", "9000")
	f("is not the demo's folder", "--data", foreign)
	if _, err := os.Stat(filepath.Join(foreign, "thesis.txt")); errors.Is(err, os.ErrNotExist) {
		t.Error("the demo emptied a folder that is not its own")
	}
}
