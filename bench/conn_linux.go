package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one connection with its ready-made request, in which only the ids change.
type conn struct {
	fd      int // -1 when there is none
	request []byte
	ids     []int
	counter uint64 // of the last id
	first   uint64 // of the first id under way
	unsent  []byte
	answer  []byte
	busy    bool
	due     time.Duration
	sent    time.Duration
}

func (c *conn) hangUp() {
	if c.fd >= 0 {
		unix.Close(c.fd) //nolint:errcheck // nothing is owed to the server any more
		c.fd = -1
	}
}

func (g *generator) send(c *conn, due time.Duration) {
	c.busy, c.due, c.sent = true, due, time.Since(g.start)
	g.result.Late.add(c.sent - due)
	c.first = c.counter + 1
	for _, at := range c.ids {
		c.counter++
		putCounter(c.request[at:at+idDigits], c.counter)
	}
	c.unsent, c.answer = c.request, c.answer[:0]
	if c.fd < 0 {
		if err := g.connect(c); err != nil {
			g.done(c, answer{}, err)
			return
		}
	}
	g.write(c)
}

// connect begins to connect; a write before it has ended is told to wait.
func (g *generator) connect(c *conn) (err error) {
	if c.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		c.fd = -1
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.SetsockoptInt(c.fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if err := unix.Connect(c.fd, &g.to); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return fmt.Errorf("connect: %w", err)
	}
	index := int32(c.counter >> 32)
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, c.fd, &unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET&(1<<32-1), Fd: index}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

func (g *generator) write(c *conn) {
	for len(c.unsent) > 0 {
		n, err := unix.Write(c.fd, c.unsent)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
		case err != nil:
			g.done(c, answer{}, fmt.Errorf("write: %w", err))
			return
		default:
			c.unsent = c.unsent[n:]
		}
	}
}

// wake goes on with a connection that has become readable or writable.
func (g *generator) wake(c *conn, events uint32) {
	if c.fd < 0 {
		return
	}
	if !c.busy {
		if events&(unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0 {
			c.hangUp()
		}
		return
	}
	if len(c.unsent) > 0 {
		g.write(c)
	}
	if events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR) != 0 && c.busy {
		g.read(c)
	}
}

func (g *generator) read(c *conn) {
	for {
		n, err := unix.Read(c.fd, g.buffer)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			g.done(c, answer{}, fmt.Errorf("read: %w", err))
			return
		case n == 0:
			g.done(c, answer{}, fmt.Errorf("read: %w", io.ErrUnexpectedEOF))
			return
		}
		c.answer = append(c.answer, g.buffer[:n]...)
		a, complete, err := parseAnswer(c.answer)
		if err != nil || complete {
			g.done(c, a, err)
			return
		}
	}
}

// done counts the answer and frees the connection for the next request.
func (g *generator) done(c *conn, a answer, err error) {
	now := time.Since(g.start)
	g.answered(g.result, a, c.first, c.due, now, err)
	if err != nil || a.close || len(c.unsent) > 0 {
		c.hangUp()
	}
	c.busy = false
	if g.Rate == 0 && (err != nil || a.status >= 300) {
		c.sent = now
		g.resting = append(g.resting, c)
		return
	}
	g.idle = append(g.idle, c)
}
