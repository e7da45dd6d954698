package server_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"
	"leadline/ingest"
	"leadline/limit"
	"leadline/server"
	"leadline/signature"
	"leadline/state"
)

// fakeIntake is strict: it takes whole bodies of the formats there are, from partners there are, and nothing else.
type fakeIntake struct {
	mu      sync.Mutex
	taken   []ingest.Request // in order, with bodies copied
	hooks   []string
	checked int
	fail    error         // the next answers
	stored  bool          // for requests that wait
	entered chan struct{} // gets a value from each Submit, which then waits for gate
	gate    chan struct{}
}

func (f *fakeIntake) take(r *ingest.Request) (leadline.Receipt, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if r.Partner == "" || r.ReceivedAt.IsZero() || r.Received.Before(r.ReceivedAt) {
		panic("BUG: the door let a request in without saying whose and when")
	}
	if f.fail != nil {
		return leadline.Receipt{}, f.fail
	}
	if len(r.Body) == 0 {
		return leadline.Receipt{}, &ingest.Problem{Status: 400, Code: ingest.CodeEmptyBatch, Detail: "the body is empty: send an event"}
	}
	if !json.Valid(r.Body) && r.Format != ingest.FormatNDJSON {
		return leadline.Receipt{}, &ingest.Problem{Status: 400, Code: ingest.CodeInvalidBody, Detail: "the body is not JSON"}
	}
	kept := *r
	kept.Body = append([]byte(nil), r.Body...)
	kept.Partner, kept.TraceParent = strings.Clone(r.Partner), strings.Clone(r.TraceParent)
	f.taken = append(f.taken, kept)
	return leadline.Receipt{Accepted: 1, Stored: r.Wait && f.stored}, nil
}

func (f *fakeIntake) Submit(ctx context.Context, r ingest.Request) (leadline.Receipt, error) {
	if f.gate != nil {
		f.entered <- struct{}{}
		select {
		case <-f.gate:
		case <-ctx.Done():
		}
	}
	return f.take(&r)
}

func (f *fakeIntake) SubmitTelegram(_ context.Context, r ingest.Request) (leadline.Receipt, error) {
	return f.take(&r)
}

func (f *fakeIntake) SubmitHook(_ context.Context, r ingest.Request, h *ingest.Hook) (leadline.Receipt, error) {
	if h == nil || r.Header == nil || r.Header("X-Hub-Signature-256")+r.Header("webhook-signature") == "" {
		panic("BUG: a hook without a mapping or headers")
	}
	f.mu.Lock()
	f.hooks = append(f.hooks, r.Partner)
	f.mu.Unlock()
	return f.take(&r)
}

func (f *fakeIntake) Validate(_ context.Context, r ingest.Request) (leadline.Receipt, error) {
	f.mu.Lock()
	f.checked++
	f.mu.Unlock()
	if !json.Valid(r.Body) {
		return leadline.Receipt{}, &ingest.Problem{Status: 400, Code: ingest.CodeInvalidBody, Detail: "the body is not JSON"}
	}
	return leadline.Receipt{Rejected: 1, Items: []leadline.Item{{Result: leadline.ResultDrop, Code: "schema_violation"}}}, nil
}

func (f *fakeIntake) requests() []ingest.Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]ingest.Request(nil), f.taken...)
}

// tables knows one stored event of acme.
type tables struct{ err error }

func (l tables) Event(ctx context.Context, partner, id string) (server.Whereabouts, bool, error) {
	if l.err != nil {
		return server.Whereabouts{}, false, l.err
	}
	return server.Whereabouts{ID: id, Place: server.PlaceStored, Stages: []server.Stage{{Name: "spool", Wait: 0.5, Duration: 1, Status: "ok"}}}, partner == "acme" && id == "tg:bot:1", nil
}

// book has one rule.
type book struct{}

func (book) Book(context.Context) (server.RuleBook, error) {
	return server.RuleBook{CostOf: 3600, Costs: true, Groups: []server.RuleGroup{{
		Name: "volume", Interval: 30_000, Rules: []server.Rule{{
			Name: "PartnerSlow", Health: "good", Instances: map[string]int{"firing": 1}, Cost: &server.Cost{Queries: 120, CPU: 1.5},
		}},
	}}}, nil
}

// orders takes erasures of chat ids.
type orders struct{}

