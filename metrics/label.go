package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// other is the label value of whatever has none of its own.
const other = "other"

// few holds what belongs to the values of a label, made when a value is first seen. Reading takes no lock. Beyond
// max values overflow says which one the others share.
type few[K comparable, V any] struct {
	max      int
	overflow func(K) K
	make     func(K) V

	mu    sync.Mutex
	known atomic.Pointer[map[K]V]
}

func newFew[K comparable, V any](limit int, overflow func(K) K, create func(K) V) *few[K, V] {
	f := &few[K, V]{max: limit, overflow: overflow, make: create}
	f.known.Store(&map[K]V{})
	return f
}

func (f *few[K, V]) of(key K) V {
	if v, ok := (*f.known.Load())[key]; ok {
		return v
	}
	return f.add(key)
}

func (f *few[K, V]) add(key K) V {
	f.mu.Lock()
	defer f.mu.Unlock()
	known := *f.known.Load()
	if _, ok := known[key]; !ok && len(known) >= f.max {
		key = f.overflow(key)
	}
	if v, ok := known[key]; ok {
		return v
	}
	next := maps.Clone(known)
	next[key] = f.make(key)
	f.known.Store(&next)
	return next[key]
}
