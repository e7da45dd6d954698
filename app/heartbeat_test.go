package app

import (
	"errors"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/source"
	"leadline/state"
)

// pinged is the other side of a heartbeat.
type pinged struct {
	n    int
	err  error
	code int
}

func (p *pinged) RoundTrip(r *http.Request) (*http.Response, error) {
	p.n++
	if p.err != nil {
		return nil, p.err
	}
	return &http.Response{StatusCode: p.code, Status: http.StatusText(p.code), Body: http.NoBody, Request: r}, nil
}

type groups []rules.GroupStatus

func (g groups) Status() []rules.GroupStatus { return g }

// A heartbeat goes out as long as rules are evaluated and pages are delivered, and the log says why not.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		db, err := state.Open(filepath.Join(dir, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		other := &pinged{code: 200}
		var log strings.Builder
		b, err := newBeater(Heartbeat{URL: At{Value: "https://ping.example/s3cret"}, Every: source.Duration{Value: time.Minute}}, &beater{log: slog.New(slog.NewTextHandler(&log, nil)), state: db})
		if err != nil {
			t.Fatal(err)
		}
		b.client.Transport = other
		b.began = time.Now()
		good := func() groups { return groups{{Name: "g", Interval: 30 * time.Second, LastSlot: time.Now()}} }
		f := func(status func() groups, sent bool, why string) {
			t.Helper()
			time.Sleep(b.every)
			b.rules = status()
			before := other.n
			log.Reset()
			b.beat(t.Context())
			if got := other.n > before && b.why == ""; got != sent {
				t.Errorf("sent %v, want %v: %s", got, sent, b.why)
			}
			if !strings.Contains(log.String(), why) || strings.Contains(log.String(), "s3cret") {
				t.Errorf("log %q, want %q", log.String(), why)
			}
		}
		f(good, true, "")
		f(func() groups { return groups{{Name: "g", Interval: 30 * time.Second, LastSlot: time.Now(), Blind: 3}} }, false, "group g gets no answers")
		f(func() groups {
			return groups{{Name: "g", Interval: 30 * time.Second, LastSlot: time.Now(), Error: "disk full"}}
		}, false, "disk full")
		f(good, true, "goes out again")
		old := time.Now()
		f(func() groups { return groups{{Name: "g", Interval: 30 * time.Second, LastSlot: old}} }, true, "")
		f(func() groups { return groups{{Name: "g", Interval: 30 * time.Second, LastSlot: old}} }, true, "")
		f(func() groups { return groups{{Name: "g", Interval: 30 * time.Second, LastSlot: old}} }, false, "was not evaluated since")
		other.err = errors.New("no route to host")
		f(good, false, "no route to host")
		other.err, other.code = nil, 404
		f(good, false, "Not Found")
		other.code = 200

		put := func(i *leadline.Incident, row state.Delivery) {
			t.Helper()
			err := db.Update(t.Context(), func(tx *state.Tx) error {
				if i.ID == 0 {
					if err := tx.AddIncident(i); err != nil {
						return err
					}
				}
				row.Incident = i.ID
				return errors.Join(tx.PutIncident(*i), tx.PutDelivery(row))
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		ticket := &leadline.Incident{Key: "t", State: leadline.IncidentOpen, Severity: "ticket"}
		page := &leadline.Incident{Key: "p", State: leadline.IncidentOpen, Severity: "page"}
		put(ticket, state.Delivery{Chat: 1, WantedRevision: 1})
		put(page, state.Delivery{Chat: 1, WantedRevision: 1})
		for range 5 {
			f(good, true, "")
		}
		f(good, false, "a page is not delivered for 5m0s: INC-2")
		put(page, state.Delivery{Chat: 1, WantedRevision: 2, SentRevision: 1, Ref: "77"}) // only an edit is late
		f(good, true, "goes out again")
		put(page, state.Delivery{Chat: 1, WantedRevision: 2, SentRevision: 2, Dead: true})
		for range 5 {
			f(good, true, "")
		}
		f(good, false, "a page is not delivered")
		if s := b.Status(); s.Mute != 2 || s.Blind != 3 || s.Failed != 2 || s.Sent != int64(other.n-2) {
			t.Errorf("status %+v after %d requests", s, other.n)
		}
	})
}

func TestHeartbeatSettings(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "url")
	if err := os.WriteFile(file, []byte("https://ping.example/x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, err := newBeater(Heartbeat{URLFile: At{Value: file}, Every: source.Duration{Value: time.Minute}}, &beater{})
	if err != nil || b.url != "https://ping.example/x" {
		t.Errorf("got %+v, %v", b, err)
	}
	if b, err := newBeater(Heartbeat{}, &beater{}); b != nil || err != nil {
		t.Errorf("got %+v, %v", b, err)
	}
}