func (orders) Erase(_ context.Context, partner, lead string, _ time.Time) (string, error) {
	if _, err := strconv.ParseInt(lead, 10, 64); err != nil {
		return "", server.ErrLead
	}
	return "e-" + partner, nil
}

func (orders) Erasure(_ context.Context, partner, id string) (state.Erasure, bool, error) {
	return state.Erasure{ID: id, FinishedAt: time.Now(), Events: 3}, id == "e-"+partner, nil
}

const (
	signingSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	githubSecret  = "a secret of GitHub"
)

func verifier(t testing.TB, s signature.Scheme, secret string) *signature.Verifier {
	t.Helper()
	v, err := signature.New(s, []string{secret})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// everything is a server with all its doors open and a fake intake.
type everything struct {
	*door
	intake   *fakeIntake
	real     *ingest.Pipeline  // of besieged, instead
	signer   string            // key of a partner who must sign
	optional string            // of one who may
	limited  string            // of one with limits
	policed  map[string]string // keys of partners with one limit each, by partner
	eraser   string
	watcher  string // reads the rules
	foreign  string // of another partner, with all scopes
}

var limitedPolicy = limit.Policy{Rate: 0.001, Burst: 2, InFlight: 1, Daily: 100}

// policies are those of limited and of partners who have one limit each.
var policies = map[string]limit.Policy{
	"limited": limitedPolicy,
	"bursty":  {Rate: 0.001, Burst: 3},
	"daily":   {Daily: 3},
	"spent":   {Daily: 1},
	"busy":    {InFlight: 1},
}

func openAll(t testing.TB, change func(*server.Options)) *everything {
	t.Helper()
	all := &everything{door: &door{}, intake: &fakeIntake{}}
	known := keys{}
	add := func(partner string, scopes ...string) string {
		key, text := leadline.NewAPIKey(partner, "", scopes, time.Now())
		known[key.ID] = key
		return text
	}
	all.key = add("acme", leadline.ScopeEventsWrite)
	all.reader = add("acme", leadline.ScopeEventsRead)
	all.watcher = add("acme", leadline.ScopeRulesRead)
	all.eraser = add("acme", leadline.ScopeLeadsErase)
	all.signer, all.optional = add("signer", leadline.ScopeEventsWrite), add("optional", leadline.ScopeEventsWrite)
	all.limited, all.foreign = add("limited", leadline.ScopeEventsWrite), add("globex", leadline.Scopes...)
	all.policed = map[string]string{}
	for partner := range policies {
		all.policed[partner] = add(partner, leadline.ScopeEventsWrite)
	}
	revoked, text := leadline.NewAPIKey("acme", "", leadline.Scopes, time.Now())
	revoked.RevokedAt = time.Now().Add(-time.Minute)
	known[revoked.ID], all.revoked = revoked, text
	standard := verifier(t, signature.Scheme{Kind: signature.Standard}, signingSecret)
	o := server.Options{
		Intake: all.intake, Keys: known, Log: leadlineLog(t), Lookup: tables{}, Rules: book{}, Eraser: orders{},
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("leadline_up 1\n")) }),
		Limits:  limit.New(limit.Policy{}, policies),
		Signers: map[string]server.Signer{"signer": {Verifier: standard, Required: true}, "optional": {Verifier: standard}},
		Bots:    map[string]server.Bot{"acme_leads_bot": {Partner: "acme", Secret: botSecret}},
		Hooks: map[string]server.Hook{
			"github": {Partner: "acme", Verifier: verifier(t, signature.Scheme{Kind: signature.GitHub}, githubSecret), Mapping: &ingest.Hook{}},
			"crm":    {Partner: "acme", Verifier: standard, Mapping: &ingest.Hook{}},
		},
		Ready: func(context.Context) error { return nil },
	}
	if change != nil {
		change(&o)
	}
	all.url = serve(t, server.New(o))
	return all
}

// serve runs a server on a free port until the test ends.
func serve(t testing.TB, s *server.Server) (url string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return "http://" + l.Addr().String()
}

// signed are the headers of a Standard Webhooks message.
func signed(id string, at time.Time, body string) []string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signingSecret, "whsec_"))
	if err != nil {
		panic(err)
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	m := hmac.New(sha256.New, key)
	m.Write([]byte(id + "." + stamp + "." + body))
	return []string{"webhook-id", id, "webhook-timestamp", stamp, "webhook-signature", "v1," + base64.StdEncoding.EncodeToString(m.Sum(nil))}
}
