package oncall

import (
	"context"
	"maps"
	"math"
	"slices"
	"time"

	"leadline"
	"leadline/state"
)

// Apply records one evaluation as a whole or not at all: instances, incidents, their timeline and who is to be told.
// It asks for the verdict on incidents that open before it writes, for at most explainTimeout.
func (d *Desk) Apply(ctx context.Context, ev leadline.Evaluation) error {
	verdicts, err := d.firstVerdicts(ctx, ev)
	if err != nil {
		return err
	}
	now := time.Now().UTC()
	err = d.state.Update(ctx, func(tx *state.Tx) error {
		for _, i := range ev.Instances {
			i.Values = finite(i.Values)
			if err := tx.PutInstance(i); err != nil {
				return err
			}
		}
		for _, i := range ev.Gone {
			if err := tx.DeleteInstance(i); err != nil {
				return err
			}
		}
		if err := keepSlot(tx, ev); err != nil {
			return err
		}
		return d.applyTransitions(tx, ev, verdicts, now)
	})
	if err != nil {
		return err
	}
	d.poke()
	return nil
}

func keepSlot(tx *state.Tx, ev leadline.Evaluation) error {
	if ev.Dissolved {
		return tx.DeleteSlot(ev.Group)
	}
	return tx.PutSlot(leadline.GroupSlot{Group: ev.Group, Slot: ev.Slot, Spec: ev.Spec})
}

// applyTransitions brings every incident of the evaluation from its old to its new state, each with at most one new
// revision.
func (d *Desk) applyTransitions(tx *state.Tx, ev leadline.Evaluation, verdicts map[string]*leadline.Verdict, now time.Time) error {
	cases := map[string]*episode{}
	get := func(key string) (*episode, error) {
		if e := cases[key]; e != nil {
			return e, nil
		}
		last, known, err := tx.LastIncident(key)
		if err != nil {
			return nil, err
		}
		e := &episode{Incident: last, known: known, now: now, verdict: verdicts[key]}
		cases[key] = e
		return e, nil
	}
	for _, t := range ordered(ev) {
		e, err := get(incidentKey(t.Group, t.Rule))
		if err != nil {
			return err
		}
		e.apply(t)
	}
	for _, i := range ev.Instances {
		if i.State != leadline.StateFiring {
			continue
		}
		e, err := get(incidentKey(i.Group, i.Rule))
		if err != nil {
			return err
		}
		e.see(i)
	}
	for _, key := range slices.Sorted(maps.Keys(cases)) {
		if err := d.keep(tx, cases[key]); err != nil {
			return err
		}
	}
	return nil
}

func incidentKey(group, rule string) string { return group + "/" + rule }

// ordered puts what opens before what closes, so that an incident that goes on in another series does not resolve and
// reopen, adds a resolution for instances that went without one, and says of data that came back what it says now.
func ordered(ev leadline.Evaluation) []leadline.Transition {
	states := map[string]leadline.State{}
	id := func(group, rule string, l leadline.Labels) string { return incidentKey(group, rule) + "\x00" + l.Key() }
	for _, i := range ev.Instances {
		states[id(i.Group, i.Rule, i.Labels)] = i.State
	}
	all := slices.Clone(ev.Transitions)
	for i := range all {
		t := &all[i]
		t.Values = finite(t.Values)
		if s, ok := states[id(t.Group, t.Rule, t.Labels)]; ok && t.Change == leadline.ChangeDataBack && s != leadline.StateFiring {
			t.Change, t.Detail = leadline.ChangeResolved, "the data came back and is fine"
		}
	}
	for _, i := range ev.Gone {
		all = append(all, leadline.Transition{Change: leadline.ChangeResolved, Group: i.Group, Rule: i.Rule, Labels: i.Labels, Slot: ev.Slot, Detail: "it is not watched any more"})
	}
	order := []leadline.Change{leadline.ChangeFiring, leadline.ChangeLevel, leadline.ChangeDataBack, leadline.ChangeNoData, leadline.ChangeError, leadline.ChangeResolved}
	slices.SortStableFunc(all, func(a, b leadline.Transition) int {
		return slices.Index(order, a.Change) - slices.Index(order, b.Change)
	})
	return all
}

// keep writes what became of an incident and asks for its messages.
func (d *Desk) keep(tx *state.Tx, e *episode) error {
	i := &e.Incident
	if e.changed {
		i.Revision++
	}
	if e.opens {
		i.OnCall = d.onCall(i.Labels, e.now)
	}
	switch {
	case e.changed && !e.known:
		if err := tx.AddIncident(i); err != nil {
			return err
		}
	case e.changed || e.touched:
		if err := tx.PutIncident(*i); err != nil {
			return err
		}
	}
	for _, l := range e.log {
		if l.Incident = i.ID; e.loose(l.Kind) {
			l.Incident = 0
		}
		if err := tx.AppendLog(l); err != nil {
			return err
		}
	}
	if e.known && (e.live() || e.calm()) {
		if err := tx.DeleteTimer(i.ID, timerStillFiring); err != nil {
			return err
		}
	}
	if !e.changed {
		return nil
	}
	return d.tell(tx, *i, e.rings)
}

// tell asks for the incident's revision in its chats. Where it rings, each of them gets a new message.
func (d *Desk) tell(tx *state.Tx, i leadline.Incident, rings bool) error {
	if !rings {
		return tx.Want(i.ID, i.Revision)
	}
	targets, err := d.chats.Route(i.Labels)
	if err != nil {
		targets = []Target{{}} // a notifier that only logs shows it, any other makes it an undelivered line
	}
	for _, t := range targets {
		if t.Chat, err = tx.ChatNow(t.Chat); err != nil {
			return err
		}
		row, ok, err := tx.Delivery(i.ID, t.Chat)
		if err != nil {
			return err
		}
		if !ok {
			row = state.Delivery{Incident: i.ID, Chat: t.Chat, Thread: t.Thread}
		}
		if err := tx.PutDelivery(row); err != nil {
			return err
		}
	}
	rows, err := tx.Deliveries(i.ID)
	if err != nil {
		return err
	}
	for _, row := range rows {
		// Maybe stays: a message that perhaps arrived is in the chat still, so the end has to be told.
		row.Ref, row.Dead, row.Attempts, row.NotBefore = "", false, 0, time.Time{}
		row.WantedRevision = i.Revision
		if err := tx.PutDelivery(row); err != nil {
			return err
		}
	}
	return nil
}

// finite leaves out what JSON cannot hold.
func finite(values map[string]float64) map[string]float64 {
	for _, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out := maps.Clone(values)
			maps.DeleteFunc(out, func(_ string, v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) })
			return out
		}
	}
	return values
}
