//go:build linux

package main

import (
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"
)

// torn is a way in which the relay spoils the connections to ClickHouse. Every connection draws its own numbers.
type torn struct {
	name  string
	up    [2]int64      // bytes of Leadline's after which the connection is cut: from, to; none where to is 0
	mute  [2]int64      // bytes of Leadline's after which ClickHouse's next answer is lost and the connection cut
	down  [2]int64      // bytes of ClickHouse's after which the connection is cut
	delay time.Duration // of everything in both directions, at most
	hold  bool          // nothing passes, until it does
	eat   bool          // nothing passes and nothing comes later: the connection is cut in the end
}

// tears are the positions at which a connection can break, as an insert sees it: a hello has some 60 bytes, a query 600
// or more, a block 2 KB and more.
var tears = []torn{
	{name: "cut before a byte is sent", up: [2]int64{0, 0}},
	{name: "cut in the hello or the query", up: [2]int64{1, 600}},
	{name: "cut in the block", up: [2]int64{600, 12_000}},
	{name: "cut after the block, before the answer", mute: [2]int64{800, 6000}},
	{name: "cut in an answer", down: [2]int64{1, 60}},
	{name: "delay", delay: 60 * time.Millisecond},
	{name: "hold", hold: true},
	{name: "swallow", eat: true},
}

// relay stands between Leadline and ClickHouse.
type relay struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu      sync.Mutex
	r       *rand.Rand
	torn    *torn
	turn    int           // counts changes of torn
	changed chan struct{} // closed by the next change
	hits    int           // connections that were cut, or held, since the last change
	links   map[*link]struct{}
	closed  bool
}

// link is one connection through the relay, with what it drew when torn changed last.
type link struct {
	client, server net.Conn
	turn           int
	sent, answered int64 // since then
	up, mute, down int64
}

const never = 1 << 60

func newRelay(tb testing.TB, target string, r *rand.Rand) *relay {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	y := &relay{listener: l, target: target, r: r, changed: make(chan struct{}), links: map[*link]struct{}{}}
	y.wg.Go(y.accept)
	tb.Cleanup(func() {
		y.tear(nil)
		l.Close()
		y.mu.Lock()
		y.closed = true
		for k := range y.links {
			k.cut(false)
		}
		y.mu.Unlock()
		y.wg.Wait()
	})
	return y
}

func (y *relay) addr() string { return y.listener.Addr().String() }

// tear spoils all connections from now on; nil lets everything pass again, but for what was swallowed.
func (y *relay) tear(t *torn) {
	y.mu.Lock()
	defer y.mu.Unlock()
	if y.torn != nil && y.torn.eat {
		for k := range y.links {
			if k.turn == y.turn {
				k.cut(y.r.IntN(2) == 0)
			}
		}
	}
	y.torn, y.hits = t, 0
	y.turn++
	close(y.changed)
	y.changed = make(chan struct{})
}

// hit is how many connections have felt it since tear.
func (y *relay) hit() int {
	y.mu.Lock()
	defer y.mu.Unlock()
	return y.hits
}

func (y *relay) accept() {
	for {
		client, err := y.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.DialTimeout("tcp", y.target, patience)
		if err != nil {
			client.Close()
			continue
		}
		k := &link{client: client, server: server, turn: -1}
		y.mu.Lock()
		if y.links[k] = struct{}{}; y.closed {
			k.cut(false)
		}
		y.mu.Unlock()
		var both sync.WaitGroup
		both.Go(func() { y.pass(k, client, server, true) })
		both.Go(func() { y.pass(k, server, client, false) })
		y.wg.Go(func() {
			both.Wait()
			y.mu.Lock()
			delete(y.links, k)
			y.mu.Unlock()
		})
	}
}

// pass copies one direction until the connection ends.
func (y *relay) pass(k *link, from, to net.Conn, up bool) {
	defer k.cut(false)
	b := make([]byte, 16<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			allowed, cut := y.allow(k, int64(n), up)
			if allowed > 0 {
				if _, err := to.Write(b[:allowed]); err != nil {
					return
				}
			}
			if cut {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// allow says how many of n bytes pass, and whether that is the end of the connection. It takes as long as they do.
func (y *relay) allow(k *link, n int64, up bool) (allowed int64, cut bool) {
	for {
		y.mu.Lock()
		t, changed := y.torn, y.changed
		if k.turn != y.turn {
			k.draw(y, t)
		}
		switch {
		case t == nil:
		case t.hold:
			y.hits++
			y.mu.Unlock()
			<-changed
			continue
		case t.eat:
			y.hits++
			y.mu.Unlock()
			return 0, false
		case t.delay > 0:
			wait := rand.N(t.delay)
			y.hits++
			y.mu.Unlock()
			select {
			case <-changed:
			case <-time.After(wait):
			}
			return n, false
		}
		allowed, cut = k.count(n, up)
		if cut {
			y.hits++
			if y.r.IntN(2) == 0 {
				k.reset()
			}
		}
		y.mu.Unlock()
		return allowed, cut
	}
}

// draw takes positions for a connection. y.mu is held.
func (k *link) draw(y *relay, t *torn) {
	between := func(b [2]int64) int64 { return b[0] + y.r.Int64N(b[1]-b[0]+1) }
	k.turn, k.sent, k.answered = y.turn, 0, 0
	k.up, k.mute, k.down = never, never, never
	switch {
	case t == nil || t.hold || t.eat || t.delay > 0:
	case t.mute[1] > 0:
		k.mute = between(t.mute)
	case t.down[1] > 0:
		k.down = between(t.down)
	default:
		k.up = between(t.up)
	}
}

// count books n bytes; y.mu is held.
func (k *link) count(n int64, up bool) (allowed int64, cut bool) {
	if !up {
		if k.sent > k.mute {
			return 0, true
		}
		left := k.down - k.answered
		k.answered += n
		return max(0, min(n, left)), n > left
	}
	left := k.up - k.sent
	k.sent += n
	return max(0, min(n, left)), n > left
}

// reset makes the end of both sides a reset.
func (k *link) reset() {
	for _, c := range []net.Conn{k.client, k.server} {
		_ = c.(*net.TCPConn).SetLinger(0)
	}
}

func (k *link) cut(reset bool) {
	if reset {
		k.reset()
	}
	k.client.Close()
	k.server.Close()
}
