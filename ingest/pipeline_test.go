package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
	"leadline/ingest/enrich"
	"leadline/ingest/spool"
	"leadline/internal/chtest"
	"leadline/store"
)

func tables(t *testing.T) (*store.DB, *chtest.DB) {
	t.Helper()
	db := chtest.New(t)
	d, err := store.Open(context.Background(), store.Options{Addrs: []string{db.Native}, Database: db.Database, Username: db.Username, Password: db.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := d.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return d, db
}

// load submits n events from several senders; every fourth is sent twice, every tenth request also has an item that
// is dropped. It returns what the receipts promise.
func load(t *testing.T, p *Pipeline, name string, n int) (accepted, duplicates, rejected int) {
	t.Helper()
	const senders, size = 8, 25
	var mu sync.Mutex
	var wg sync.WaitGroup
	for s := range senders {
		wg.Go(func() {
			for from := s * size; from < n; from += senders * size {
				var lines []string
				for i := from; i < min(from+size, n); i++ {
					event := fmt.Sprintf(`{"id":"%s-%d","type":"lead.qualified","campaign":"c%d","lead":{"chat_id":%d,"ip":"9.9.%d.%d"},"payload":{"plan":"pro","amount":%d}}`,
						name, i, i%7, i, i>>8&255, i&255, i)
					lines = append(lines, event)
					if i%4 == 0 {
						lines = append(lines, event)
					}
				}
				if from/size%10 == 0 {
					lines = append(lines, `{"id":"bad","type":"lead.qualified","payload":{}}`)
				}
				r, err := p.Submit(context.Background(), Request{Partner: fmt.Sprintf("partner-%d", s%3), Format: FormatNDJSON, Body: []byte(strings.Join(lines, "\n"))})
				mu.Lock()
				accepted, duplicates, rejected = accepted+r.Accepted, duplicates+r.Duplicates, rejected+r.Rejected
				mu.Unlock()
				if err != nil {
					t.Errorf("submit: %v", err)
				}
			}
		})
	}
	wg.Wait()
	return accepted, duplicates, rejected
}

const conserved = `SELECT count(), uniqExact(partner, id), countIf(arraySum(wait_us) + arraySum(duration_us) = e2e_us AND
	stored_at = received_at + toIntervalMicrosecond(e2e_us) AND stage = ['receive','validate','spool','enrich.geoip','qualify','write']) FROM events`

// The whole way on real parts, stopped and started again in the middle: every event once, every microsecond accounted for.
func TestExactlyOnceThroughARestart(t *testing.T) {
	t.Parallel()
	db, ch := tables(t)
	dir := t.TempDir()
	open := func() *Pipeline {
		s, err := spool.Open(spool.Options{Dir: dir, SegmentBytes: 4 << 20, MaxRecords: 700})
		if err != nil {
			t.Fatal(err)
		}
		return start(t, func(o *Options) {
			o.Spool, o.Writer, o.Permanent = s, db, store.Permanent
			o.Qualify = rules(t, "\n  default: low\n  rules:\n    - {outcome: high, when: 'num(\"amount\") >= 2500'}\n")
			o.GeoIP = geo{answer: func(netip.Addr) enrich.Result {
				return enrich.Result{Country: "DE", Status: leadline.StatusOK}
			}}
		})
	}
	p := open()
	stop := running(t, p)
	accepted, duplicates, rejected := load(t, p, "first", 3000)
	await(t, "some events in the table", func() bool { return p.Stats().Stored > 0 })
	stop() // in the middle of a batch, or between two
	more, again, bad := load(t, p, "second", 2000)
	if err := p.spool.Close(); err != nil {
		t.Fatal(err)
	}

	p = open()
	defer func() {
		if err := p.spool.Close(); err != nil {
			t.Error(err)
		}
	}()
	stop = running(t, p)
	_, late, _ := load(t, p, "first", 3000) // all of it once more
	await(t, "an empty spool", func() bool { return p.Stats().Fill == 0 })
	stop()

	if accepted+more != 5000 || duplicates+again != 1250 || late != 3750 || rejected+bad == 0 {
		t.Errorf("receipts: %d accepted, %d duplicates, %d late duplicates, %d rejected", accepted+more, duplicates+again, late, rejected+bad)
	}
	if got := ch.Query(t, conserved); strings.TrimSpace(got) != "5000\t5000\t5000" {
		t.Errorf("rows, different, conserved: %q", got)
	}
	if got := strings.TrimSpace(ch.Query(t, "SELECT count(), uniqExact(lead_key), min(country), max(ip_prefix LIKE '9.9.%.0%') FROM events")); got != "5000\t3000\tDE\t1" {
		t.Errorf("rows, leads, country, address: %q", got)
	}
	if got := strings.TrimSpace(ch.Query(t, "SELECT countIf(outcome = 'high'), countIf(outcome = 'low') FROM events")); got != "500\t4500" {
		t.Errorf("outcomes: %q", got)
	}
	// The dropped items of the third load are kept as well: a rejected item has no key that could make it a duplicate.
	if got := strings.TrimSpace(ch.Query(t, "SELECT count() > 20, any(code), any(violations.pointer) FROM rejected")); got != "1\tschema_violation\t['/payload/plan']" {
		t.Errorf("rejected: %q", got)
	}
	if got := strings.TrimSpace(ch.Query(t, "SELECT count() FROM events WHERE duration_us[3] = 0 AND wait_us[4] > 0")); got == "0" {
		t.Error("no event of before the restart: its time in the spool is not known, so it is all wait of enrich.geoip")
	}
}

// geo answers for each address by itself, and for the whole batch only when the slowest look-up has ended.
type geo struct {
	slowest time.Duration
	answer  func(a netip.Addr) enrich.Result
}

func (g geo) Countries(ctx context.Context, addrs []netip.Addr, results []enrich.Result) {
	for i, a := range addrs {
		results[i] = g.answer(a)
	}
	pause(ctx, g.slowest)
}

func (g geo) Waits() bool { return g.slowest > 0 }

func TestSlowGeoIPMarksEventsAndTheyGoOn(t *testing.T) {
	t.Parallel()
	const slowest, slot = 60 * time.Millisecond, 25 * time.Millisecond
	p := start(t, func(o *Options) {
		o.GeoIP = geo{slowest, func(a netip.Addr) enrich.Result {
			switch a.As4()[3] % 3 {
			case 0:
				return enrich.Result{Status: leadline.StatusTimeout}
			case 1:
				return enrich.Result{Status: leadline.StatusSkipped, Wait: slot}
			}
			return enrich.Result{Country: "FR", Status: leadline.StatusOK}
		}}
	})
	load(t, p, "x", 90)
	m := drained(t, p)
	count := map[leadline.Status]int{}
	for _, e := range m.events {
		s, next := e.Segments[3], e.Segments[4]
		count[s.Status]++
		if (s.Status == leadline.StatusOK) != (e.Country == "FR") {
			t.Errorf("country %q, segment %+v", e.Country, s)
		}
		least := slowest // also of an event whose own look-up took no time
		if s.Status == leadline.StatusSkipped {
			least -= slot
		}
		if s.Duration < least || s.Status == leadline.StatusSkipped && s.Wait < slot {
			t.Errorf("segment %+v, want at least %v: the stage lasts until the batch leaves it", s, least)
		}
		if next.Stage != leadline.StageQualify || next.Wait >= slot {
			t.Errorf("segment %+v carries time of the slow look-up", next)
		}
		if e.IP.As4()[3] != 0 {
			t.Errorf("address %v is not masked", e.IP)
		}
	}
	if count[leadline.StatusOK] != 30 || count[leadline.StatusTimeout] != 30 || count[leadline.StatusSkipped] != 30 {
		t.Errorf("statuses %v", count)
	}
}

func TestWriterAwayAndBack(t *testing.T) {
	t.Parallel()
	var tries atomic.Int64
	away := errors.New("connection refused")
	m := &memory{fail: func(*leadline.Batch) error {
		if tries.Add(1) <= 3 {
			return away
		}
		return nil
	}}
	p := start(t, func(o *Options) { o.Writer = m })
	accepted, _, _ := load(t, p, "x", 500)
	drained(t, p)
	if events, _ := m.count(); events != accepted || accepted != 500 {
		t.Errorf("%d accepted, %d stored", accepted, events)
	}
	if s := p.Stats(); s.Retries != 3 || s.Stored != 500 || s.Accepted != 500 || s.Duplicates != 125 || s.Lag != 0 {
		t.Errorf("stats %+v", s)
	}
	for _, e := range m.events {
		if w := e.Segments[len(e.Segments)-1]; len(e.Segments) != stages || w.Stage != leadline.StageWrite || w.Wait < 100*time.Millisecond {
			t.Fatalf("three tries later: %+v", e.Segments)
		}
	}
}

// A batch that ClickHouse refuses for good holds up nobody, and is still there.
func TestRefusedBatchStepsAside(t *testing.T) {
	t.Parallel()
	poison := errors.New("cannot parse")
	m := &memory{fail: func(b *leadline.Batch) error {
		if len(b.Events) > 0 && b.Events[0].Type == "poison.pill" {
			return fmt.Errorf("write: %w", poison)
		}
		return nil
	}}
	dir := t.TempDir()
	s := openSpool(t, dir, nil)
	p := start(t, func(o *Options) {
		o.Spool, o.Writer, o.Permanent = s, m, func(err error) bool { return errors.Is(err, poison) }
	})
	stop := running(t, p)
	if _, err := submit(p, `{"id":"bad","type":"poison.pill"}`); err != nil {
		t.Fatal(err)
	}
	await(t, "the batch to step aside", func() bool { return p.Stats().Aside == 1 })
	for i := range 5 {
		load(t, p, fmt.Sprint(i), 20)
	}
	await(t, "the batches behind it", func() bool { return p.Stats().Stored == 100 })
	if f := p.Stats().Fill; f == 0 {
		t.Error("the refused batch left the spool")
	}
	stop()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	m.fail = nil // somebody has mended the table
	p = start(t, func(o *Options) { o.Spool, o.Writer = openSpool(t, dir, nil), m })
	drained(t, p)
	if events, _ := m.count(); events != 101 || m.events[100].ID != "bad" {
		t.Errorf("%d events after the restart", events)
	}
}

func TestSpoolFullAsksToSendAgain(t *testing.T) {
	t.Parallel()
	p := start(t, func(o *Options) {
		o.Spool = openSpool(t, t.TempDir(), func(o *spool.Options) { o.MaxBytes, o.SegmentBytes = 8<<10, 4<<10 })
	})
	full := func(id, body string) (*Problem, leadline.Receipt) {
		r, err := p.Submit(context.Background(), Request{Partner: id, Format: FormatJSON, Body: []byte(body)})
		if err == nil {
			return nil, r
		}
		x := problem(t, err)
		if x.Status != 503 || x.Code != CodeSpoolFull || x.RetryAfter <= 0 || r.Accepted+r.Rejected != 0 {
			t.Fatalf("got %+v, receipt %+v", x, r)
		}
		return x, r
	}
	// More than there is room for at all: it is decoded, and every item of it is to be sent again.
	x, r := full("large", "["+with(`"id":"a"`)+`,{},{"id":"b","type":"free.form","payload":{"x":"`+strings.Repeat("x", 8<<10)+`"}}]`)
	if x == nil || !errors.Is(x, spool.ErrFull) || r.Retry != 3 || len(x.Receipt.Items) != 3 {
		t.Fatalf("got %+v, receipt %+v", x, r)
	}
	for _, item := range r.Items {
		if item.Result != leadline.ResultRetry || item.Code != CodeSpoolFull {
			t.Errorf("item %+v", item)
		}
	}
	body := with(`"campaign":"` + strings.Repeat("x", 60) + `"`)
	for i := range 1000 {
		if x, _ := full(fmt.Sprint(i), body); x == nil {
			continue
		}
		drained(t, p) // what was taken comes out, and there is room again
		if x, _ := full(fmt.Sprint(i), body); x != nil {
			t.Errorf("after draining: %v", x)
		}
		return
	}
	t.Fatal("the spool never fills")
}

func TestSubmitAfterClose(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	if err := p.spool.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := submit(p, good)
	if x := problem(t, err); x.Status != 503 || x.Code != CodeUnavailable || !errors.Is(err, spool.ErrClosed) {
		t.Errorf("got %+v", x)
	}
	if err := p.Run(context.Background()); !errors.Is(err, spool.ErrClosed) {
		t.Errorf("run: %v", err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	s := openSpool(t, t.TempDir(), nil)
	pepper := func(string) []byte { return []byte("p") }
	f := func(o Options, want string) {
		t.Helper()
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f(Options{Writer: &memory{}, Pepper: pepper}, "spool")
	f(Options{Spool: s, Pepper: pepper}, "writer")
	f(Options{Spool: s, Writer: &memory{}}, "pepper")
	f(Options{Spool: s, Writer: &memory{}, Pepper: func(string) []byte { return nil }}, "pepper")
}

// A record that cannot be read, as another version might leave one, is kept among the rejected.
func TestUnreadableRecordIsKept(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	if err := p.spool.Append(context.Background(), spool.Fair, []spool.Record{{Data: []byte{99, 'e', 1}}, {Data: []byte{recordVersion, 'x'}}, {Data: []byte{recordVersion, recordEvent, 1}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := submit(p, good); err != nil {
		t.Fatal(err)
	}
	m := drained(t, p)
	if len(m.events) != 1 || len(m.rejected) != 3 || m.rejected[0].Code != CodeUnreadable || string(m.rejected[0].Payload) != "\x63e\x01" {
		t.Errorf("%d events, rejected %+v", len(m.events), m.rejected)
	}
}

// refusing starts a pipeline that has one event and a ClickHouse that refuses it for good, so many times. Each try is told.
func refusing(t *testing.T, times int, try func()) (*memory, *Pipeline) {
	t.Helper()
	poison := errors.New("cannot parse")
	m := &memory{fail: func(*leadline.Batch) error {
		try()
		if times--; times >= 0 {
			return poison
		}
		return nil
	}}
	p := start(t, func(o *Options) {
		o.Writer, o.Permanent = m, func(err error) bool { return errors.Is(err, poison) }
	})
	if _, err := submit(p, good); err != nil {
		t.Fatal(err)
	}
	return m, p
}

// A refused batch is tried again after 30 s, then after twice as long, and is stored once somebody has mended the table.
func TestRefusedBatchIsTriedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var tries []time.Duration
		begin := time.Now()
		m, p := refusing(t, 2, func() { tries = append(tries, time.Since(begin).Round(time.Second)) })
		stop := running(t, p)
		time.Sleep(2 * time.Minute)
		stop()
		if fmt.Sprint(tries) != "[0s 30s 1m30s]" || len(m.events) != 1 || p.Stats().Aside != 0 || p.Stats().Fill != 0 {
			t.Errorf("tries %v, %d events, stats %+v", tries, len(m.events), p.Stats())
		}
		if err := p.spool.Close(); err != nil {
			t.Error(err)
		}
	})
}

// What steps aside is replaced at once, so it brings no memory back: with three or four batches on their way the writer
// could wait for room among the free ones while the preparer waits for the writer.
func TestRefusedBatchIsReplacedOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m, p := refusing(t, 1, func() {})
		b := p.newBatch()
		if err := p.next(t.Context(), newStretch(), b); err != nil {
			t.Fatal(err)
		}

		ctx, cancel := context.WithCancel(t.Context())
		ready, done, free := make(chan *batch), make(chan *spool.Segment, 1), make(chan *batch, 1)
		go p.write(ctx, ready, done, free)
		ready <- b
		if <-free == b {
			t.Error("the batch that stepped aside is free")
		}
		time.Sleep(firstAside + time.Second)
		synctest.Wait()
		if len(m.events) != 1 || p.Stats().Fill != 0 || len(done)+len(free) != 0 {
			t.Errorf("%d events, stats %+v, %d batches came back", len(m.events), p.Stats(), len(done)+len(free))
		}
		cancel()
		synctest.Wait()
		if err := p.spool.Close(); err != nil {
			t.Error(err)
		}
	})
}
