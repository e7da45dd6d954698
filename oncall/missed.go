package oncall

import (
	"context"
	"time"

	"leadline"
	"leadline/state"
)

// maxMissed bounds the lines of one look back.
const maxMissed = 100

// Missed writes into the timeline what rules would have said at slots that nobody evaluated. It belongs to no incident and
// tells nobody.
func (d *Desk) Missed(ctx context.Context, missed []leadline.Transition) error {
	now := time.Now().UTC()
	return d.state.Update(ctx, func(tx *state.Tx) error {
		for n, t := range missed {
			if n == maxMissed {
				return tx.AppendLog(entry(now, 0, LogMissed, "%d more", len(missed)-n))
			}
			err := tx.AppendLog(entry(now, 0, LogMissed, "%s %s/%s{%s} %s", t.Slot.UTC().Format(time.RFC3339), t.Group, t.Rule, t.Labels.Key(), t.Change))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
