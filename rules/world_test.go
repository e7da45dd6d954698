package rules

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// fetch is one look at the world: when, and at the time before end.
type fetch struct {
	at, end time.Time
	asks    []*measure.Ask
}

// world is a fake ClickHouse and a fake state store. It has two values for every label set, which are a rule's measures.
type world struct {
	mu      sync.Mutex
	series  map[string][2]float64 // by campaign; "" is a rule without by
	fail    error
	panics  bool
	dies    bool // Fetch panics
	block   time.Duration
	fetches []fetch

	noApply bool
	slow    time.Duration                 // of Apply for the groups of people
	known   map[string]leadline.GroupSlot // by group
	self    []string                      // what the built-in group told
	kept    map[string]leadline.Instance
	log     []string
	slots   []time.Time
}

// Fetch implements Asker.
func (w *world) Fetch(ctx context.Context, asks []*measure.Ask, end time.Time) measure.Answers {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.dies {
		panic("out of memory for cheese")
	}
	w.fetches = append(w.fetches, fetch{time.Now(), end, asks})
	if w.block > 0 {
		block := w.block
		w.mu.Unlock()
		select {
		case <-time.After(block):
		case <-ctx.Done():
		}
		w.mu.Lock()
		if ctx.Err() != nil {
			return given{err: ctx.Err()}
		}
	}
	return given{maps.Clone(w.series), w.fail, w.panics}
}

// given is what a world says at one moment.
type given struct {
	series map[string][2]float64
	err    error
	panics bool
}

// Rows implements measure.Answers.
func (x given) Rows(a *measure.Ask) (rows []measure.Row, err error) {
	if x.panics {
		panic("out of cheese")
	}
	if x.err != nil {
		return nil, x.err
	}
	for _, c := range sortedKeys(x.series) {
		labels := leadline.Labels{}
		for _, b := range a.By {
			labels[b] = c
		}
		v := x.series[c]
		rows = append(rows, measure.Row{Labels: labels, Key: labels.Key(), Values: v[:len(a.Measures)]})
	}
	return rows, nil
}

// sinkBlocks makes every Apply of people's groups take so long.
func (w *world) sinkBlocks(d time.Duration) { w.do(func() { w.slow = d }) }

func (w *world) Apply(_ context.Context, e leadline.Evaluation) error {
	w.mu.Lock()
	if slow := w.slow; slow > 0 && e.Group != leadline.SelfGroup {
		w.mu.Unlock()
		time.Sleep(slow)
		w.mu.Lock()
	}
	defer w.mu.Unlock()
	if w.noApply {
		return errors.New("disk full")
	}
	if e.Group == leadline.SelfGroup {
		for _, t := range e.Transitions {
			w.self = append(w.self, fmt.Sprintf("%s %s %s: %s", t.Change, t.Rule, t.Severity, t.Annotations["summary"]))
		}
		return nil
	}
	w.slots = append(w.slots, e.Slot)
	if w.kept == nil {
		w.kept, w.known = map[string]leadline.Instance{}, map[string]leadline.GroupSlot{}
	}
	w.known[e.Group] = leadline.GroupSlot{Group: e.Group, Slot: e.Slot, Spec: e.Spec}
	if e.Dissolved {
		delete(w.known, e.Group)
	}
	id := func(i leadline.Instance) string {
		if i.Group == "g" {
			return i.Rule + "/" + i.Labels.Key()
		}
		return i.Group + "/" + i.Rule + "/" + i.Labels.Key()
	}
	for _, i := range e.Instances {
		w.kept[id(i)] = i
	}
	for _, i := range e.Gone {
		delete(w.kept, id(i))
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

func (w *world) Instances(_ context.Context, group string) ([]leadline.Instance, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []leadline.Instance
	for _, k := range sortedKeys(w.kept) {
		if w.kept[k].Group == group {
			out = append(out, w.kept[k])
		}
	}
	return out, nil
}

func (w *world) Slots(context.Context) ([]leadline.GroupSlot, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Collect(maps.Values(w.known)), nil
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
