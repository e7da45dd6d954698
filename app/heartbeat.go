package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"leadline"
	"leadline/metrics"
	"leadline/rules"
	"leadline/source"
	"leadline/state"
)

// Heartbeat is a dead man's switch: somebody else's URL that is asked for as long as Leadline sees and can tell. When it
// stays silent, they page.
type Heartbeat struct {
	URL     At              `yaml:"url"`
	URLFile At              `yaml:"url_file"` // instead of url, where it is a secret
	Every   source.Duration `yaml:"every"`
}

const (
	beatTimeout = 10 * time.Second
	// lateSlots and lateGrace are how old the newest evaluation of a group may be.
	lateSlots = 3
	lateGrace = time.Minute
	// pageAfter is how long a page may be without a message in its chat.
	pageAfter = 5 * time.Minute
)

func (h *Heartbeat) check() (errs source.Errors) {
	if !h.URL.Pos.IsZero() && !h.URLFile.Pos.IsZero() {
		errs = append(errs, h.URL.Pos.Error("heartbeat has both url and url_file", "keep one of them"))
	}
	if u, err := url.Parse(h.URL.Value); !h.URL.Pos.IsZero() && (err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		errs = append(errs, h.URL.Pos.Error("heartbeat.url is no URL", "write it like https://example.com/ping/abc"))
	}
	if h.Every.Value < 10*time.Second || h.Every.Value > 24*time.Hour {
		errs = append(errs, h.Every.Pos.Error("heartbeat.every is not between 10s and 24h", "use 1m"))
	}
	return errs
}

// beater sends the heartbeat.
type beater struct {
	url    string // a secret: it is never logged
	every  time.Duration
	rules  interface{ Status() []rules.GroupStatus }
	state  *state.DB
	client *http.Client
	log    *slog.Logger

	began  time.Time
	untold map[untold]time.Time // since when a chat lacks a page

	mu     sync.Mutex
	status metrics.Heartbeat
	why    string // the newest reason that was logged
}

type untold struct{ incident, chat int64 }

// newBeater reads the URL; nil without one.
func newBeater(c Heartbeat, b *beater) (*beater, error) {
	secret, err := readSecret(c.URLFile)
	if err != nil {
		return nil, err
	}
	if b.url = c.URL.Value; b.url == "" {
		b.url = secret
	}
	if b.url == "" {
		return nil, nil //nolint:nilnil // there is none to send
	}
	b.every, b.client = c.Every.Value, &http.Client{Timeout: beatTimeout}
	b.untold = map[untold]time.Time{}
	return b, nil
}

// Status counts the heartbeats since the start.
func (b *beater) Status() metrics.Heartbeat {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

// Run sends until ctx ends.
func (b *beater) Run(ctx context.Context) error {
	b.began = time.Now()
	tick := time.NewTicker(b.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			b.beat(ctx)
		}
	}
}

// beat sends one heartbeat, unless something does not work.
func (b *beater) beat(ctx context.Context) {
	now := time.Now()
	why := b.evaluation(now)
	count := &b.status.Blind
	if why == "" {
		count, why = &b.status.Mute, b.delivery(ctx, now)
	}
	if why == "" {
		count, why = &b.status.Failed, b.send(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case why == "":
		b.status.Sent++
		b.status.Last = now
		if b.why != "" {
			b.log.Info("heartbeat goes out again")
		}
	case *count == 0 || why != b.why:
		b.log.Error("no heartbeat", "why", why)
		*count++
	default:
		*count++
	}
	b.why = why
}

// evaluation says why the rules do not see.
func (b *beater) evaluation(now time.Time) string {
	for _, g := range b.rules.Status() {
		last := b.began
		if g.LastSlot.After(last) {
			last = g.LastSlot
		}
		switch {
		case g.Error != "":
			return fmt.Sprintf("the newest evaluation of group %s was not kept: %s", g.Name, g.Error)
		case g.Blind >= lateSlots:
			return fmt.Sprintf("group %s gets no answers", g.Name)
		case now.Sub(last) > lateSlots*g.Interval+lateGrace:
			return fmt.Sprintf("group %s was not evaluated since %s", g.Name, last.UTC().Format(time.RFC3339))
		}
	}
	return ""
}

// delivery says why people are not told.
func (b *beater) delivery(ctx context.Context, now time.Time) string {
	lacking := map[untold]time.Time{}
	err := b.state.View(ctx, func(tx *state.Tx) error {
		live, err := tx.Incidents(state.IncidentFilter{Unresolved: true})
		if err != nil {
			return err
		}
		for _, i := range live {
			rows, err := tx.Deliveries(i.ID)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if i.Severity == rules.SeverityPage && i.State == leadline.IncidentOpen && row.Ref == "" && (row.Dead || row.WantedRevision > row.SentRevision) {
					lacking[untold{i.ID, row.Chat}] = now
				}
			}
		}
		return nil
	})
	if err != nil {
		return "the state cannot be read: " + err.Error()
	}
	why := ""
	for key := range lacking {
		if since, ok := b.untold[key]; ok {
			lacking[key] = since
		}
		if age := now.Sub(lacking[key]); age >= pageAfter {
			why = fmt.Sprintf("a page is not delivered for %s: INC-%d", age.Round(time.Second), key.incident)
		}
	}
	b.untold = lacking
	return why
}

// send asks for the URL. Its error does not name it.
func (b *beater) send(ctx context.Context) string {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, b.url, http.NoBody)
	if err != nil {
		return "the URL cannot be used"
	}
	answer, err := b.client.Do(r)
	if err != nil {
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return "the request failed: " + err.Error()
	}
	defer answer.Body.Close() //nolint:errcheck // nothing is read from it
	// Read to its end, so that the connection can be used again.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4096))
	if answer.StatusCode >= 300 {
		return "the answer is " + answer.Status
	}
	return ""
}
