package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is something that runs beside the generator.
type process struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	log   *tail
}

// tail keeps the end of what a process logs, to be shown when something goes wrong.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10

// Write implements io.Writer.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	t.text = t.text[max(0, len(t.text)-tailSize):]
	return len(b), nil
}

// String implements fmt.Stringer.
func (t *tail) String() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}

// start runs a program whose standard output is read line by line. It ends with the bench, or is told to by stop.
func start(ctx context.Context, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	log := &tail{}
	cmd.Stderr = log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return &process{cmd, bufio.NewScanner(out), log}, nil
}

func (p *process) line() (string, error) {
	if !p.lines.Scan() {
		return "", errors.Join(fmt.Errorf("the process ended early; its last words:\n%s", p.log), p.lines.Err())
	}
	return p.lines.Text(), nil
}

// ignore reads the rest away: nobody wants it, and the pipe must not fill.
func (p *process) ignore() {
	go func() {
		for p.lines.Scan() { // until the process ends
		}
	}()
}

func (p *process) stop() {
	p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
	p.cmd.Wait()                          //nolint:errcheck // as above
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

// answering waits until somebody listens on addr.
func answering(ctx context.Context, addr string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for waitUntil(ctx, time.Now().Add(50*time.Millisecond)) {
		if c, err := net.DialTimeout("tcp", addr, time.Second); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("nobody listens on %s: %w", addr, ctx.Err())
}

// argument is the value of --name=value in the command line of a process.
func argument(pid int, name string) (string, error) {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return "", fmt.Errorf("read arguments: %w", err)
	}
	for a := range strings.SplitSeq(string(line), "\x00") {
		if value, ok := strings.CutPrefix(a, "--"+name+"="); ok {
			return value, nil
		}
	}
	return "", fmt.Errorf("process %d was started without --%s", pid, name)
}
