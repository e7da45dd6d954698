package rules

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"leadline"
)

// world is a fake ClickHouse and a fake state store. It answers with the value of every label set, as a plan with the
// measures (m0: v, m1: n) asks for them.
type world struct {
	mu      sync.Mutex
	series  map[string][2]float64 // by campaign; "" is a rule without by
	fail    error
	panics  bool
	block   time.Duration
	queries []leadline.Query
	at      []time.Time

	noApply bool
	kept    map[string]leadline.Instance
	log     []string
	slots   []time.Time
}

func (w *world) Select(ctx context.Context, q leadline.Query) (*leadline.Table, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.queries = append(w.queries, q)
	w.at = append(w.at, time.Now())
	if w.block > 0 {
		block := w.block
		w.mu.Unlock()
		select {
		case <-time.After(block):
		case <-ctx.Done():
		}
		w.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	if w.panics {
		panic("out of cheese")
	}
	if w.fail != nil {
		return nil, w.fail
	}
	t := &leadline.Table{Columns: []string{"m1", "campaign", "m0"}}
	for _, c := range sortedKeys(w.series) {
		v := w.series[c]
		t.Rows = append(t.Rows, []any{v[1], c, v[0]})
	}
	return t, nil
}

func (w *world) Apply(_ context.Context, e leadline.Evaluation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.noApply {
		return errors.New("disk full")
	}
	w.slots = append(w.slots, e.Slot)
	if w.kept == nil {
		w.kept = map[string]leadline.Instance{}
	}
	for _, i := range e.Instances {
		w.kept[i.Rule+"/"+i.Labels.Key()] = i
	}
	for _, i := range e.Gone {
		delete(w.kept, i.Rule+"/"+i.Labels.Key())
	}
	for _, t := range e.Transitions {
		line := fmt.Sprintf("%s %s %s %s", t.Change, t.Rule, t.Labels["campaign"], t.Severity)
		if s := t.Annotations["summary"]; s != "" {
			line += ": " + s
		}
		if t.Change == leadline.ChangeError || t.Change == leadline.ChangeResolved {
			line += " (" + t.Detail + ")"
		}
		w.log = append(w.log, line)
	}
	return nil
}

func (w *world) Instances(context.Context, string) ([]leadline.Instance, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []leadline.Instance
	for _, k := range sortedKeys(w.kept) {
		out = append(out, w.kept[k])
	}
	return out, nil
}

func (w *world) set(series map[string][2]float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.series = series
}

func (w *world) do(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// take returns what was told since the last time.
func (w *world) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := w.log
	w.log = nil
	return out
}
