package server_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"leadline"
	"leadline/ingest"
	"leadline/ingest/spool"
)

// stuck is a writer that stores one batch when it is let go, and the others never.
type stuck struct {
	free chan struct{}
	done atomic.Bool
}

func (s *stuck) Block() leadline.Block { return stuckBlock{s} }

type stuckBlock struct{ *stuck }

func (stuckBlock) Begin(string)                  {}
func (stuckBlock) Add([]leadline.Event)          {}
func (stuckBlock) Reject(leadline.Rejected)      {}
func (stuckBlock) Leave(func(int) time.Duration) {}

func (s stuckBlock) Write(ctx context.Context) error {
	free := s.free
	if s.done.Load() {
		free = nil
	}
	select {
	case <-free:
		s.done.Store(true)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func lines(prefix string, n int) string {
	var b strings.Builder
	for i := range n {
		b.WriteString(event(fmt.Sprint(prefix, i)) + "\n")
	}
	return b.String()
}

// as is a request of many lines under a key.
func as(key, body string) string {
	return request("POST", "/v1/events", body, "Authorization", "Bearer "+key, "Content-Type", "application/x-ndjson")
}

// TestAttacksOnAFullSpool: whoever finds no room learns when to come again and nothing of what is inside.
func TestAttacksOnAFullSpool(t *testing.T) {
	t.Parallel()
	d := besieged(t, func(o *ingest.Options) { o.Spool = openSpool(t, spool.Options{MaxBytes: 64 << 10}) })
	documented := documentedCodes(t)
	d.withstands(t, attack{"more than there is room for", as(d.key, lines("large", 2000)), 503, "spool_full"}, documented)
	for i := 0; ; i++ {
		a, err := d.send(t, as(d.key, lines(fmt.Sprint("small", i, "."), 10)))
		if err != nil {
			t.Fatal(err)
		}
		if a.status != 202 {
			break
		}
	}
	d.withstands(t, attack{"no room at all", as(d.key, event("x")), 503, "spool_full"}, documented)
}

// TestAttacksWhileStorageIsBehind: the same, where one sender has sent too much for what is stored, and where the one
// beside it sends little.
func TestAttacksWhileStorageIsBehind(t *testing.T) {
	t.Parallel()
	writer := &stuck{free: make(chan struct{})}
	d := besieged(t, func(o *ingest.Options) { o.Writer, o.MinAge = writer, time.Millisecond })
	deadline := time.After(2 * time.Minute)
	send := func(prefix string) {
		t.Helper()
		if a, err := d.send(t, as(d.key, lines(prefix, 10_000))); err != nil || a.status != 202 {
			t.Fatalf("nothing is known of storing yet: %v %v", a, err)
		}
	}
	send("first")
	send("second") // one batch with the first: nobody drains the spool before
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.real.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	for i := range 7 {
		send(fmt.Sprint("more", i, "."))
	}
	<-time.After(2 * time.Second) // storing that batch takes as long: 10,000 events a second, far fewer than any machine sends
	close(writer.free)
	for d.real.Stats().Stored == 0 {
		select {
		case <-deadline:
			t.Fatal("nothing was stored")
		default:
			runtime.Gosched()
		}
	}
	documented := documentedCodes(t)
	n := 0
	// storm sends batches all at once until one is refused with a code.
	storm := func(code string, modest ...string) answer {
		t.Helper()
		for {
			answers := make(chan answer, 24)
			for range cap(answers) {
				n++
				raw := as(d.key, lines(fmt.Sprint("loud", n, "."), 5000))
				go func() {
					a, _ := d.send(t, raw) // its zero has no code
					answers <- a
				}()
			}
			for _, key := range modest {
				if _, err := d.send(t, as(key, lines(fmt.Sprint("modest", n, "."), 100))); err != nil {
					t.Error(err)
				}
			}
			var found answer
			for range cap(answers) {
				if a := <-answers; strings.Contains(a.body, code) {
					found = a
				}
			}
			if found.body != "" {
				return found
			}
			select {
			case <-deadline:
				t.Fatalf("nothing was answered %s", code)
			default:
			}
		}
	}
	proper(t, attack{"more than is stored", "", 503, "overloaded"}, storm("overloaded"), documented)
	proper(t, attack{"more than its share", "", 429, "over_share"}, storm("over_share", d.foreign), documented)
}
