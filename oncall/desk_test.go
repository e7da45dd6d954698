package oncall

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"leadline"
	"leadline/state"
)

func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "40"); err != nil { // each check of the model is some hundred transactions
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// phone is a notifier that behaves as Telegram does and fails on demand.
type phone struct {
	mu       sync.Mutex
	messages []*message
	calls    []call
	flying   map[int64]leadline.Notice // under way, by chat
	unknown  map[int64]int             // sends with an unknown outcome, by incident
	took     time.Duration
	fail     func(n leadline.Notice) (arrives bool, err error)
}

func newPhone() *phone {
	return &phone{flying: map[int64]leadline.Notice{}, unknown: map[int64]int{}}
}

type message struct {
	chat   int64
	ref    string
	repeat bool
	shows  leadline.Incident
}

type call struct {
	at   time.Time
	chat int64
	edit bool
	id   int64
}

func (p *phone) Deliver(ctx context.Context, n leadline.Notice) (string, error) {
	p.takeOff(n)
	defer p.land(n)
	if p.took > 0 {
		select {
		case <-time.After(p.took):
		case <-ctx.Done():
			return "", &leadline.DeliveryError{Problem: leadline.DeliverUnknown, Detail: ctx.Err().Error()}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.calls = append(p.calls, call{time.Now(), n.Chat, n.Ref != "", n.Incident.ID})
	arrives, err := true, error(nil)
	if p.fail != nil {
		arrives, err = p.fail(n)
	}
	ref := n.Ref
	if arrives {
		ref = p.arrive(n)
	}
	if err != nil {
		if e, ok := errors.AsType[*leadline.DeliveryError](err); ok && e.Problem == leadline.DeliverUnknown {
			p.unknown[n.Incident.ID]++
		}
		return "", err
	}
	return ref, nil
}

func (p *phone) takeOff(n leadline.Notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, two := p.flying[n.Chat]; two {
		panic("two requests to one chat at once")
	}
	p.flying[n.Chat] = n
}

func (p *phone) land(n leadline.Notice) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.flying, n.Chat)
}

// after is the phone as it stands when Leadline dies now: what was under way arrived or did not.
func (p *phone) after(arrives func() bool) *phone {
	p.mu.Lock()
	defer p.mu.Unlock()
	q := newPhone()
	q.took = p.took
	maps.Copy(q.unknown, p.unknown)
	for _, m := range p.messages {
		c := *m
		q.messages = append(q.messages, &c)
	}
	for _, chat := range slices.Sorted(maps.Keys(p.flying)) {
		n := p.flying[chat]
		if q.unknown[n.Incident.ID]++; arrives() {
			q.arrive(n)
		}
	}
	return q
}

func (p *phone) arrive(n leadline.Notice) string {
	for _, m := range p.messages {
		if n.Ref != "" && m.chat == n.Chat && m.ref == n.Ref {
			m.shows = n.Incident
			return m.ref
		}
	}
	m := &message{n.Chat, strconv.Itoa(len(p.messages) + 1), n.Repeat, n.Incident}
	p.messages = append(p.messages, m)
	return m.ref
}

// heard are the requests so far.
func (p *phone) heard() []call {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.calls)
}

