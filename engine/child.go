package engine

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"
)

// How long the steps of an orderly end may take before the next, ruder one.
const (
	stopPatience = 5 * time.Second
	termPatience = 3 * time.Second
	lastWords    = 300 * time.Millisecond // for the log of a fatal error, which takes some 10 ms
)

// child is one process that runs the library.
type child struct {
	cmd     *exec.Cmd
	stdin   io.Closer // its end ends the child
	leash   *os.File  // open as long as the parent lives
	output  *output
	native  string // private address
	http    string // private address
	started time.Time
	exited  chan struct{} // closed when the process is gone and waited for
}

// serveQuery opens the listeners and lasts as long as standard input does. The file is read by the library as a client,
// for which it needs no right to read files.
const serveQuery = "SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; INSERT INTO FUNCTION null('line String') FROM INFILE '/dev/stdin' FORMAT LineAsString"

func startChild(o Options, config string, storeLock *os.File, ports [2]int) (*child, error) {
	args := slices.Concat(o.Command[1:], []string{
		o.Library,
		"--config-file=" + config,
		"--path=" + storeDir(o.Dir),
		"--log-level=warning",
		"--listen_host=127.0.0.1",
		"--tcp_port=" + strconv.Itoa(ports[0]),
		"--http_port=" + strconv.Itoa(ports[1]),
		"--query", serveQuery,
	})
	c := &child{
		cmd:     exec.Command(o.Command[0], args...),
		output:  newOutput(),
		native:  net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[0])),
		http:    net.JoinHostPort("127.0.0.1", strconv.Itoa(ports[1])),
		started: time.Now(),
		exited:  make(chan struct{}),
	}
	c.cmd.Dir = o.Dir
	c.cmd.Env = environment()
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	c.cmd.WaitDelay = termPatience
	ownGroup(c.cmd)
	var err error
	if c.stdin, err = c.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	held, leash, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	c.leash = leash
	c.cmd.ExtraFiles = []*os.File{held, storeLock} // descriptors 3, see leash, and 4, which the child only holds
	err = c.cmd.Start()
	_ = held.Close()
	if err != nil {
		_ = leash.Close()
		return nil, fmt.Errorf("engine: start %s: %w", o.Command[0], err)
	}
	go func() {
		defer close(c.exited)
		_ = c.cmd.Wait() // ProcessState tells it all
		_ = leash.Close()
	}()
	go c.shortenAgony()
	return c, nil
}

// shortenAgony ends a child that has reported a fatal error: it would wait for some seconds before it ends, answering
// some clients and not others.
func (c *child) shortenAgony() {
	select {
	case <-c.exited:
	case <-c.output.fatal:
		timer := time.NewTimer(lastWords)
		defer timer.Stop()
		select {
		case <-c.exited:
		case <-timer.C:
			_ = kill(c.cmd.Process)
		}
	}
}

// environment hands down only what a C library may need: the secrets among our variables are not its business.
//
// The library's allocator gives freed memory back after 5 s, and the next insert has it cleared again, page by page. With
// 30 s blocks of 64,000 rows cost a twelfth less of its CPU.
func environment() []string {
	keep := []string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"}
	return append(slices.DeleteFunc(os.Environ(), func(kv string) bool {
		name, _, _ := strings.Cut(kv, "=")
		return !slices.Contains(keep, name)
	}), "JE_MALLOC_CONF=dirty_decay_ms:30000,muzzy_decay_ms:30000")
}

// errPortTaken says that another process listens on a port that was free when it was chosen.
var errPortTaken = errors.New("a port is taken")

// freePorts finds two ports of the loopback that nobody uses at the moment. Another process may take one before the
// child does.
func freePorts() (ports [2]int, err error) {
	native, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return ports, fmt.Errorf("engine: find a free port: %w", err)
	}
	defer native.Close() //nolint:errcheck // held meanwhile, so that no port comes twice
	http, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return ports, fmt.Errorf("engine: find a free port: %w", err)
	}
	defer http.Close() //nolint:errcheck // as above
	return [2]int{native.Addr().(*net.TCPAddr).Port, http.Addr().(*net.TCPAddr).Port}, nil
}

// stop ends the child: standard input first, then by signals.
func (c *child) stop() {
	_ = c.stdin.Close()
	for _, step := range []struct {
		patience time.Duration
		next     func(*os.Process) error
	}{{stopPatience, terminate}, {termPatience, kill}} {
		timer := time.NewTimer(step.patience)
		select {
		case <-c.exited:
			timer.Stop()
			return
		case <-timer.C:
			_ = step.next(c.cmd.Process)
		}
	}
	<-c.exited
}

// how says in one word how the child ended, once it has: exited, fatally or by a signal.
func (c *child) how() string {
	select {
	case <-c.output.fatal: // the signal is ours, see shortenAgony
		return "fatal"
	default:
		return endedBy(c.cmd.ProcessState)
	}
}

// reason says how the child ended, once it has: its status or signal, and its last lines.
func (c *child) reason() error {
	how := c.cmd.ProcessState.String()
	select {
	case <-c.output.fatal:
		how = "a fatal error (" + how + ")"
	default:
	}
	err := fmt.Errorf("engine: the embedded ClickHouse ended with %s", how)
	lines := c.output.last()
	if slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "Address already in use") }) {
		err = fmt.Errorf("%w: %w", err, errPortTaken)
	}
	if len(lines) > 0 {
		return fmt.Errorf("%w; its last lines:\n\t%s", err, strings.Join(lines, "\n\t"))
	}
	return err
}
