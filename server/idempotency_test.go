package server

import (
	"fmt"
	"testing"
	"time"
)

// TestAnswersAreBounded: the oldest answers make room, old ones are forgotten, and what is under way never is.
func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	l := newAnswers()
	l.most = 100 << 10
	running := answerKey{"acme", "running"}
	if _, fresh := l.begin(running, [32]byte{1}, noon); !fresh {
		t.Fatal("the first is not fresh")
	}
	answered := func(key string, size int, at time.Time) {
		t.Helper()
		k := answerKey{"acme", key}
		if _, fresh := l.begin(k, [32]byte{}, at); !fresh {
			t.Fatalf("%s is known", key)
		}
		l.finish(k, &answer{status: 202, body: make([]byte, size)})
	}
	for i := range 1000 {
		answered(fmt.Sprint(i), 1000, noon)
		if l.bytes > l.most+2*answerCost || len(l.known) != l.order.Len() {
			t.Fatalf("%d bytes, %d known, %d in order", l.bytes, len(l.known), l.order.Len())
		}
	}
	if a, fresh := l.begin(running, [32]byte{1}, noon); fresh || a.done || a.request != [32]byte{1} {
		t.Errorf("what is under way was forgotten: %+v", a)
	}
	if a, fresh := l.begin(answerKey{"acme", "999"}, [32]byte{}, noon.Add(answerAge-1)); fresh || a.status != 202 {
		t.Errorf("%+v", a)
	}
	answered("999", 1, noon.Add(answerAge)) // is forgotten, so it is fresh
	answered("large", answerLargest+1, noon.Add(answerAge))
	if _, fresh := l.begin(answerKey{"acme", "large"}, [32]byte{}, noon.Add(answerAge)); !fresh {
		t.Error("an answer of more than a MiB was kept")
	}
	l.finish(running, nil)
	if _, fresh := l.begin(running, [32]byte{2}, noon); !fresh {
		t.Error("what was not answered for good is known")
	}
}