// screen is what a chat shows: one line a message.
func (p *phone) screen() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, m := range p.messages {
		fmt.Fprintf(&b, "%d/%s INC-%d %s %s r%d", m.chat, m.ref, m.shows.ID, m.shows.Severity, m.shows.State, m.shows.Revision)
		if m.repeat {
			b.WriteString(" repeat")
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func problem(p leadline.DeliveryProblem) *leadline.DeliveryError {
	return &leadline.DeliveryError{Problem: p, Detail: "planned"}
}

var (
	anna  = leadline.Person{Name: "Anna", TelegramID: 11}
	boris = leadline.Person{Name: "Boris", TelegramID: 12}
)

const ops = int64(-100)

// office is a desk with its state and phone.
type office struct {
	*Desk
	t       *testing.T
	db      *state.DB
	phone   *phone
	options Options
	verdict func(started, now time.Time, labels leadline.Labels) (*leadline.Verdict, error)
}

func newOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, phone: newPhone()}
	o.db = openState(t, filepath.Join(t.TempDir(), "state.db"))
	o.verdict = func(started, now time.Time, _ leadline.Labels) (*leadline.Verdict, error) {
		return &leadline.Verdict{From: started, To: now, Stages: []leadline.StageShare{{Stage: "enrich.geoip", Share: 0.9}}, P95MS: 800}, nil
	}
	o.options = Options{
		State: o.db, Notifier: o.phone, Chats: Chats{"ops": {Chat: ops}}, People: []leadline.Person{anna, boris}, Log: quiet(t),
		Explain: func(_ context.Context, started, now time.Time, l leadline.Labels) (*leadline.Verdict, error) {
			return o.verdict(started, now, l)
		},
	}
	o.Desk = New(o.options)
	return o
}

func openState(t *testing.T, path string) *state.DB {
	t.Helper()
	db, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// run starts the desk; stop ends it and waits.
func (o *office) run() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := o.Run(ctx); err != nil {
			o.t.Error(err)
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// wait lets the clock of the bubble go on.
func (o *office) wait(d time.Duration) {
	o.t.Helper()
	time.Sleep(d)
	synctest.Wait()
}

func (o *office) apply(ts ...leadline.Transition) {
	o.t.Helper()
	ev := leadline.Evaluation{Group: "g", Slot: time.Now(), Transitions: ts}
	for _, t := range ts {
		state := leadline.StateOK
		switch t.Change {
		case leadline.ChangeFiring, leadline.ChangeLevel, leadline.ChangeDataBack:
			state = leadline.StateFiring
		case leadline.ChangeNoData:
			state = leadline.StateNoData
		default:
		}
		ev.Instances = append(ev.Instances, leadline.Instance{Group: t.Group, Rule: t.Rule, Labels: t.Labels, State: state, Values: t.Values})
	}
	if err := o.Apply(o.t.Context(), ev); err != nil {
		o.t.Fatal(err)
	}
}

// change is a transition of one series of rule "latency".
func change(c leadline.Change, severity, campaign string) leadline.Transition {
	now := time.Now()
	return leadline.Transition{
		Change: c, Group: "g", Rule: "latency", Labels: leadline.Labels{"campaign": campaign}, Severity: severity, Slot: now, Since: now.Add(-20 * time.Second),
		Values: map[string]float64{"p95": 812}, Annotations: map[string]string{"summary": "P95 of " + campaign}, RuleLabels: leadline.Labels{"team": "growth"},
	}
}

func (o *office) incident(id int64) (i leadline.Incident) {
	o.t.Helper()
	err := o.db.View(o.t.Context(), func(tx *state.Tx) (err error) {
		var ok bool
		if i, ok, err = tx.Incident(id); err == nil && !ok {
			err = errors.New("no incident " + strconv.FormatInt(id, 10))
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return i
}

// timeline is one line an entry: kind, actor, channel, body.
func (o *office) timeline(id int64) string {
	o.t.Helper()
	var b strings.Builder
	err := o.db.View(o.t.Context(), func(tx *state.Tx) error {
		log, err := tx.Log(id)
		for _, e := range log {
			b.WriteString(strings.Join(strings.Fields(fmt.Sprint(e.Kind, ": ", e.Actor, " ", e.Channel, " ", e.Body)), " ") + "\n")
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return b.String()
}

func (o *office) rows(id int64) (rows []state.Delivery) {
	o.t.Helper()
	err := o.db.View(o.t.Context(), func(tx *state.Tx) (err error) {
		rows, err = tx.Deliveries(id)
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return rows
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if strings.TrimSpace(got) != strings.TrimSpace(want) {
		t.Errorf("%s\ngot\n%s\nwant\n%s", what, strings.TrimSpace(got), strings.TrimSpace(want))
	}
}
