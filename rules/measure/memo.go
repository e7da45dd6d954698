package measure

import (
	"context"
	"errors"
	"sync"
)

// memo remembers what was read last. What several want at once is read once.
type memo[K comparable, V any] struct {
	mu    sync.Mutex
	known map[K]*reply[V]
	order []K // oldest first
	most  int // replies that are kept
}

type reply[V any] struct {
	done  chan struct{} // closed once the rest is there
	value V
	err   error
}

// get reads a value unless it is known. Of an error only those hear who waited for the same reading; where it is that
// reader's own end, the others read themselves.
func (m *memo[K, V]) get(ctx context.Context, key K, read func() (V, error)) (V, error) {
	for {
		r, mine := m.reply(key)
		if mine {
			m.fill(key, r, read)
			return r.value, r.err
		}
		select {
		case <-r.done:
		case <-ctx.Done():
			return r.value, context.Cause(ctx)
		}
		if r.err == nil || !errors.Is(r.err, context.Canceled) && !errors.Is(r.err, context.DeadlineExceeded) || ctx.Err() != nil {
			return r.value, r.err
		}
	}
}

// fill reads. Those who wait hear of a panic, too.
func (m *memo[K, V]) fill(key K, r *reply[V], read func() (V, error)) {
	r.err = errors.New("BUG: a reading panicked")
	defer func() {
		if r.err != nil {
			m.forget(key, r)
		}
		close(r.done)
	}()
	r.value, r.err = read()
}

// reply is what is known of a key, or a place for what the caller reads.
func (m *memo[K, V]) reply(key K) (r *reply[V], mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if r, ok := m.known[key]; ok {
		return r, false
	}
	if m.known == nil {
		m.known = map[K]*reply[V]{}
	}
	r = &reply[V]{done: make(chan struct{})}
	m.known[key] = r
	m.order = append(m.order, key)
	m.trim()
	return r, true
}

// keep sets how many replies are remembered.
func (m *memo[K, V]) keep(most int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.most = most
	m.trim()
}

func (m *memo[K, V]) trim() {
	for len(m.order) > max(m.most, 1) {
		delete(m.known, m.order[0])
		m.order = m.order[1:]
	}
}

func (m *memo[K, V]) forget(key K, r *reply[V]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known[key] != r {
		return
	}
	delete(m.known, key)
	for i, k := range m.order {
		if k == key {
			m.order = append(m.order[:i:i], m.order[i+1:]...)
			return
		}
	}
}
