package phone

import (
	"context"
	"encoding/json"
	"slices"
	"time"
)

// An update waits until the bot confirms it.
type update struct {
	id   int64
	kind string
	at   time.Time
	body any
}

// inbox is the bot's queue of updates.
type inbox struct {
	updates []update
	last    int64
	allowed []string // kinds; empty for the default
	poller  int64    // the newest getUpdates
	webhook string
}

// How long updates wait: presses as long as the person's client shows a spinner, everything else a day.
const (
	pressLife  = 150 * time.Second
	updateLife = 24 * time.Hour
)

// byRequest are the kinds that a bot gets only when it asks for them.
var byRequest = []string{"chat_member", "message_reaction", "message_reaction_count"}

func (q *inbox) add(kind string, at time.Time, body any) {
	if len(q.allowed) > 0 && !slices.Contains(q.allowed, kind) || len(q.allowed) == 0 && slices.Contains(byRequest, kind) {
		return
	}
	q.last++
	q.updates = append(q.updates, update{id: q.last, kind: kind, at: at, body: body})
}

// expire drops what waited too long.
func (q *inbox) expire(now time.Time) {
	q.updates = slices.DeleteFunc(q.updates, func(u update) bool {
		life := updateLife
		if u.kind == "callback_query" {
			life = pressLife
		}
		return now.Sub(u.at) > life
	})
}

// confirm drops what lies before offset; a negative one counts from the end.
func (q *inbox) confirm(offset int64) {
	switch {
	case offset > 0:
		q.updates = slices.DeleteFunc(q.updates, func(u update) bool { return u.id < offset })
	case offset < 0:
		q.updates = q.updates[max(0, len(q.updates)+int(offset)):]
	}
}

func (p *Phone) getUpdates(ctx context.Context, given params) (any, *apiError) {
	limit := given.integer("limit")
	if limit < 1 || limit > 100 {
		limit = 100
	}
	wait := time.NewTimer(time.Duration(min(given.integer("timeout"), 50)) * time.Second)
	defer wait.Stop()

	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inbox.webhook != "" {
		return nil, conflict("can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
	}
	if kinds, ok := given["allowed_updates"]; ok {
		p.inbox.allowed = nil
		if err := json.Unmarshal([]byte(kinds.text), &p.inbox.allowed); err != nil {
			return nil, badRequest("can't parse allowed_updates: %v", err)
		}
	}
	p.inbox.confirm(given.integer("offset"))
	p.inbox.poller++
	mine := p.inbox.poller
	p.wake() // ends a poll that is still under way
	for {
		if p.inbox.poller != mine {
			return nil, conflict("terminated by other getUpdates request; make sure that only one bot instance is running")
		}
		p.inbox.expire(p.now())
		if len(p.inbox.updates) > 0 {
			return p.wireUpdates(int(limit)), nil
		}
		changed := p.changed
		p.mu.Unlock()
		over := false
		select {
		case <-changed:
		case <-wait.C:
			over = true
		case <-ctx.Done():
			over = true
		}
		p.mu.Lock()
		if over && len(p.inbox.updates) == 0 && p.inbox.poller == mine {
			return []any{}, nil
		}
	}
}

func conflict(why string) *apiError { return &apiError{code: 409, text: "Conflict: " + why} }

// wireUpdates are Update objects. The caller holds mu.
func (p *Phone) wireUpdates(limit int) []map[string]any {
	var out []map[string]any
	for _, u := range p.inbox.updates[:min(limit, len(p.inbox.updates))] {
		out = append(out, map[string]any{"update_id": u.id, u.kind: u.body})
	}
	return out
}

// SetWebhook does as if somebody had given the bot a webhook: polling fails until deleteWebhook. Nothing is sent to it.
func (p *Phone) SetWebhook(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inbox.webhook = url
	p.wake()
}

func (p *Phone) deleteWebhook(_ context.Context, given params) (any, *apiError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.inbox.webhook = ""
	if given.boolean("drop_pending_updates") {
		p.inbox.updates = nil
	}
	p.wake()
	return true, nil
}

func (p *Phone) getWebhookInfo(context.Context, params) (any, *apiError) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return map[string]any{
		"url": p.inbox.webhook, "has_custom_certificate": false, "pending_update_count": len(p.inbox.updates),
	}, nil
}
