package store

import (
	"context"
	"fmt"
	"time"

	"leadline"
)

// block is a batch as ClickHouse takes it: column by column.
type block struct {
	db       *DB
	token    string
	events   *events
	rejected []leadline.Rejected
}

// Block makes an empty block, which lasts from batch to batch.
func (d *DB) Block() leadline.Block { return &block{db: d, events: newEvents(d.opt.Host)} }

// Begin is part of leadline.Block.
func (b *block) Begin(token string) {
	b.token = token
	b.events.input.Reset()
	clear(b.rejected)
	b.rejected = b.rejected[:0]
}

// Add is part of leadline.Block.
func (b *block) Add(events []leadline.Event) {
	for i := range events {
		b.events.add(&events[i])
	}
}

// Reject is part of leadline.Block.
func (b *block) Reject(item leadline.Rejected) { b.rejected = append(b.rejected, item) }

// Leave is part of leadline.Block.
func (b *block) Leave(after func(i int) time.Duration) { b.events.leave(after) }

// Write stores the batch: its events in events, what their stages took in latency_1m, its rejected items in rejected, each as
// one ClickHouse block under a token of its own. When it returns nil ClickHouse has all of it.
//
// After an error the batch may be stored, in part or not at all: call Write again with the same token and the same
// records until it returns nil, and there is one copy of each, also when the records' timings, countries and outcomes
// have changed in between. (The first copy stays: a rollup may then count an event under the minute of one try while
// its row has the stored_at of another, but never twice.) ClickHouse remembers the last 10,000 tokens of a table.
// Permanent tells the errors for which calling again is no use.
//
// Tables that are not replicated want one Leadline, which begins a batch when the one before is stored (put, minutesAbsent).
// The ClickHouse user needs the right SELECT ON system.processes.
func (b *block) Write(ctx context.Context) error {
	if b.token == "" {
		panic("BUG: a batch without a token would be stored again by a retry")
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if err := b.db.with(ctx, func(ctx context.Context, w *writer) error { return w.write(ctx, b.db, b) }); err != nil {
		return fmt.Errorf("write %d events and %d rejected to ClickHouse: %w", b.events.rows(), len(b.rejected), err)
	}
	return nil
}
