package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// load is one run against one address. Rate 0 is a closed loop: every connection posts again as soon as it has its
// answer. Otherwise requests are due at fixed times, and latency counts from then, so that a stalled server cannot
// hide behind a stalled generator.
type load struct {
	Addr   string
	Path   string
	Key    string
	Conns  int
	Events int // in one request
	Rate   float64
	For    time.Duration
	Run    int // makes the ids of two runs differ
}

// result of a load; latencies are of requests that were acknowledged.
type result struct {
	Requests, Acked, Failed int64
	Took                    time.Duration
	P50, P95, P99           time.Duration
}

func (l load) run(ctx context.Context) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, l.For)
	defer cancel()
	var (
		next   atomic.Int64
		all    sync.WaitGroup
		mu     sync.Mutex
		out    result
		took   []time.Duration
		failed error
	)
	start := time.Now()
	for conn := range l.Conns {
		all.Go(func() {
			p := newPoster(l, conn)
			defer p.close()
			for ctx.Err() == nil {
				due := time.Now()
				if l.Rate > 0 {
					due = start.Add(time.Duration(float64(next.Add(1)) / l.Rate * float64(time.Second)))
					if !waitUntil(ctx, due) {
						break
					}
				}
				err := p.post()
				p.count(due, err)
			}
			mu.Lock()
			defer mu.Unlock()
			out.Requests += p.requests
			out.Acked += p.acked
			out.Failed += p.failed
			took = append(took, p.took...)
			if p.err != nil {
				failed = p.err
			}
		})
	}
	all.Wait()
	out.Took = time.Since(start)
	slices.Sort(took)
	out.P50, out.P95, out.P99 = at(took, .5), at(took, .95), at(took, .99)
	if out.Acked == 0 {
		return out, fmt.Errorf("no request was acknowledged: %w", failed)
	}
	return out, nil
}

func at(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

func waitUntil(ctx context.Context, due time.Time) bool {
	d := time.Until(due)
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// poster owns one connection and one ready-made request, in which only the ids change.
type poster struct {
	load
	conn     net.Conn
	r        *bufio.Reader
	request  []byte
	ids      []int // where each event's counter stands in request
	next     int64
	requests int64
	acked    int64
	failed   int64
	took     []time.Duration
	err      error
}

func newPoster(l load, n int) *poster {
	p := &poster{load: l, next: int64(n) << 32}
	var body bytes.Buffer
	var ids []int
	for i := range l.Events {
		at := writeEvent(&body, l.Run, n*l.Events+i)
		ids = append(ids, at)
		if l.Events > 1 {
			body.WriteByte('\n')
		}
	}
	kind := "application/json"
	if l.Events > 1 {
		kind = "application/x-ndjson"
	}
	head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", l.Path, l.Addr, l.Key, kind, body.Len())
	p.request = append([]byte(head), body.Bytes()...)
	for _, i := range ids {
		p.ids = append(p.ids, len(head)+i)
	}
	return p
}

func (p *poster) close() {
	if p.conn != nil {
		p.conn.Close() //nolint:errcheck // nothing is owed to the server any more
	}
}

func (p *poster) count(due time.Time, err error) {
	p.requests++
	if err != nil {
		p.failed++
		p.err = err
		p.close()
		p.conn = nil
		return
	}
	p.acked += int64(p.Events)
	p.took = append(p.took, time.Since(due))
}

// post sends the next ids and reads the answer.
func (p *poster) post() error {
	for _, at := range p.ids {
		p.next++
		putCounter(p.request[at:at+16], uint64(p.next))
	}
	if p.conn == nil {
		c, err := net.DialTimeout("tcp", p.Addr, time.Second)
		if err != nil {
			return fmt.Errorf("dial: %w", err)
		}
		p.conn, p.r = c, bufio.NewReader(c)
	}
	if err := p.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return fmt.Errorf("deadline: %w", err)
	}
	if _, err := p.conn.Write(p.request); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	return readAnswer(p.r)
}

// readAnswer reads one HTTP/1.1 answer with a Content-Length; the generator shares the machine with what it measures,
// so it does no more than that.
func readAnswer(r *bufio.Reader) error {
	line, err := r.ReadSlice('\n')
	if err != nil {
		return fmt.Errorf("read status: %w", err)
	}
	accepted := bytes.HasPrefix(line, []byte("HTTP/1.1 202"))
	status := ""
	if !accepted {
		status = string(bytes.TrimSpace(line))
	}
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return fmt.Errorf("read header: %w", err)
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(v))); err != nil {
				return fmt.Errorf("content length: %w", err)
			}
		}
	}
	if accepted {
		_, err = r.Discard(length)
		return err
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(r, body); err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	return fmt.Errorf("%s: %.200s", status, body)
}

const hexDigits = "0123456789abcdef"

func putCounter(b []byte, n uint64) {
	for i := len(b) - 1; i >= 0; i-- {
		b[i] = hexDigits[n&15]
		n >>= 4
	}
}
