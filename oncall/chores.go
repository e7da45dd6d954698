package oncall

import (
	"context"
	"slices"
	"time"

	"leadline"
	"leadline/state"
)

const (
	choreEvery       = 5 * time.Second
	timerStillFiring = "still_firing" // after a resolve by hand
)

// runChores does what is due by the clock until ctx ends.
func (d *Desk) runChores(ctx context.Context) {
	due := map[int64]time.Time{}
	tick := time.NewTicker(choreEvery)
	defer tick.Stop()
	for {
		if err := d.ring(ctx); err != nil && ctx.Err() == nil {
			d.log.Error("timers failed", "error", err)
		}
		if err := d.refresh(ctx, due); err != nil && ctx.Err() == nil {
			d.log.Error("fresh verdicts failed", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// ring does what the timers are for, once their time has come.
func (d *Desk) ring(ctx context.Context) error {
	now := time.Now().UTC()
	var timers []state.Timer
	err := d.state.View(ctx, func(tx *state.Tx) (err error) {
		timers, err = tx.Timers()
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range timers {
		if m.Due.After(now) {
			return nil
		}
		if err := d.state.Update(ctx, func(tx *state.Tx) error { return d.stillFiring(tx, m, now) }); err != nil {
			return err
		}
		d.poke()
	}
	return nil
}

// stillFiring reopens an incident that was resolved by hand and goes on.
func (d *Desk) stillFiring(tx *state.Tx, m state.Timer, now time.Time) error {
	i, ok, err := tx.Incident(m.Incident)
	if err != nil {
		return err
	}
	if err := tx.DeleteTimer(m.Incident, m.Kind); err != nil {
		return err
	}
	e := &episode{Incident: i, known: true, now: now}
	last, _, err := tx.LastIncident(i.Key)
	if err != nil {
		return err
	}
	firing := slices.ContainsFunc(i.Alerts, func(a leadline.Alert) bool { return a.State == leadline.StateFiring })
	if !ok || e.live() || last.ID != i.ID || !firing {
		return nil
	}
	e.reopen(i.Severity, "it still fires "+span(now.Sub(i.ResolvedAt))+" after "+i.ResolvedBy+" resolved it")
	return d.keep(tx, e)
}
