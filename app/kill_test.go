package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/notify/telegram"
	"leadline/oncall"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/state"
)

// TestMain plays the child of the kill test: rules, on-call desk and Telegram client over one state file.
func TestMain(m *testing.M) {
	if dir := os.Getenv("LEADLINE_APP_CHILD"); dir != "" {
		if err := child(dir, os.Getenv("LEADLINE_APP_TELEGRAM")); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	chtest.Main(m)
}

// twoRules fire together: who is woken must be woken, who is not must not be told twice.
const twoRules = `apiVersion: leadline/v1
kind: RuleGroup
metadata: {name: g}
spec:
  interval: 1s
  query_offset: 0s
  rules:
    - {alert: Page, measure: {n: {count: event, window: 5m}}, expr: n > 5, for: 2s, labels: {severity: page}}
    - {alert: Ticket, measure: {n: {count: event, window: 5m}}, expr: n > 5, for: 2s, labels: {severity: ticket}}
`

// child runs until it is killed. Where dir/kill names the point that it reaches, it kills itself there.
func child(dir, api string) error {
	db, err := state.Open(filepath.Join(dir, "state.db"))
	if err != nil {
		return err
	}
	set, err := readRules([]At{{Value: filepath.Join(dir, "rules.yaml")}})
	if err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	client := telegram.New(telegram.Options{Token: "1:x", API: api, Secret: []byte("buttons"), Log: log})
	desk := oncall.New(oncall.Options{
		State: db, Notifier: mortalNotifier{client, dir}, Chats: oncall.Chats{"ops": {Chat: 1}}, Log: log,
		Explain: func(context.Context, time.Time, time.Time, leadline.Labels) (*leadline.Verdict, error) {
			return nil, errors.New("none")
		},
	})
	engine := rules.New(rules.Options{Groups: set.Groups, Asker: said(dir), Sink: mortalSink{desk, dir}, Log: log})
	ctx, cancel := context.WithCancel(context.Background())
	go func() { // so that no child outlives the test
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	go func() { _ = desk.Run(ctx) }()
	return engine.Run(ctx)
}

// die kills this process where it shall die at this point, as kill -9 does.
func die(dir, point string) {
	if at, err := os.ReadFile(filepath.Join(dir, "kill")); err == nil && string(at) == point {
		if me, err := os.FindProcess(os.Getpid()); err == nil {
			_ = me.Kill()
		}
		select {}
	}
}

type mortalSink struct {
	*oncall.Desk
	dir string
}

func (s mortalSink) Apply(ctx context.Context, e leadline.Evaluation) error {
	news := e.Group == "g" && len(e.Transitions) > 0
	if news {
		die(s.dir, "before the state is written")
	}
	err := s.Desk.Apply(ctx, e)
	if news {
		die(s.dir, "after the state is written")
	}
	return err
}

type mortalNotifier struct {
	oncall.Notifier
	dir string
}

func (n mortalNotifier) Deliver(ctx context.Context, notice leadline.Notice) (string, error) {
	die(n.dir, "before the message is sent")
	ref, err := n.Notifier.Deliver(ctx, notice)
	die(n.dir, "after the message is sent")
	return ref, err
}

// said is a ClickHouse that says what stands in dir/n.
type said string

func (dir said) Fetch(context.Context, []*measure.Ask, time.Time) measure.Answers { return dir }

func (dir said) Rows(*measure.Ask) ([]measure.Row, error) {
	text, err := os.ReadFile(filepath.Join(string(dir), "n"))
	if err != nil {
		return nil, err
	}
	var n float64
	_, err = fmt.Sscan(string(text), &n)
	return []measure.Row{{Labels: leadline.Labels{}, Values: []float64{n}}}, err
}

// botAPI is a Telegram that counts new messages by what they say.
type botAPI struct {
	mu    sync.Mutex
	texts []string       // of the messages as they stand
	sent  map[string]int // new messages
}

func (b *botAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := 0
	switch text := r.FormValue("text"); {
	case strings.HasSuffix(r.URL.Path, "/sendMessage"):
		b.texts = append(b.texts, text)
		b.sent[subject(text)]++
		id = len(b.texts)
	case strings.HasSuffix(r.URL.Path, "/editMessageText"):
		if _, err := fmt.Sscan(r.FormValue("message_id"), &id); err == nil && id > 0 && id <= len(b.texts) {
			b.texts[id-1] = text
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": map[string]any{"message_id": id}})
}

func (b *botAPI) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("sent %v, chat %q", b.sent, b.texts)
}

// subject is what a message is about: Page firing, Ticket resolved.
func subject(text string) string {
	rule, end := "Ticket", " firing"
	if strings.Contains(text, "· <b>Page") {
		rule = "Page"
	}
	if strings.HasPrefix(text, "🟢") {
		end = " resolved"
	}
	return rule + end
}

// shows reports whether a message of each of these subjects stands in the chat.
func (b *botAPI) shows(subjects ...string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, s := range subjects {
		found := false
		for _, text := range b.texts {
			found = found || subject(text) == s
		}
		if !found {
			return false
		}
	}
	return true
}

// Killed between any two steps of the way from a slot to a phone, while an incident begins and while it ends: a page
// comes at least once, another message at most once a change, and in the end the chat shows what is true.
func TestKilledOnTheWayToThePhone(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"before the state is written", "after the state is written", "before the message is sent", "after the message is sent"} {
		for _, ends := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, ends %v", point, ends), func(t *testing.T) {
				t.Parallel()
				killed(t, point, ends)
			})
		}
	}
}

