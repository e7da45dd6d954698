package oncall

import (
	"context"
	"errors"
	"slices"
	"time"

	"leadline"
	"leadline/state"
)

// tooShortToTell is how long an incident must have lasted to be told after it resolved by itself: one that nobody
// could be told of in time and that was over within a minute is left to the timeline.
const tooShortToTell = time.Minute

// deliver sends one row's newest revision: it marks the row, sends, and writes what came of it. A death in between
// leaves the mark, which is an unknown outcome.
func (d *Desk) deliver(ctx context.Context, row state.Delivery) outcome {
	end := outcome{chat: row.Chat}
	n, ok, err := d.claim(ctx, row)
	if err != nil {
		d.log.Error("outbox failed", "incident", row.Incident, "chat", row.Chat, "error", err)
		return end
	}
	if !ok {
		return end
	}
	sent, cancel := context.WithTimeout(context.WithoutCancel(ctx), deliverTimeout)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(lastWords, cancel) })
	defer stop()
	ref, err := d.notifier.Deliver(sent, n)
	problem := problemOf(err)
	if problem != nil && problem.Problem == leadline.DeliverLater {
		end.hold = problem.After
	}
	written, cancelWrite := context.WithTimeout(context.WithoutCancel(ctx), deliverTimeout)
	defer cancelWrite()
	if err := d.settle(written, n, ref, problem); err != nil {
		d.log.Error("outbox failed", "incident", row.Incident, "chat", row.Chat, "error", err)
	}
	return end
}

// problemOf is nil for nil. A timeout of ours is an unknown outcome, any other foreign error surely not delivered.
func problemOf(err error) *leadline.DeliveryError {
	if err == nil {
		return nil
	}
	if p, ok := errors.AsType[*leadline.DeliveryError](err); ok {
		return p
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return &leadline.DeliveryError{Problem: leadline.DeliverUnknown, Detail: err.Error()}
	}
	return &leadline.DeliveryError{Problem: leadline.DeliverLater, Detail: err.Error()}
}

// claim marks the row as being sent and makes its notice; false where there is nothing to send any more.
func (d *Desk) claim(ctx context.Context, row state.Delivery) (n leadline.Notice, ok bool, err error) {
	err = d.state.Update(ctx, func(tx *state.Tx) error {
		now := time.Now().UTC()
		r, known, err := tx.Delivery(row.Incident, row.Chat)
		if err != nil || !known || r.Dead || r.WantedRevision <= r.SentRevision {
			return err
		}
		i, known, err := tx.Incident(r.Incident)
		if err != nil || !known {
			return err
		}
		if i.State == leadline.IncidentResolved && i.ResolvedBy == "" && r.SentRevision == 0 && !r.Maybe && i.ResolvedAt.Sub(i.OpenedAt) < tooShortToTell {
			r.SentRevision = r.WantedRevision
			if err := tx.AppendLog(entry(now, i.ID, LogNotTold, "chat %d: over after %s, before it could be told", r.Chat, span(i.ResolvedAt.Sub(i.OpenedAt)))); err != nil {
				return err
			}
			return tx.PutDelivery(r)
		}
		r.SendingSince, r.SendingRevision = now, i.Revision
		n = leadline.Notice{Chat: r.Chat, Thread: r.Thread, Ref: r.Ref, Incident: i, Repeat: r.Ref == "" && r.Maybe}
		ok = true
		return tx.PutDelivery(r)
	})
	return n, ok && err == nil, err
}

// lost settles a send whose process died.
func (d *Desk) lost(ctx context.Context, row state.Delivery) error {
	var n leadline.Notice
	err := d.state.View(ctx, func(tx *state.Tx) error {
		i, _, err := tx.Incident(row.Incident)
		i.Revision = row.SendingRevision
		n = leadline.Notice{Chat: row.Chat, Thread: row.Thread, Ref: row.Ref, Incident: i}
		return err
	})
	if err != nil {
		return err
	}
	return d.settle(ctx, n, "", &leadline.DeliveryError{Problem: leadline.DeliverUnknown, Detail: "Leadline ended while it sent"})
}

// settle writes the outcome of a send into its row, the incident and the timeline. The row may have changed meanwhile.
func (d *Desk) settle(ctx context.Context, n leadline.Notice, ref string, problem *leadline.DeliveryError) error {
	return d.state.Update(ctx, func(tx *state.Tx) error {
		r, ok, err := tx.Delivery(n.Incident.ID, n.Chat)
		if err != nil || !ok {
			return err
		}
		r.SendingSince, r.SendingRevision = time.Time{}, 0
		if problem == nil {
			return d.delivered(tx, r, n, ref)
		}
		return d.undelivered(tx, r, n, problem)
	})
}

