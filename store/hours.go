package store

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/ClickHouse/ch-go/proto"

	"leadline/sql"
)

const (
	// hourRests is how long an hour has to be over before it is summed up: a try to write a batch is given up after a minute,
	// and what it has written counts in the minute in which it began.
	hourRests  = 2 * time.Minute
	sumTimeout = 2 * time.Minute // of one SumHours
)

// hours is how far latency_1h is complete.
type hours struct {
	mu    sync.Mutex
	until time.Time // zero: not known
}

// SumHours sums the hours of latency_1m that latency_1h lacks and that have been over for two minutes, the oldest first. It
// returns the hour before which latency_1h is complete, zero while that is not known, which it is after the first call
// without an error. While there is nothing to do it asks nothing of ClickHouse. An hour comes into latency_1h once, however
// often a call is interrupted and whatever is killed in it: its rows go in as a batch's do (put), day by day.
//
// Batches used to write their rows of latency_1h themselves. There are as many by hour as by minute, mostly, so that was half
// of what the rollups cost, 0.65 µs of ClickHouse's CPU for an event at 80,000 a second.
func (d *DB) SumHours(ctx context.Context, now time.Time) (until time.Time, err error) {
	h := &d.hours
	h.mu.Lock()
	defer h.mu.Unlock()
	due := now.Add(-hourRests).UTC().Truncate(time.Hour)
	if !h.until.IsZero() && !due.After(h.until) {
		return h.until, nil
	}
	ctx, cancel := context.WithTimeout(ctx, sumTimeout)
	defer cancel()
	err = d.with(ctx, func(ctx context.Context, w *writer) error { return w.sumHours(ctx, d, h.until, due, now) })
	if err != nil {
		return h.until, fmt.Errorf("sum up hours for latency_1h: %w", err)
	}
	h.until = due
	return due, nil
}

func (w *writer) sumHours(ctx context.Context, d *DB, from, to, now time.Time) error {
	if err := w.quietSince(ctx, now.Sub(to)); err != nil {
		return err
	}
	since := int64(0)
	if !from.IsZero() {
		since = from.Unix()
	}
	type part struct {
		hour uint32
		day  uint16
	}
	var due []part
	var hour proto.ColUInt32
	var day proto.ColUInt16
	err := w.askWith(ctx, sql.Query("hours_due"), map[string]any{"since": since, "before": to.Unix()},
		proto.Results{{Name: "hour", Data: &hour}, {Name: "day", Data: &day}},
		func() {
			for i := range hour {
				due = append(due, part{hour[i], day[i]})
			}
		})
	if err != nil {
		return err
	}
	for _, p := range due {
		if err := w.sumHour(ctx, d, p.hour, p.day); err != nil {
			return fmt.Errorf("hour %s: %w", time.Unix(int64(p.hour), 0).UTC().Format("2006-01-02 15:04"), err)
		}
	}
	return nil
}

// quietSince holds that no insert into latency_1m has been at work for that long: it could still add minutes to an hour that
// ended since.
func (w *writer) quietSince(ctx context.Context, age time.Duration) error {
	running, err := w.inserting(ctx, fmt.Sprintf("Settings['log_comment'] = %s AND elapsed >= %f", literal(comment("latency_1m")), age.Seconds()))
	if err != nil {
		return err
	}
	if running > 0 {
		return fmt.Errorf("%d inserts into latency_1m that began %v ago or before are still at work", running, age.Round(time.Second))
	}
	return nil
}

// sumHour brings one hour's rows of one day of received_at into latency_1h.
func (w *writer) sumHour(ctx context.Context, d *DB, hour uint32, day uint16) error {
	r := newRollup("hour")
	var stage, partner, campaign proto.ColStr
	var events, failed, wait, duration, counts proto.ColUInt64
	var buckets proto.ColUInt16
	shapes := proto.NewArray(&buckets)
	err := w.askWith(ctx, sql.Query("hour_sums"), map[string]any{"hour": hour, "day": day},
		proto.Results{
			{Name: "stage", Data: &stage},
			{Name: "partner", Data: &partner},
			{Name: "campaign", Data: &campaign},
			{Name: "n", Data: &events},
			{Name: "bad", Data: &failed},
			{Name: "wait", Data: &wait},
			{Name: "duration", Data: &duration},
			{Name: "buckets", Data: shapes},
			{Name: "counts", Data: proto.NewArray(&counts)},
		},
		func() {
			for i := range events {
				r.time.Append(hour)
				r.day.Append(day)
				r.stage.add(stage.Row(i))
				r.partner.add(partner.Row(i))
				r.campaign.add(campaign.Row(i))
			}
			r.events = append(r.events, events...)
			r.failed = append(r.failed, failed...)
			r.wait = append(r.wait, wait...)
			r.duration = append(r.duration, duration...)
			r.histogram.addColumn(shapes.Offsets, buckets, counts)
		})
	if err != nil {
		return err
	}
	return w.put(ctx, d, fmt.Sprintf("hours/%d/%d", hour, day), &share{
		table: "latency_1h", rows: r.input,
		days: func() []uint32 { return []uint32{uint32(day)} },
		only: func(func(uint32) bool) proto.Input { return r.input },
		absent: func(ctx context.Context, _ uint32) (bool, error) {
			var n proto.ColUInt64
			err := w.ask(ctx, fmt.Sprintf("SELECT count() AS n FROM latency_1h WHERE hour = toDateTime(%d, 'UTC') AND day = toDate(%d)", hour, day),
				proto.Results{{Name: "n", Data: &n}}, func() {})
			return err == nil && n.Row(0) == 0, err
		},
	})
}
