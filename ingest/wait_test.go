package ingest

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaits(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var w waits
		w.stored([]uint64{7, 7}) // nobody waits
		x := w.begin(7)
		w.stored([]uint64{7, 8}) // one is stored before Append has returned
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		got := make(chan bool)
		go func() { got <- w.until(ctx, x, 3) }()
		synctest.Wait()
		w.stored([]uint64{7})
		synctest.Wait()
		select {
		case <-got:
			t.Fatal("it returned with two of three stored")
		default:
		}
		w.stored([]uint64{7, 0, 9})
		if !<-got {
			t.Error("all are stored, and it says that they are not")
		}
		w.end(7)
		if y := w.begin(8); w.until(ctx, y, 1) {
			t.Error("nothing is stored, and it says that it is")
		}
		w.end(8)
		if len(w.by) != 0 || w.waiting.Load() != 0 {
			t.Errorf("%d requests are remembered", len(w.by))
		}
	})
}