func (d *Desk) delivered(tx *state.Tx, r state.Delivery, n leadline.Notice, ref string) error {
	now := time.Now().UTC()
	r.SentRevision, r.Attempts, r.NotBefore, r.LastError = n.Incident.Revision, 0, time.Time{}, ""
	if r.Ref == n.Ref { // else it has to ring again meanwhile, in a new message
		r.Ref, r.Maybe = ref, false
	}
	if err := tx.PutDelivery(r); err != nil || n.Ref != "" {
		return err
	}
	i, ok, err := tx.Incident(n.Incident.ID)
	if err != nil || !ok {
		return err
	}
	if i.NotifiedAt.IsZero() {
		i.NotifiedAt = now
		if err := tx.PutIncident(i); err != nil {
			return err
		}
	}
	return tx.AppendLog(entry(now, i.ID, LogDelivered, "chat %d, %s after it opened", n.Chat, span(now.Sub(i.OpenedAt))))
}

func (d *Desk) undelivered(tx *state.Tx, r state.Delivery, n leadline.Notice, p *leadline.DeliveryError) error {
	now := time.Now().UTC()
	r.LastError = p.Error()
	r.Attempts++
	logged := func(format string, args ...any) error {
		return tx.AppendLog(entry(now, n.Incident.ID, LogUndelivered, format, args...))
	}
	var err error
	switch p.Problem {
	case leadline.DeliverLater:
		wait := p.After
		if wait <= 0 {
			wait = backoff(r.Attempts)
		} else {
			r.Attempts-- // the chat is busy, not broken
		}
		r.NotBefore = now.Add(wait)
	case leadline.DeliverUnknown:
		r.NotBefore = now.Add(backoff(r.Attempts))
		if n.Ref != "" { // an edit may be repeated
			break
		}
		if !r.Maybe {
			err = logged("chat %d: it is not known whether the message arrived: %s", n.Chat, p.Detail)
		}
		r.Maybe = true
		if n.Incident.Severity != severityPage { // two messages would be worse than one that comes with the next change
			r.SentRevision = max(r.SentRevision, n.Incident.Revision)
		}
	case leadline.DeliverMoved:
		return d.moved(tx, r, p, now)
	case leadline.DeliverGone:
		return d.gone(tx, r, p.Detail, now)
	case leadline.DeliverBad: // the next revision may be better
		r.SentRevision, r.Attempts = max(r.SentRevision, n.Incident.Revision), 0
		d.log.Error("message refused", "incident", r.Incident, "chat", r.Chat, "error", p.Detail)
		err = logged("chat %d refused the message: %s", n.Chat, p.Detail)
	}
	if err != nil {
		return err
	}
	return tx.PutDelivery(r)
}

// moved follows the chat; the row is due again at once.
func (d *Desk) moved(tx *state.Tx, r state.Delivery, p *leadline.DeliveryError, now time.Time) error {
	r.Attempts, r.NotBefore = 0, time.Time{}
	if err := tx.PutDelivery(r); err != nil {
		return err
	}
	ok, err := tx.MoveChat(r.Chat, p.Chat)
	if err != nil {
		return err
	}
	if !ok {
		return d.gone(tx, r, "it says that it moved in a circle", now)
	}
	d.log.Warn("chat has another id", "chat", r.Chat, "now", p.Chat)
	return tx.AppendLog(entry(now, r.Incident, LogMoved, "chat %d is now %d: write it into the configuration", r.Chat, p.Chat))
}

// gone gives the chat up for this incident. If that was the last one, all other chats are told instead.
func (d *Desk) gone(tx *state.Tx, r state.Delivery, detail string, now time.Time) error {
	d.log.Error("chat cannot be reached", "incident", r.Incident, "chat", r.Chat, "error", detail)
	r.Dead = true
	if err := tx.PutDelivery(r); err != nil {
		return err
	}
	if err := tx.AppendLog(entry(now, r.Incident, LogUndelivered, "chat %d cannot be reached: %s", r.Chat, detail)); err != nil {
		return err
	}
	rows, err := tx.Deliveries(r.Incident)
	if err != nil || slices.ContainsFunc(rows, func(r state.Delivery) bool { return !r.Dead }) {
		return err
	}
	for _, t := range sorted(d.chats) {
		if t.Chat, err = tx.ChatNow(t.Chat); err != nil {
			return err
		}
		if slices.ContainsFunc(rows, func(r state.Delivery) bool { return r.Chat == t.Chat }) {
			continue
		}
		if err := tx.PutDelivery(state.Delivery{Incident: r.Incident, Chat: t.Chat, Thread: t.Thread, WantedRevision: r.WantedRevision}); err != nil {
			return err
		}
	}
	return nil
}
