package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestRequestsOfASecondShareADeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var d deadlines
		begin := time.Now()
		f := func(at time.Duration) context.Context {
			t.Helper()
			time.Sleep(time.Until(begin.Add(at)))
			ctx := d.next(t.Context(), time.Now())
			ends, ok := ctx.Deadline()
			if left := time.Until(ends); !ok || left < submitTimeout || left > submitTimeout+deadlineShared {
				t.Errorf("after %v a request has %v", at, left)
			}
			return ctx
		}
		first := f(0)
		if f(999*time.Millisecond) != first {
			t.Error("two requests of a second have contexts of their own")
		}
		if f(time.Second) == first {
			t.Error("a request a second later has the same context")
		}
		time.Sleep(submitTimeout)
		synctest.Wait()
		if first.Err() != context.DeadlineExceeded {
			t.Errorf("%v after its time", first.Err())
		}
	})
}

func TestDeadlineAllocatesNothing(t *testing.T) {
	var d deadlines
	ctx, now := t.Context(), time.Now()
	if n := testing.AllocsPerRun(100, func() { d.next(ctx, now) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
