package telegram

import (
	"bytes"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"leadline"
	"leadline/demo/phone"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	token = "42:AAF-not-a-real-token_of-a-bot-000000"
	ops   = -100500 // a supergroup with topic 7
	team  = -700    // a group
	anna  = 1001
	boris = 1002 // never pressed Start
	eve   = 1003 // on nobody's list
)

var epoch = time.Date(2026, 11, 21, 19, 42, 0, 0, time.UTC)

// desk is a client, the phone that it talks to and what it logs. At the test's end every press must be answered and the
// token be in no line of the log.
type desk struct {
	*Client
	phone  *phone.Phone
	server *httptest.Server
	logged *lines
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	p := phone.New(phone.Options{
		Token: token,
		Users: []phone.User{{ID: anna, Name: "Anna"}, {ID: boris, Name: "Boris"}, {ID: eve, Name: "Eve"}},
		Chats: []phone.Chat{
			{ID: ops, Kind: phone.Supergroup, Title: "Growth on-call", Topics: map[int]string{7: "Incidents"}},
			{ID: team, Kind: phone.Group, Title: "Team"},
			{ID: anna, Kind: phone.Private},
			{ID: boris, Kind: phone.Private, Reach: phone.NotStarted},
		},
	})
	s := httptest.NewServer(p)
	logged := &lines{}
	c := New(Options{Token: token, API: s.URL, Secret: []byte("secret"), Log: slog.New(slog.NewTextHandler(logged, nil))})
	c.pause = 10 * time.Millisecond
	c.now = func() time.Time { return epoch.Add(4 * time.Minute) }
	t.Cleanup(func() {
		c.http.CloseIdleConnections()
		s.Close()
		if open := p.Unanswered(); len(open) > 0 {
			t.Errorf("presses without an answer: %+v", open)
		}
		if text := logged.String(); strings.Contains(text, "AAF-not") {
			t.Errorf("the token is in the log:\n%s", text)
		}
	})
	return &desk{Client: c, phone: p, server: s, logged: logged}
}

// lines is a log that can be read while it is written.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// incident is one that has everything.
func incident() leadline.Incident {
	return leadline.Incident{
		ID: 142, Key: "latency/P95High", Group: "latency", Rule: "P95High", Revision: 3,
		State: leadline.IncidentOpen, Severity: "page",
		Texts: map[string]string{
			"summary":   "P95 of spring-sale is 812 ms",
			"objective": "95% of events are stored within 600 ms",
			"action":    "Set pipeline.geoip to the mmdb file.\nThen call the provider's on-call.",
		},
		Alerts:    []leadline.Alert{{Labels: leadline.Labels{"campaign": "spring-sale"}, State: leadline.StateFiring, Severity: "page", Since: epoch}},
		StartedAt: epoch, OpenedAt: epoch.Add(2*time.Minute + 10*time.Second),
		OnCall: leadline.Person{Name: "Anna", TelegramID: anna},
		Verdict: &leadline.Verdict{
			Events: 1840, Slow: 92, P95MS: 812.4, BaseP95MS: 241,
			Stages: []leadline.StageShare{
				{Stage: "enrich.geoip", BaseMS: 31.2, NowMS: 523, Share: 0.712},
				{Stage: "write", BaseMS: 80, NowMS: 110, Share: 0.1},
			},
			Partners:  []leadline.Affected{{Name: "acme", Slow: 61, Events: 1200}, {Name: "blitz", Slow: 30, Events: 600}, {Name: "crest", Slow: 1, Events: 40}},
			Campaigns: []leadline.Affected{{Name: "spring-sale", Slow: 92, Events: 1840}},
		},
	}
}

func acked(in leadline.Incident) leadline.Incident {
	in.State, in.AckedBy, in.AckedAt = leadline.IncidentAcked, "Anna", in.OpenedAt.Add(70*time.Second)
	in.NotifiedAt = in.OpenedAt.Add(time.Second)
	in.Revision++
	return in
}

func resolved(in leadline.Incident) leadline.Incident {
	in.State, in.ResolvedAt = leadline.IncidentResolved, in.StartedAt.Add(23*time.Minute+12*time.Second)
	in.Revision++
	return in
}