func killed(t *testing.T, point string, ends bool) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name+".new"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, name+".new"), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	phone := &botAPI{sent: map[string]int{}}
	server := httptest.NewServer(phone)
	defer server.Close()
	start := func() (end func(), died <-chan struct{}) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "LEADLINE_APP_CHILD="+dir, "LEADLINE_APP_TELEGRAM="+server.URL)
		cmd.Stderr = os.Stderr
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		gone := make(chan struct{})
		go func() {
			defer close(gone)
			_ = cmd.Wait()
		}()
		return func() {
			_ = cmd.Process.Kill()
			<-gone
			_ = in.Close()
		}, gone
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		deadline := time.After(time.Minute)
		for !holds() {
			select {
			case <-deadline:
				t.Fatalf("waited a minute for %s: %s", what, phone)
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
	closed := func(c <-chan struct{}) func() bool {
		return func() bool {
			select {
			case <-c:
				return true
			default:
				return false
			}
		}
	}
	write("rules.yaml", twoRules)
	write("n", "9")
	if !ends {
		write("kill", point)
	}
	end, died := start()
	if ends {
		until("both messages", func() bool { return phone.shows("Page firing", "Ticket firing") })
		write("kill", point)
		write("n", "0")
	}
	until("the child's death", closed(died))
	end()
	if err := os.Remove(filepath.Join(dir, "kill")); err != nil {
		t.Fatal(err)
	}
	end, _ = start()
	if !ends {
		until("both messages", func() bool { return phone.shows("Page firing", "Ticket firing") })
		write("n", "0")
	}
	until("both ends", func() bool { return phone.shows("Page resolved", "Ticket resolved") })
	end()
	phone.mu.Lock()
	defer phone.mu.Unlock()
	for _, s := range []string{"Ticket firing", "Ticket resolved", "Page resolved"} {
		if phone.sent[s] > 1 {
			t.Errorf("%s was sent %d times", s, phone.sent[s])
		}
	}
	if n := phone.sent["Page firing"]; n < 1 || n > 2 {
		t.Errorf("the page was sent %d times", n)
	}
	for _, text := range phone.texts {
		if !strings.Contains(text, "INC-1") && !strings.Contains(text, "INC-2") {
			t.Errorf("a third incident: %s", text)
		}
	}
}
