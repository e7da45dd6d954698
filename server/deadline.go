package server

import (
	"context"
	"sync/atomic"
	"time"
)

// deadlines gives out contexts for requests. Those of one second share one: a context of its own was 0.5 KB, a third of
// what a request allocated, and how often memory is collected is what the slowest answers of a second hang on.
type deadlines struct{ current atomic.Pointer[deadline] }

type deadline struct {
	context.Context
	cancel context.CancelFunc // nobody's: it ends by itself
	until  time.Time          // is given out
}

const deadlineShared = time.Second

// next is a context that ends submitTimeout from now, or up to a second later. It has the values of a request of that second.
func (d *deadlines) next(ctx context.Context, now time.Time) context.Context {
	if s := d.current.Load(); s != nil && now.Before(s.until) {
		return s
	}
	s := &deadline{until: now.Add(deadlineShared)}
	s.Context, s.cancel = context.WithDeadline(context.WithoutCancel(ctx), s.until.Add(submitTimeout))
	d.current.Store(s) // where several come at once, the others' serve one request each
	return s
}
