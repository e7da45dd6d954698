package engine

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"time"
)

// The bounds of a client's HTTP requests.
const (
	maxHead   = 64 << 10
	writeSize = 16 << 10
	maxLine   = 1 << 10         // of a chunk's size, and of each trailer
	idleUntil = 5 * time.Minute // the engine itself ends a kept connection sooner
)

// serveHTTP relays one client of the HTTP protocol. Each request of the connection is read and framed here, so that the
// engine never sees a broken one: the first before the engine is dialled, the others before they are passed on.
func serveHTTP(_ context.Context, s *session) {
	r := bufio.NewReaderSize(s.client, maxHead)
	first, err := s.nextRequest(r, s.guard.limits.hello)
	if err != nil {
		s.answer(err)
		return
	}
	server, err := s.dial()
	if err != nil {
		s.answer(&refusal{http.StatusServiceUnavailable, "the embedded ClickHouse is being started: try again in a second"})
		return
	}
	err = s.relay(server, func() error {
		w := bufio.NewWriterSize(server, writeSize)
		for request := first; ; {
			if err := s.forward(server, w, r, request); err != nil {
				return err
			}
			var err error
			if request, err = s.nextRequest(r, idleUntil); err != nil {
				return err
			}
		}
	})
	s.answer(err)
}

// nextRequest waits for the next request head and reads it. After its first byte the rest has to come in the time of a hello.
func (s *session) nextRequest(r *bufio.Reader, wait time.Duration) (request, error) {
	s.readWithin(wait)
	if _, err := r.Peek(1); err != nil {
		return request{}, err
	}
	s.readWithin(s.guard.limits.hello)
	defer s.readWithin(0)
	head, err := peekHead(r)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return request{}, &refusal{http.StatusRequestTimeout, "the request's head did not come in time"}
	}
	if err != nil {
		return request{}, err
	}
	parsed, err := parseRequest(head)
	if err != nil {
		return request{}, err
	}
	_, err = r.Discard(len(head))
	return parsed, err
}

// forward passes one request on. The head goes out together with what has arrived of the body.
func (s *session) forward(server *net.TCPConn, w *bufio.Writer, r *bufio.Reader, request request) error {
	if _, err := w.Write(request.head); err != nil {
		return err
	}
	if request.chunked {
		return copyChunks(w, r)
	}
	buffered := min(int64(r.Buffered()), request.length)
	if _, err := io.CopyN(w, r, buffered); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// From socket to socket without passing through us, where the system can do that.
	_, err := io.CopyN(server, s.client, request.length-buffered)
	return err
}

// answer tells the client what is wrong with its request, if it is that what ended the session.
func (s *session) answer(err error) {
	no, ok := err.(*refusal) //nolint:errorlint // nextRequest does not wrap it
	if !ok {
		return
	}
	s.guard.turned[whyStatus(no.status)].Add(1)
	body := no.message + "\n"
	_ = s.client.SetWriteDeadline(time.Now().Add(s.guard.limits.linger))
	_, _ = fmt.Fprintf(s.client, "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
		no.status, http.StatusText(no.status), len(body), body)
}
