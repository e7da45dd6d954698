package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gofiber/fiber/v2"
)

// figures of one subject under one load.
type figures struct {
	Acked         float64 // events a second
	Stored        float64 // events a second, 0 where nothing is stored
	P50, P95, P99 time.Duration
	CPU           float64 // µs an event, of the server
	ClickHouseCPU float64 // µs an event
	Peak          int64   // bytes of resident memory of the server
	Failed        int64
}

const answerOfNull = `{"accepted":1,"duplicates":0,"rejected":0,"request_id":"0000000000000000"}`

// serveNull answers every request as Leadline does, without looking at it.
func serveNull(out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Fprintln(out, l.Addr())
	app := fiber.New(fiber.Config{DisableStartupMessage: true, BodyLimit: 4 << 20})
	app.Post("/v1/events", func(c *fiber.Ctx) error {
		return c.Status(http.StatusAccepted).SendString(answerOfNull)
	})
	return app.Listener(l)
}

// process is a subject that runs beside the generator.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
}

func start(ctx context.Context, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Stderr = os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &process{cmd, bufio.NewScanner(out)}, nil
}

func (p *process) line() (string, error) {
	if !p.lines.Scan() {
		return "", errors.Join(errors.New("the process ended early"), p.lines.Err())
	}
	return p.lines.Text(), nil
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	p.cmd.Wait()                          //nolint:errcheck // as above
}

func conns(events int) int {
	if events == 1 {
		return 64
	}
	return 8
}

// measureNull takes the empty handler's maximum, and its latency at a given rate of events.
func measureNull(ctx context.Context, events int, rate float64, d time.Duration) (full, half figures, err error) {
	p, err := start(ctx, os.Args[0], "null")
	if err != nil {
		return full, half, err
	}
	defer p.stop()
	addr, err := p.line()
	if err != nil {
		return full, half, err
	}
	before, err := readUsage(p.cmd.Process.Pid)
	if err != nil {
		return full, half, err
	}
	l := load{Addr: addr, Path: "/v1/events", Key: "none", Conns: conns(events), Events: events, For: d}
	r, err := l.run(ctx)
	if err != nil {
		return full, half, err
	}
	after, err := readUsage(p.cmd.Process.Pid)
	if err != nil {
		return full, half, err
	}
	full = figures{Acked: float64(r.Acked) / r.Took.Seconds(), P50: r.P50, P95: r.P95, P99: r.P99, CPU: perEvent(before, after, r.Acked), Peak: after.Peak}
	l.Rate, l.Conns = rate/float64(events), 4*l.Conns
	r, err = l.run(ctx)
	return full, figures{P50: r.P50, P95: r.P95, P99: r.P99}, err
}

func perEvent(before, after usage, events int64) float64 {
	return float64((after.CPU - before.CPU).Microseconds()) / float64(max(events, 1))
}

// subject is a Leadline with everything on.
type subject struct {
	*process
	addr, key, http, password string
	engine                    int
}

const config = `listen: %s
data: %s
clickhouse: {embedded: {native: "%s", http: "%s", max_memory: 4GiB}}
schemas: %s
pipeline: {qualify: %s}
`

// places of a Leadline that the bench configures.
type places struct{ addr, http string }

// writeConfig writes a leadline.yaml with everything on and all data in dir.
func writeConfig(dir string) (file string, p places, err error) {
	p = places{addr: freeAddr(), http: freeAddr()}
	wd, err := os.Getwd()
	if err != nil {
		return "", p, fmt.Errorf("configure leadline: %w", err)
	}
	file = filepath.Join(dir, "leadline.yaml")
	text := fmt.Sprintf(config, p.addr, filepath.Join(dir, "data"), freeAddr(), p.http, filepath.Join(wd, "examples", "schemas"), filepath.Join(wd, "examples", "qualify.yaml"))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return "", p, fmt.Errorf("configure leadline: %w", err)
	}
	return file, p, nil
}

