package backtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/internal/storetest"
	"leadline/source"
	"leadline/store"

	"leadline/rules/measure"
)

func TestMain(m *testing.M) { chtest.Main(m) }

var (
	began = time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC) // a Monday
	ended = began.Add(5 * 24 * time.Hour)
)

// world is a database with all tables, without TTL, so that tests can write on any date.
type world struct{ *chtest.DB }

func migrated(t testing.TB) world {
	t.Helper()
	_, ch := storetest.New(t)
	return world{ch}
}

// open is a connection of a test's own.
func (w world) open(t testing.TB) *store.DB {
	t.Helper()
	return storetest.Open(t, w.DB)
}

// five is read by several tests and changed by none.
var five struct {
	sync.Once
	world
}

// lived is a database with five days of four partners: one steady, one in bursts with silence between them, one that
// stops for good, one that comes late and stays rare. Now and then a stage is slow, or fails; a gap has nothing at all.
func lived(t testing.TB) world {
	t.Helper()
	five.Do(func() { five.world = live(t) })
	return five.world
}

func live(t testing.TB) world {
	t.Helper()
	w := migrated(t)
	db := w.open(t)
	r := rand.New(rand.NewPCG(1, 4))
	old := &leadline.Batch{Token: "old"} // as long ago as only hours are kept
	for range 2000 {
		old.Events = append(old.Events, event(r, "steady", began.Add(-36*24*time.Hour+time.Duration(r.Int64N(int64(6*24*time.Hour)))), r.IntN(9) == 0, false))
	}
	if err := storetest.Write(t.Context(), db, old); err != nil {
		t.Fatal(err)
	}
	for hour := began; hour.Before(ended); hour = hour.Add(time.Hour) {
		b := &leadline.Batch{Token: hour.Format(time.RFC3339)}
		slow, broken := r.Float64() < 0.15, r.Float64() < 0.1
		gap := hour.Sub(began) > 50*time.Hour && hour.Sub(began) < 53*time.Hour
		for _, partner := range []string{"steady", "bursty", "stops", "rare's"} {
			for range rate(r, partner, hour) {
				if at := hour.Add(time.Duration(r.Int64N(int64(time.Hour)))); !gap {
					b.Events = append(b.Events, event(r, partner, at, slow, broken))
				}
			}
		}
		for range r.IntN(6) {
			b.Rejected = append(b.Rejected, leadline.Rejected{
				ReceivedAt: hour.Add(time.Duration(r.Int64N(int64(time.Hour)))), Partner: "bursty", Bot: "b1", Type: "lead.created",
				Schema: "lead.created/1", Source: "events", Code: []string{"schema_violation", "unknown_field", "too_large"}[r.IntN(3)], Payload: []byte("{}"),
			})
		}
		if err := storetest.Write(t.Context(), db, b); err != nil {
			t.Fatal(err)
		}
	}
	storetest.SumHours(t, db)
	return w
}

// rate is how many events a partner has in an hour.
func rate(r *rand.Rand, partner string, hour time.Time) int {
	switch since := hour.Sub(began); partner {
	case "steady":
		return 120 + r.IntN(40) + 60*hour.Hour()/24
	case "bursty":
		if r.Float64() < 0.6 {
			return 0
		}
		return r.IntN(400)
	case "stops":
		if since > 60*time.Hour {
			return 0
		}
		return 80
	default:
		if since < 30*time.Hour {
			return 0
		}
		return r.IntN(3)
	}
}

func event(r *rand.Rand, partner string, at time.Time, slow, broken bool) leadline.Event {
	e := leadline.Event{
		ID: fmt.Sprint(r.Int64()), Partner: partner, Bot: []string{"b1", "b2"}[r.IntN(2)], Campaign: []string{"spring", "autumn", ""}[r.IntN(3)],
		Type: "lead.created", Schema: "lead.created/1", Country: []string{"UA", "PL"}[r.IntN(2)], Outcome: []string{"qualified", "lost"}[r.IntN(2)],
		Payload: []byte("{}"),
	}
	if r.IntN(50) == 0 {
		e.Warnings = []string{"unknown_field"}
	}
	took := func(median float64) time.Duration {
		return time.Duration(median * math.Exp(0.7*r.NormFloat64()) * float64(time.Millisecond))
	}
	status, geoip := leadline.StatusOK, 40.0
	if slow && at.Minute() > 20 {
		geoip = 900
	}
	if broken && r.IntN(4) == 0 {
		status = leadline.StatusTimeout
	}
	e.Spend(leadline.StageReceive, 0, took(1), leadline.StatusOK)
	e.Spend(leadline.StageGeoIP, took(20), took(geoip), status)
	e.Spend(leadline.StageWrite, took(5), took(3), leadline.StatusOK)
	e.ReceivedAt = at.Add(-e.Elapsed())
	return e
}

func where(t testing.TB, text string, from measure.Source) measure.Predicate {
	t.Helper()
	p, errs := measure.Where(source.Expr{Passage: source.Passage{Text: text}}, from)
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	return p
}
