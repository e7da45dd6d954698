package engine

import (
	"context"
	"sync"
	"time"
)

// The parts that the tests of behaviour look behind the guard with.

// AppendHello appends a client's hello.
var AppendHello = appendHello

// Limits are the guard's.
type Limits struct{ Hello, Stalled time.Duration }

// StartLimited is Start with other limits.
func StartLimited(ctx context.Context, o Options, l Limits) (*Engine, error) {
	limits := usualLimits
	limits.hello, limits.stalled = l.Hello, l.Stalled
	return start(ctx, o, limits, freePorts)
}

// StartOn is Start with these ports for its first child, and free ones for those after it.
func StartOn(ctx context.Context, o Options, first [2]int) (*Engine, error) {
	var once sync.Once
	return start(ctx, o, usualLimits, func() (ports [2]int, err error) {
		once.Do(func() { ports = first })
		if ports != ([2]int{}) {
			return ports, nil
		}
		return freePorts()
	})
}

// MaxSessions is how many clients a guard admits.
var MaxSessions = usualLimits.sessions

// Private returns the addresses behind the guards.
func (e *Engine) Private() (native, http string) {
	return *e.native.target.Load(), *e.http.target.Load()
}

// Sessions counts the clients of both guards.
func (e *Engine) Sessions() int {
	n := 0
	for _, g := range []*guard{e.native, e.http} {
		g.mu.Lock()
		n += len(g.clients)
		g.mu.Unlock()
	}
	return n
}

// Dying is closed when the present child reports a fatal error.
func (e *Engine) Dying() <-chan struct{} { return e.current.Load().output.fatal }
