package oncall

import (
	"context"
	"sync"
	"time"

	"leadline/state"
)

const (
	chatsAtOnce    = 8
	deliverTimeout = 30 * time.Second
	lastWords      = 3 * time.Second // for sends under way when Run ends
	stateRetry     = time.Second
)

// outcome is the end of one send, for the dispatcher.
type outcome struct {
	chat int64
	hold time.Duration // the chat asked to wait
}

// runOutbox starts what is due until ctx ends: at most one send a chat at a time, the most urgent first, each at the
// pace that the chat bears. A row is not a message but a wish (this chat, that revision), so however many changes came
// meanwhile, only the newest is sent.
func (d *Desk) runOutbox(ctx context.Context) {
	p := &pacer{chats: map[int64]*chatPace{}}
	busy := map[int64]bool{}
	ended := make(chan outcome, chatsAtOnce) // never blocks: at most so many are under way
	var sends sync.WaitGroup
	defer sends.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		case o := <-ended:
			delete(busy, o.chat)
			if o.hold > 0 {
				p.chat(o.chat).hold = time.Now().Add(o.hold)
			}
		}
		next, err := d.startDue(ctx, p, busy, func(row state.Delivery) {
			sends.Go(func() { ended <- d.deliver(ctx, row) })
		})
		if err != nil && ctx.Err() == nil {
			d.log.Error("outbox failed", "error", err)
			next = time.Now().Add(stateRetry)
		}
		if timer.Stop(); !next.IsZero() {
			timer.Reset(time.Until(next))
		}
	}
}

// startDue starts every send whose time has come and says when to look again, the zero time if nothing waits for the
// clock.
func (d *Desk) startDue(ctx context.Context, p *pacer, busy map[int64]bool, start func(state.Delivery)) (next time.Time, err error) {
	var waiting, sending []state.Delivery
	err = d.state.View(ctx, func(tx *state.Tx) (err error) {
		if sending, err = tx.Sending(); err != nil {
			return err
		}
		waiting, err = tx.Waiting()
		return err
	})
	if err != nil {
		return next, err
	}
	for _, row := range sending {
		if !busy[row.Chat] { // of a process that died, or its end could not be written
			if err := d.lost(ctx, row); err != nil {
				return next, err
			}
			d.poke()
		}
	}
	now := time.Now()
	for _, row := range waiting {
		if busy[row.Chat] || len(busy) == chatsAtOnce || !row.SendingSince.IsZero() {
			continue // looks again when a send ends
		}
		edit := row.Ref != ""
		if at := latest(row.NotBefore, p.ready(row.Chat, edit, now)); at.After(now) {
			if next.IsZero() || at.Before(next) {
				next = at
			}
			continue
		}
		busy[row.Chat] = true
		p.took(row.Chat, edit, now)
		start(row)
	}
	return next, nil
}
