package oncall

import (
	"context"
	"errors"
	"fmt"
	"time"

	"leadline"
	"leadline/state"
)

// ErrNoIncident says that an incident of that number does not exist.
var ErrNoIncident = errors.New("no such incident")

// Actor is who does something, and through which door.
type Actor struct {
	Name    string
	Channel string // telegram or api
}

// Press answers a button: it authorises the person and the chat and does what the button says, in the incident's
// present state whatever the message still shows. The answer is for the person who pressed; alert asks for a box that
// has to be closed, because nothing was done.
func (d *Desk) Press(ctx context.Context, p leadline.Press) (answer string, alert bool) {
	who := leadline.Person{}
	for _, person := range d.people {
		if person.TelegramID != 0 && person.TelegramID == p.From {
			who = person
		}
	}
	if who.Name == "" {
		d.log.Warn("button of a stranger refused", "telegram_user", p.From, "incident", p.Incident)
		return "Your Telegram account is not linked to anybody who may do this. Ask for it to be added under people.", true
	}
	var told bool
	err := d.state.View(ctx, func(tx *state.Tx) (err error) {
		_, told, err = tx.Delivery(p.Incident, p.Chat)
		return err
	})
	if err == nil && !told {
		d.log.Warn("button of a foreign chat refused", "chat", p.Chat, "person", who.Name, "incident", p.Incident)
		return "This chat is not told of that incident, so it can't be handled here.", true
	}
	done := false
	if err == nil {
		answer, done, err = d.Act(ctx, Actor{who.Name, channelTelegram}, p.Incident, p.Action)
	}
	if err != nil {
		d.log.Error("button failed", "person", who.Name, "incident", p.Incident, "action", string(p.Action), "error", err)
		return "Leadline could not do that. Please press again in a moment.", true
	}
	return answer, !done
}

// Act does what somebody who may do it asks of an incident and says in a sentence what came of it. It is not done where
// the incident is in that state already.
func (d *Desk) Act(ctx context.Context, who Actor, incident int64, action leadline.Action) (answer string, done bool, err error) {
	err = d.state.Update(ctx, func(tx *state.Tx) error {
		i, ok, err := tx.Incident(incident)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("INC-%d: %w", incident, ErrNoIncident)
		}
		e := &episode{Incident: i, known: true, now: time.Now().UTC()}
		answer, done = e.act(who.Name, action)
		for n := range e.log {
			e.log[n].Actor, e.log[n].Channel = who.Name, who.Channel
		}
		if err := d.keep(tx, e); err != nil || !done || action != leadline.ActionResolve || e.calm() {
			return err
		}
		return tx.PutTimer(state.Timer{Incident: incident, Kind: timerStillFiring, Due: e.now.Add(reopenWithin)})
	})
	if err != nil {
		return "", false, err
	}
	d.poke()
	return answer, done, nil
}

func (e *episode) act(who string, action leadline.Action) (answer string, done bool) {
	switch {
	case e.State == leadline.IncidentResolved && e.ResolvedBy == "":
		return "It is over already: resolved by itself " + span(e.now.Sub(e.ResolvedAt)) + " ago.", false
	case e.State == leadline.IncidentResolved:
		return "Already resolved by " + whom(e.ResolvedBy, who) + ".", false
	case action == leadline.ActionAck && e.State == leadline.IncidentAcked:
		return "Already acked by " + whom(e.AckedBy, who) + ".", false
	case action == leadline.ActionAck:
		e.State, e.AckedAt, e.AckedBy, e.changed = leadline.IncidentAcked, e.now, who, true
		e.note(LogAcked, "%s after it opened", span(e.now.Sub(e.OpenedAt)))
		return "Acked by you after " + span(e.now.Sub(e.OpenedAt)) + ".", true
	case action == leadline.ActionResolve:
		e.resolve(who)
		e.note(LogResolved, "by hand, %s after it began", span(e.now.Sub(e.StartedAt)))
		if !e.calm() {
			return "Resolved. It still fires: if it does so in " + span(reopenWithin) + ", it opens again.", true
		}
		return "Resolved.", true
	default:
		return fmt.Sprintf("Leadline does not know the action %q.", action), false
	}
}

func whom(name, you string) string {
	if name == you {
		return "you"
	}
	return name
}
