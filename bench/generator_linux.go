package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// generator drives the connections of one load from one thread, with epoll: a goroutine a connection costs twice as
// much CPU, and Go's timers are late by up to a millisecond, which is longer than a good answer takes.
type generator struct {
	load
	result  *result
	epoll   int
	timer   int // a timerfd: it wakes at the microsecond
	to      unix.SockaddrInet4
	conns   []*conn
	idle    []*conn
	resting []*conn // in a closed loop, after an answer that is no acknowledgement
	start   time.Time
	next    int64 // request of the open loop
	buffer  []byte
}

const (
	answerWithin = 30 * time.Second
	rest         = 20 * time.Millisecond // before a closed loop tries again what was refused
	lookAround   = 100 * time.Millisecond
	timerMark    = -1
)

func newGenerator(l load, r *result) (g *generator, err error) {
	addr, err := net.ResolveTCPAddr("tcp4", l.Addr)
	if err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	g = &generator{load: l, result: r, epoll: -1, timer: -1, buffer: make([]byte, 64<<10)}
	g.to.Port, g.to.Addr = addr.Port, [4]byte(addr.IP.To4())
	if g.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("generator: epoll: %w", err)
	}
	if g.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err == nil {
		err = unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, g.timer, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLET&(1<<32-1), Fd: timerMark})
	}
	if err != nil {
		g.close()
		return nil, fmt.Errorf("generator: timer: %w", err)
	}
	for i := range l.Conns {
		c := &conn{fd: -1, counter: uint64(i) << 32}
		c.request, c.ids = l.Shape.request(l.Addr, r.Run, i*l.Events, l.Events)
		if len(c.ids) != l.Events {
			panic(fmt.Sprintf("BUG: a request of %d events has %d ids", l.Events, len(c.ids)))
		}
		g.conns, g.idle = append(g.conns, c), append(g.idle, c)
	}
	if l.Keep {
		r.Ids = make([]uint64, 0, int(l.Rate*l.For.Seconds())+1)
	}
	return g, nil
}

func (g *generator) close() {
	for _, c := range g.conns {
		c.hangUp()
	}
	for _, fd := range []int{g.timer, g.epoll} {
		if fd >= 0 {
			unix.Close(fd) //nolint:errcheck // nothing is written to it
		}
	}
}

// run returns when the time is over and what is under way is answered.
func (g *generator) run(ctx context.Context) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := threadCPU()
	events := make([]unix.EpollEvent, 256)
	g.start = time.Now()
	for looked := time.Duration(0); ; {
		now := time.Since(g.start)
		g.post(now)
		if now >= g.For && g.busy() == 0 {
			break
		}
		if now-looked > lookAround {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			looked = now
			g.giveUp(now)
		}
		if err := g.arm(now); err != nil {
			return err
		}
		n, err := unix.EpollWait(g.epoll, events, int(lookAround.Milliseconds()))
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("generator: wait: %w", err)
		}
		for _, e := range events[:max(n, 0)] {
			if e.Fd != timerMark {
				g.wake(g.conns[e.Fd], e.Events)
			}
		}
	}
	g.result.Took = time.Since(g.start)
	g.unsent(g.result, g.next)
	g.result.CPU = threadCPU() - before
	return nil
}

func (g *generator) busy() (n int) {
	for _, c := range g.conns {
		if c.busy {
			n++
		}
	}
	return n
}

// post sends what is due on the connections that are free.
func (g *generator) post(now time.Duration) {
	if now >= g.For {
		return
	}
	for len(g.resting) > 0 && now-g.resting[0].sent >= rest {
		g.idle, g.resting = append(g.idle, g.resting[0]), g.resting[1:]
	}
	for len(g.idle) > 0 {
		due := now
		if g.Rate > 0 {
			if due = g.due(g.next); due > now || due >= g.For {
				return
			}
			g.next++
		}
		last := len(g.idle) - 1
		c := g.idle[last]
		g.idle = g.idle[:last]
		g.send(c, due)
		now = time.Since(g.start)
	}
}

// arm wakes the loop for what is due next and has a connection to go out on.
func (g *generator) arm(now time.Duration) error {
	var wait time.Duration
	switch {
	case now >= g.For:
		return nil
	case len(g.resting) > 0:
		wait = rest - (now - g.resting[0].sent)
	case g.Rate > 0 && len(g.idle) > 0:
		wait = min(g.due(g.next), g.For) - now
	default:
		return nil
	}
	at := unix.ItimerSpec{Value: unix.NsecToTimespec(int64(max(wait, 1)))}
	if err := unix.TimerfdSettime(g.timer, 0, &at, nil); err != nil {
		return fmt.Errorf("generator: timer: %w", err)
	}
	return nil
}

// giveUp ends requests that nobody answers.
func (g *generator) giveUp(now time.Duration) {
	for _, c := range g.conns {
		if c.busy && now-c.sent > answerWithin {
			g.done(c, answer{}, errUnanswered)
		}
	}
}

// threadCPU is what the calling thread has used.
func threadCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
