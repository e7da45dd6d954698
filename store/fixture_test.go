package store

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func open(tb testing.TB, db *chtest.DB, change func(*Options)) *DB {
	tb.Helper()
	opt := Options{Addrs: []string{db.Native}, Database: db.Database, Username: db.Username, Password: db.Password, Host: "ingest-1"}
	if change != nil {
		change(&opt)
	}
	d, err := Open(context.Background(), opt)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.Close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// Write stores a batch that is at hand.
func (d *DB) Write(ctx context.Context, batch *leadline.Batch) error {
	b := d.Block()
	fill(b, batch)
	return b.Write(ctx)
}

func fill(b leadline.Block, batch *leadline.Batch) {
	b.Begin(batch.Token)
	b.Add(batch.Events)
	for _, r := range batch.Rejected {
		b.Reject(r)
	}
}

// migrated is a database of its own with all tables. They have no TTL, so that tests can write on any date.
func migrated(tb testing.TB) (*DB, *chtest.DB) {
	tb.Helper()
	db := chtest.New(tb)
	d := open(tb, db, nil)
	if _, err := d.Migrate(context.Background()); err != nil {
		tb.Fatal(err)
	}
	for _, table := range []string{"events", "rejected", "latency_1m", "latency_1h", "resources", "erasures"} {
		db.Exec(tb, "ALTER TABLE "+table+" REMOVE TTL")
	}
	return d, db
}

// rush makes events as a campaign rush does: skewed partners, five campaigns each, Telegram and HTTP ids, lognormal
// stages, GeoIP by far the slowest, a payload of about 330 bytes.
type rush struct {
	rand *rand.Rand
	now  time.Time
	gap  time.Duration // between two events
	n    int
}

func newRush(seed uint64, from time.Time, gap time.Duration) *rush {
	return &rush{rand: rand.New(rand.NewPCG(seed, 1)), now: from, gap: gap}
}

func (r *rush) pick(n int) int { return int(float64(n) * math.Pow(r.rand.Float64(), 2)) }

func (r *rush) lognormal(median time.Duration, sigma float64) time.Duration {
	return time.Duration(float64(median) * math.Exp(sigma*r.rand.NormFloat64()))
}

func (r *rush) event() leadline.Event {
	r.n++
	r.now = r.now.Add(time.Duration(r.rand.ExpFloat64() * float64(r.gap)))
	partner, lead := r.pick(20), r.pick(200_000)
	types := []string{"lead.created", "lead.qualified", "signup.completed", "purchase.completed"}
	e := leadline.Event{
		ID:         fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", r.rand.Uint32(), r.rand.IntN(1<<16), r.rand.IntN(1<<12), r.rand.IntN(1<<12), r.rand.Uint64N(1<<48)),
		Type:       types[r.pick(len(types))],
		Partner:    fmt.Sprintf("partner-%02d", partner),
		Bot:        fmt.Sprintf("bot_%02d_%d", partner, r.pick(3)),
		Campaign:   fmt.Sprintf("campaign-%02d-%d", partner, r.pick(5)),
		Source:     leadline.SourceEvents,
		ReceivedAt: r.now.Truncate(time.Microsecond),
		OccurredAt: r.now.Add(-r.lognormal(300*time.Millisecond, 1)),
		SentAt:     r.now.Add(-r.lognormal(40*time.Millisecond, 0.5)),
		Attempt:    1,
		LeadKey:    fmt.Sprintf("%016x%010x", uint64(lead)*0x9e3779b97f4a7c15, uint64(lead)*0xbf58476d1ce4e5b9%(1<<40)),
		Locale:     []string{"pt-BR", "es", "en", "de", "ru"}[r.pick(5)],
		IP:         netip.AddrFrom4([4]byte{byte(20 + lead%150), byte(lead >> 3), byte(lead >> 9), 0}),
		Country:    []string{"BR", "MX", "US", "DE", "KZ", "AR", "CO"}[r.pick(7)],
		Outcome:    []string{"qualified", "unqualified"}[r.pick(2)],
		Payload: fmt.Appendf(nil, `{"lead":{"chat_id":"u%08d","username":"user%06d","language":"pt"},"form":{"step":%d,"answers":{"age":%d,"city":"São Paulo","interest":"%s"}},"offer":{"id":"offer-%03d","price":%d.%02d,"currency":"BRL"},"utm":{"source":"telegram","medium":"bot","content":"ad-%04d"},"client":{"app":"4.%d.%d","os":"android"}}`,
			lead, lead, 1+r.pick(6), 18+r.pick(50), []string{"loans", "cards", "crypto", "travel"}[r.pick(4)], r.pick(300), 5+r.pick(500), r.pick(100), r.pick(3000), r.pick(9), r.pick(20)),
	}
	if r.rand.IntN(4) == 0 {
		e.ID, e.Source, e.SentAt = fmt.Sprintf("tg-%d", 810_000_000+r.n), leadline.SourceTelegram, time.Time{}
	}
	e.Schema = e.Type + "/2"
	e.Key = leadline.KeyOf(e.Partner, e.ID)
	e.TraceID = e.Key
	if r.rand.IntN(50) == 0 {
		e.Warnings = []string{"late_event"}
	}
	status := leadline.StatusOK
	geoip := r.lognormal(12*time.Millisecond, 0.8)
	if geoip > 100*time.Millisecond {
		geoip, status = 100*time.Millisecond, leadline.StatusTimeout
	}
	e.Spend(leadline.StageReceive, 0, r.lognormal(60*time.Microsecond, 0.4), leadline.StatusOK)
	e.Spend(leadline.StageValidate, 0, r.lognormal(3*time.Microsecond, 0.3), leadline.StatusOK)
	e.Spend(leadline.StageSpool, r.lognormal(20*time.Microsecond, 1), r.lognormal(1200*time.Microsecond, 0.4), leadline.StatusOK)
	e.Spend(leadline.StageGeoIP, time.Duration(r.rand.Int64N(int64(200*time.Millisecond))), geoip, status)
	e.Spend(leadline.StageQualify, 0, r.lognormal(2*time.Microsecond, 0.3), leadline.StatusOK)
	e.Spend(leadline.StageWrite, r.lognormal(4*time.Millisecond, 1), r.lognormal(900*time.Microsecond, 0.3), leadline.StatusOK)
	return e
}

func (r *rush) batch(n int) *leadline.Batch {
	b := &leadline.Batch{Token: fmt.Sprintf("segment-%d", r.n), Events: make([]leadline.Event, n)}
	for i := range b.Events {
		b.Events[i] = r.event()
	}
	return b
}
