package app

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"leadline/rules/measure"
)

// hours sums the hourly rollup up and tells the rules how far they may look.
type hours struct {
	sum   func(ctx context.Context, now time.Time) (until time.Time, err error)
	log   *slog.Logger
	until atomic.Int64 // Unix seconds: every hour before is in the rollup
	why   string       // the newest error that was logged
}

const sumEvery = 5 * time.Second

// newHours takes it that nothing is missing until the first look, at once.
func newHours(sum func(context.Context, time.Time) (time.Time, error), log *slog.Logger) *hours {
	h := &hours{sum: sum, log: log}
	h.until.Store(time.Now().Add(-time.Hour - measure.Settle).Unix())
	return h
}

// Run sums until ctx ends.
func (h *hours) Run(ctx context.Context) error {
	tick := time.NewTicker(sumEvery)
	defer tick.Stop()
	for {
		h.look(ctx, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (h *hours) look(ctx context.Context, now time.Time) {
	until, err := h.sum(ctx, now)
	if !until.IsZero() {
		h.until.Store(until.Unix())
	}
	if ctx.Err() != nil {
		return // a sum that was cut off by the stop says nothing of ClickHouse
	}
	why := ""
	if err != nil {
		why = err.Error()
	}
	switch {
	case why == h.why:
	case why != "":
		h.log.Warn("hours cannot be summed up, trying again: rules wait for it", "error", err)
	default:
		h.log.Info("hours are summed up again")
	}
	h.why = why
}

// Watermark is the intake's, as long as rules do not reach hours yet that are not summed up: they read an hour that has been
// over for measure.Settle.
func (h *hours) Watermark(intake time.Time) time.Time {
	reach := time.Unix(h.until.Load(), 0).Add(time.Hour + measure.Settle - 1)
	if reach.Before(intake) {
		return reach
	}
	return intake
}
