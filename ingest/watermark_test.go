package ingest

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"leadline"
)

var errAway = errors.New("connection refused")

// Whatever fails between the pipeline and the table: no event turns up there whose stored_at is before a watermark that
// was read earlier.
func TestNothingIsStoredBeforeTheWatermark(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var marks []time.Time // read while the batch was under way, tables without it
	tries := 0
	m := &memory{}
	var p *Pipeline
	m.fail = func(b *leadline.Batch) error {
		mu.Lock()
		defer mu.Unlock()
		mark := p.Watermark()
		for i := range b.Events {
			if stored := b.Events[i].ReceivedAt.Add(b.Events[i].Elapsed()); !stored.After(mark) {
				t.Errorf("an event of %v is not stored yet, the watermark is %v", stored, mark)
			}
		}
		marks = append(marks, mark)
		if tries++; tries%3 != 0 {
			return errAway
		}
		return nil
	}
	p = start(t, func(o *Options) { o.Writer = m })
	defer running(t, p)()
	load(t, p, "w", 600)
	await(t, "all events", func() bool { return p.Stats().Fill == 0 && p.Stats().Stored >= 600 })
	await(t, "a watermark of now", func() bool { return time.Since(p.Watermark()) < time.Second && p.underway.Load() == 0 })
	mu.Lock()
	defer mu.Unlock()
	if len(marks) < 3 || !marks[0].Equal(marks[1]) {
		t.Errorf("watermarks %v: it stands still while a batch is tried again", marks)
	}
}

// A batch that ClickHouse refuses for good does not hold up the rules.
func TestARefusedBatchDoesNotHoldTheWatermark(t *testing.T) {
	t.Parallel()
	refusal := errors.New("no such column")
	m := &memory{fail: func(b *leadline.Batch) error {
		for i := range b.Events {
			if strings.HasPrefix(b.Events[i].ID, "poison") {
				return refusal
			}
		}
		return nil
	}}
	p := start(t, func(o *Options) {
		o.Writer, o.Permanent = m, func(err error) bool { return errors.Is(err, refusal) }
	})
	defer running(t, p)()
	load(t, p, "poison", 10)
	await(t, "a batch aside", func() bool { return p.Stats().Aside == 1 })
	await(t, "a watermark of now", func() bool { return time.Since(p.Watermark()) < time.Second })
}
