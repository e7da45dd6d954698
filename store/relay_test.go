package store

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// relay stands between the store and ClickHouse and can spoil what passes.
type relay struct {
	listener net.Listener
	target   string
	cutAfter atomic.Int64 // bytes to the server after which both ends are closed
	deafAt   atomic.Int64 // bytes to the server after which its answers are kept back
	wg       sync.WaitGroup

	mu   sync.Mutex
	tape []byte // what went to the server since heal
}

const never = 1 << 60

func newRelay(tb testing.TB, target string) *relay {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r := &relay{listener: l, target: target}
	r.heal()
	r.wg.Go(r.accept)
	tb.Cleanup(func() {
		l.Close()
		r.wg.Wait()
	})
	return r
}

func (r *relay) addr() string { return r.listener.Addr().String() }

func (r *relay) heal() {
	r.cutAfter.Store(never)
	r.deafAt.Store(never)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tape = nil
}

func (r *relay) record(b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tape = append(r.tape, b...)
}

func (r *relay) recorded() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.tape)
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", r.target)
		if err != nil {
			client.Close()
			continue
		}
		var sent atomic.Int64
		r.wg.Go(func() {
			defer client.Close()
			defer server.Close()
			buf := make([]byte, 16<<10)
			for {
				n, err := client.Read(buf)
				if left := r.cutAfter.Load() - sent.Load(); int64(n) > left {
					server.Write(buf[:max(left, 0)])
					return
				}
				r.record(buf[:n])
				sent.Add(int64(n))
				if _, werr := server.Write(buf[:n]); err != nil || werr != nil {
					return
				}
			}
		})
		r.wg.Go(func() {
			defer client.Close()
			buf := make([]byte, 16<<10)
			for {
				n, err := server.Read(buf)
				if sent.Load() <= r.deafAt.Load() {
					client.Write(buf[:n])
				}
				if err != nil {
					return
				}
			}
		})
	}
}