func startLeadline(ctx context.Context, binary, dir string) (*subject, error) {
	file, p, err := writeConfig(dir)
	if err != nil {
		return nil, err
	}
	s := &subject{addr: p.addr, http: p.http}
	if s.process, err = start(ctx, binary, "serve", "--config", file); err != nil {
		return nil, err
	}
	for s.key == "" || s.password == "" {
		line, err := s.line()
		if err != nil {
			return nil, err
		}
		for word := range strings.FieldsSeq(line) {
			if strings.HasPrefix(word, "ll_live_") {
				s.key = word
			}
		}
		if _, after, ok := strings.Cut(line, "analyst password"); ok {
			s.password = strings.TrimSpace(after)
		}
	}
	go func() {
		for s.lines.Scan() { // nobody reads the rest, and the pipe must not fill
		}
	}()
	s.engine, err = childOf(s.cmd.Process.Pid)
	return s, err
}

// freeAddr is an address that nobody listened on a moment ago.
func freeAddr() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "127.0.0.1:0"
	}
	defer l.Close() //nolint:errcheck // only its number was wanted
	return l.Addr().String()
}

func (s *subject) stored(ctx context.Context) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	u := "http://" + s.http + "/?" + url.Values{"user": {"analyst"}, "password": {s.password}, "query": {"SELECT count() FROM leadline.events"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u, nil)
	if err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, errors.New("count: ClickHouse does not answer")
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	if err != nil || resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("count: status %d: %s", resp.StatusCode, body)
	}
	return strconv.ParseInt(strings.TrimSpace(string(body)), 10, 64)
}

// measure runs one load and waits until its last event is stored.
func (s *subject) measure(ctx context.Context, l load) (f figures, err error) {
	had, err := s.stored(ctx)
	if err != nil {
		return f, err
	}
	pid := s.cmd.Process.Pid
	before, err := readUsage(pid)
	if err != nil {
		return f, err
	}
	engineBefore, err := readUsage(s.engine)
	if err != nil {
		return f, err
	}
	began := time.Now()
	r, err := l.run(ctx)
	if err != nil {
		return f, err
	}
	for deadline := time.Now().Add(2 * time.Minute); ; {
		now, err := s.stored(ctx)
		if err != nil {
			return f, err
		}
		if now-had >= r.Acked {
			if now-had > r.Acked+r.Failed*int64(l.Events) {
				return f, fmt.Errorf("%d events acknowledged, %d stored", r.Acked, now-had)
			}
			break
		}
		if time.Now().After(deadline) {
			return f, fmt.Errorf("%d of %d acknowledged events are not stored after two minutes", r.Acked-now+had, r.Acked)
		}
		waitUntil(ctx, time.Now().Add(50*time.Millisecond))
	}
	took := time.Since(began)
	after, err := readUsage(pid)
	if err != nil {
		return f, err
	}
	engineAfter, err := readUsage(s.engine)
	return figures{
		Acked: float64(r.Acked) / r.Took.Seconds(), Stored: float64(r.Acked) / took.Seconds(),
		P50: r.P50, P95: r.P95, P99: r.P99, Failed: r.Failed,
		CPU: perEvent(before, after, r.Acked), ClickHouseCPU: perEvent(engineBefore, engineAfter, r.Acked), Peak: after.Peak,
	}, err
}

// measureLeadline takes the maximum in a closed loop, then half of what was stored in an open one.
func measureLeadline(ctx context.Context, binary string, events int, d time.Duration) (full, half figures, err error) {
	dir, err := os.MkdirTemp("", "leadline-bench-")
	if err != nil {
		return full, half, fmt.Errorf("bench: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // the system's temporary folder
	s, err := startLeadline(ctx, binary, dir)
	if err != nil {
		return full, half, err
	}
	defer s.stop()
	l := load{Addr: s.addr, Path: "/v1/events", Key: s.key, Conns: conns(events), Events: events, For: d}
	if full, err = s.measure(ctx, l); err != nil {
		return full, half, err
	}
	l.Run, l.Rate, l.Conns = 1, full.Stored/2/float64(events), 4*l.Conns
	half, err = s.measure(ctx, l)
	return full, half, err
}
