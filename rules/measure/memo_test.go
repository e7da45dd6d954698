package measure

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestMemoWaitersOutliveAReader lets the reader of a value run out of time while others, who have more, wait for it.
func TestMemoWaitersOutliveAReader(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var m memo[string, int]
		m.keep(2)
		reads := 0
		read := func(ctx context.Context) func() (int, error) {
			return func() (int, error) {
				reads++
				select {
				case <-time.After(3 * time.Second):
					return 7, nil
				case <-ctx.Done():
					return 0, ctx.Err()
				}
			}
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		results := make(chan int, 2)
		go func() {
			if _, err := m.get(short, "a", read(short)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("the first reader got %v", err)
			}
		}()
		synctest.Wait()
		for range 2 {
			go func() {
				v, err := m.get(t.Context(), "a", read(t.Context()))
				if err != nil {
					t.Error(err)
				}
				results <- v
			}()
		}
		gone, leave := context.WithTimeout(t.Context(), time.Millisecond)
		defer leave()
		if _, err := m.get(gone, "a", read(gone)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who could not wait got %v", err)
		}
		if a, b := <-results, <-results; a != 7 || b != 7 || reads != 2 {
			t.Errorf("%d and %d after %d reads, want 7 and 7 after 2", a, b, reads)
		}
	})
}

func TestMemoForgets(t *testing.T) {
	t.Parallel()
	var m memo[string, int]
	m.keep(2)
	reads := 0
	get := func(key string, want int, fail error) {
		t.Helper()
		_, err := m.get(t.Context(), key, func() (int, error) {
			reads++
			return reads, fail
		})
		if reads != want || !errors.Is(err, fail) {
			t.Errorf("%s after %d reads with %v, want %d", key, reads, err, want)
		}
	}
	cheese := errors.New("out of cheese")
	get("a", 1, cheese)
	get("a", 2, nil) // an error is not remembered
	get("a", 2, nil)
	get("b", 3, nil)
	get("c", 4, nil) // the oldest goes
	get("b", 4, nil)
	get("a", 5, nil)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is gone")
			}
		}()
		_, _ = m.get(t.Context(), "d", func() (int, error) { panic("cheese") })
	}()
	get("d", 6, nil)
}

// TestWindowsThatNobodyWantsAreNotRead stops asking for a window: others stop paying for it.
func TestWindowsThatNobodyWantsAreNotRead(t *testing.T) {
	t.Parallel()
	r := New(nil)
	s := shape{source: Events, labels: "partner"}
	long := map[time.Duration]demand{24 * time.Hour: {histogram: true, counts: true}}
	short := map[time.Duration]demand{5 * time.Minute: {counts: true}}
	r.want(s, long, noon)
	if got := r.want(s, short, noon.Add(idle)); len(got) != 2 {
		t.Errorf("%v after %v", got, idle)
	}
	if got := r.want(s, short, noon.Add(idle+time.Minute)); len(got) != 1 {
		t.Errorf("%v after more than %v", got, idle)
	}
}
