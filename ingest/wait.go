package ingest

import (
	"context"
	"sync"
	"sync/atomic"
)

// waits tells requests when ClickHouse has their events. It costs nothing while nobody waits.
type waits struct {
	waiting atomic.Int64
	mu      sync.Mutex
	by      map[uint64]*wait // by request
}

type wait struct {
	stored int // events so far
	want   int // -1: not known yet
	done   chan struct{}
}

// begin registers a request before its events are spooled, because they may be stored before Append has returned.
func (w *waits) begin(request uint64) *wait {
	x := &wait{want: -1, done: make(chan struct{})}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.by == nil {
		w.by = map[uint64]*wait{}
	}
	w.by[request] = x
	w.waiting.Add(1)
	return x
}

// end forgets a request.
func (w *waits) end(request uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.by, request)
	w.waiting.Add(-1)
}

// until waits for so many events of a request. It reports false when ctx ends first.
func (w *waits) until(ctx context.Context, x *wait, events int) bool {
	w.mu.Lock()
	x.want = events
	x.look()
	w.mu.Unlock()
	select {
	case <-x.done:
		return true
	case <-ctx.Done():
		return false
	}
}

// stored counts the events of a batch, each by the request that it came with.
func (w *waits) stored(requests []uint64) {
	if w.waiting.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range requests {
		if x := w.by[r]; x != nil {
			x.stored++
			x.look()
		}
	}
}

// look closes done when all that is wanted is stored. waits.mu is held.
func (x *wait) look() {
	if x.want < 0 || x.stored < x.want {
		return
	}
	select {
	case <-x.done:
	default:
		close(x.done)
	}
}
