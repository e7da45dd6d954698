package engine

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// limits bound what a client can hold.
type limits struct {
	sessions int           // of one guard at a time
	hello    time.Duration // for a complete hello or request head
	stalled  time.Duration // for a client that takes nothing of its answer
	linger   time.Duration // for a client to read the last answer
}

var usualLimits = limits{sessions: 512, hello: 10 * time.Second, stalled: 2 * time.Minute, linger: time.Second}

const dialWithin = 3 * time.Second

// past, as a deadline, ends a read or write at once.
var past = time.Unix(1, 0)

// guard stands between the clients and the engine. It dials the engine only for a client that has introduced itself,
// and never lets the engine see a client break off.
type guard struct {
	listener *net.TCPListener
	serve    func(context.Context, *session)
	limits   limits
	log      *slog.Logger
	target   atomic.Pointer[string]
	turned   [reasons]atomic.Int64 // clients turned away, by why

	mu       sync.Mutex
	clients  map[*net.TCPConn]struct{}
	stopped  bool
	sessions sync.WaitGroup // and the accepting goroutine
}

// session is one client of a guard.
type session struct {
	guard  *guard
	client *net.TCPConn
	ended  bool // nothing more is read for the engine; under guard.mu
}

func newGuard(ctx context.Context, l *net.TCPListener, serve func(context.Context, *session), limits limits, log *slog.Logger) *guard {
	g := &guard{listener: l, serve: serve, limits: limits, log: log, clients: map[*net.TCPConn]struct{}{}}
	g.sessions.Go(func() { g.accept(ctx) })
	return g
}

func (g *guard) addr() string { return g.listener.Addr().String() }

// aim sets the private address that new clients are relayed to.
func (g *guard) aim(address string) { g.target.Store(&address) }

func (g *guard) accept(ctx context.Context) {
	for {
		client, err := g.listener.AcceptTCP()
		if err != nil {
			if g.isStopped() {
				return
			}
			// Too many open files, or a client that left the queue: it passes.
			g.log.WarnContext(ctx, "accept a client", "error", err)
			pause(ctx, probeEvery)
			continue
		}
		if !g.admit(client) {
			_ = client.Close()
			continue
		}
		if err := giveUpStalled(client, g.limits.stalled); err != nil {
			g.log.WarnContext(ctx, "no limit for a client that does not read", "error", err)
		}
		g.sessions.Go(func() {
			defer g.dismiss(client)
			s := &session{guard: g, client: client}
			g.serve(ctx, s)
			s.linger()
		})
	}
}

func (g *guard) isStopped() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.stopped
}

func (g *guard) admit(client *net.TCPConn) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return false
	}
	if len(g.clients) >= g.limits.sessions {
		g.turned[whyFull].Add(1)
		return false
	}
	g.clients[client] = struct{}{}
	return true
}

func (g *guard) dismiss(client *net.TCPConn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.clients, client)
	_ = client.Close()
}

// stop refuses new clients and breaks off those that are there; the engine sees each of them end its requests.
func (g *guard) stop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopped {
		return
	}
	g.stopped = true
	_ = g.listener.Close()
	for client := range g.clients {
		_ = client.SetDeadline(past)
	}
}

// wait returns when every session has ended. After stop that is as soon as the engine has.
func (g *guard) wait() { g.sessions.Wait() }

// readWithin bounds the client's next reads; 0 is no bound. It does nothing once they have been ended.
func (s *session) readWithin(d time.Duration) {
	s.guard.mu.Lock()
	defer s.guard.mu.Unlock()
	if s.guard.stopped || s.ended {
		return
	}
	var deadline time.Time
	if d > 0 {
		deadline = time.Now().Add(d)
	}
	_ = s.client.SetReadDeadline(deadline)
}

// endReads ends the read that may be going on, and all that follow.
func (s *session) endReads() {
	s.guard.mu.Lock()
	defer s.guard.mu.Unlock()
	s.ended = true
	_ = s.client.SetReadDeadline(past)
}

// errAway is the error of dialling an engine that has not been started yet.
var errAway = errors.New("engine: the embedded ClickHouse is not there yet")

// dial connects to the engine; the error is the engine's absence.
func (s *session) dial() (*net.TCPConn, error) {
	address := s.guard.target.Load()
	if address == nil {
		return nil, errAway
	}
	conn, err := net.DialTimeout("tcp", *address, dialWithin)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// relay passes the client's requests on by calling up, and the answers back, until the engine ends the connection. It
// returns the error of up. Whatever becomes of the client, the engine sees only an orderly
// end of its requests, and its answers are read to the end: closing with answers unread would be a reset. So a session
// whose client is gone lasts as long as the query: for native clients and HTTP reads that is until the engine notices
// the end of the requests, for all others it is their max_execution_time.
func (s *session) relay(server *net.TCPConn, up func() error) error {
	defer func() { _ = server.Close() }()
	sent := make(chan error, 1)
	go func() {
		err := up()
		_ = server.CloseWrite()
		sent <- err
	}()
	if _, err := io.Copy(s.client, server); err != nil {
		s.endReads() // a client that does not read need not send
		_, _ = io.Copy(io.Discard, server)
	}
	s.endReads()
	_ = server.SetWriteDeadline(past)
	return <-sent
}

// linger ends our side and gives the client a moment to read it: closing with requests unread would reset the
// connection, and the client could lose the answer.
func (s *session) linger() {
	_ = s.client.CloseWrite()
	s.guard.mu.Lock()
	if !s.guard.stopped {
		_ = s.client.SetReadDeadline(time.Now().Add(s.guard.limits.linger))
	}
	s.guard.mu.Unlock()
	_, _ = io.Copy(io.Discard, s.client)
}
