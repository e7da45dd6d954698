//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"leadline/state"
)

// house is a data folder, a configuration with ports of its own, and the Leadline that runs on it at the moment.
type house struct {
	dir, config               string
	listen, native, http      string
	apiKey, analyst, welcomed string // of the first start
	starts                    int
	cmd                       *exec.Cmd
	stdout, stderr            string        // files of the present start
	exited                    chan struct{} // closed when the present process is gone
}

// settle makes a house with an embedded ClickHouse. Nothing runs in it yet.
func settle(t testing.TB, more ...string) *house {
	t.Helper()
	h := &house{dir: t.TempDir(), listen: freeAddr(t), native: freeAddr(t), http: freeAddr(t)}
	h.configure(t, fmt.Sprintf("{embedded: {native: %s, http: %s, max_memory: 1GiB}}", h.native, h.http), more...)
	return h
}

// configure writes leadline.yaml: where ClickHouse is, and lines of the test's own.
func (h *house) configure(t testing.TB, clickhouse string, more ...string) {
	t.Helper()
	h.config = filepath.Join(h.dir, "leadline.yaml")
	examples := filepath.Join(root, "examples")
	yaml := fmt.Sprintf(`listen: %s
data: data
clickhouse: %s
schemas: %q
pipeline: {qualify: %q}
rules: [%q]
`, h.listen, clickhouse, filepath.Join(examples, "schemas"), filepath.Join(examples, "qualify.yaml"), filepath.Join(examples, "rules"))
	yaml += strings.Join(append(more, ""), "\n")
	if err := os.WriteFile(h.config, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
}

// key creates an API key of a partner.
func (h *house) key(t testing.TB, partner string) string {
	t.Helper()
	out, errs, code := leadlineDoes(t, nil, "keys", "create", partner, "--config", h.config)
	if code != 0 {
		t.Fatalf("keys create: %d %s", code, errs)
	}
	return strings.TrimSpace(out)
}

// freeAddr is a loopback address that can be taken again after a kill: below the range from which the kernel gives
// ports to outgoing connections, where a client of ours could get it meanwhile.
func freeAddr(t testing.TB) string {
	t.Helper()
	for range 100 {
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(10_000+rand.IntN(20_000)))
		if err == nil {
			l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no free port")
	return ""
}

// runnable is the binary with these arguments, at the repository's root. It dies with the test.
func runnable(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir = root
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// start runs `leadline serve` until it takes events.
func (h *house) start(t testing.TB) {
	t.Helper()
	h.starts++
	h.stdout, h.stderr = filepath.Join(h.dir, fmt.Sprintf("%d.stdout", h.starts)), filepath.Join(h.dir, fmt.Sprintf("%d.stderr", h.starts))
	h.cmd = runnable(context.Background(), "serve", "--config", h.config)
	stdout, err := os.Create(h.stdout)
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	stderr, err := os.Create(h.stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer stderr.Close()
	h.cmd.Stdout, h.cmd.Stderr = stdout, stderr
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	cmd, exited := h.cmd, make(chan struct{})
	h.exited = exited
	go func() {
		defer close(exited)
		_ = cmd.Wait() // ProcessState tells it
	}()
	t.Cleanup(func() {
		orphan := h.enginePid(t)
		_ = cmd.Process.Kill()
		<-exited
		within(patience, func() bool { return gone(orphan) }) // it writes into the folder that is removed next
	})
	eventually(t, "leadline serve is ready", func() bool {
		select {
		case <-exited:
			t.Fatalf("leadline serve ended: %s\n%s", cmd.ProcessState, h.log(t))
		default:
		}
		resp, err := http.Get("http://" + h.listen + "/readyz") //nolint:noctx // loopback
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	last, embedded := h.native, h.analyst == ""
	switch {
	case h.starts == 1 && embedded:
		last = "PrettyCompact"
	case h.starts == 1:
		last = "curl http"
	}
	eventually(t, "the welcome is printed", func() bool { return strings.Contains(h.output(t), last) })
	if h.starts == 1 {
		h.welcomed = h.output(t)
		h.apiKey = find(t, h.welcomed, `API key +(ll_live_\S+)`)
		if embedded {
			h.analyst = find(t, h.welcomed, `analyst password +(\S+)`)
		}
	}
}

func find(t testing.TB, text, pattern string) string {
	t.Helper()
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("no %s in\n%s", pattern, text)
	}
	return m[1]
}

// log is what the present Leadline wrote for its operator.
func (h *house) log(t testing.TB) string {
	t.Helper()
	return text(t, h.stderr)
}

// output is what it printed for whoever started it.
func (h *house) output(t testing.TB) string {
	t.Helper()
	return text(t, h.stdout)
}

func text(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// stop asks Leadline to end and returns the exit code and how long it took.
func (h *house) stop(t testing.TB) (code int, took time.Duration) {
	t.Helper()
	start := time.Now()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	eventually(t, "leadline serve ends after SIGTERM", func() bool { return closed(h.exited) })
	return h.cmd.ProcessState.ExitCode(), time.Since(start)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// leadlineDoes runs a short verb and returns what it wrote and its exit code.
func leadlineDoes(t testing.TB, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := runnable(ctx, args...)
	cmd.Env = append(os.Environ(), env...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return o.String(), e.String(), cmd.ProcessState.ExitCode()
}

var sqlClient = http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// ask runs a statement over ClickHouse's HTTP interface.
func (h *house) ask(ctx context.Context, user, password, sql string) (status int, answer string, err error) {
	address := url.URL{Scheme: "http", Host: h.http, Path: "/", RawQuery: url.Values{"database": {"leadline"}, "wait_end_of_query": {"1"}}.Encode()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), strings.NewReader(sql))
	if err != nil {
		return 0, "", err
	}
	req.SetBasicAuth(user, password)
	resp, err := sqlClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, strings.TrimSuffix(string(body), "\n"), err
}

// secret reads what a house keeps in its state.
func (h *house) secret(t testing.TB, name string) (value string) {
	t.Helper()
	db, err := state.Open(filepath.Join(h.dir, "data", "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(t.Context(), func(tx *state.Tx) error {
		b, ok, err := tx.Setting(name)
		if value = string(b); err == nil && !ok {
			return errors.New("there is none")
		}
		return err
	})
	if err != nil {
		t.Fatalf("secret %s: %v", name, err)
	}
	return value
}

// sql reads as the analyst, as TSV.
func (h *house) sql(t testing.TB, query string) string {
	t.Helper()
	status, answer, err := h.ask(t.Context(), "analyst", h.analyst, query)
	if err != nil || status != http.StatusOK {
		t.Fatalf("%s: %d %s %v", query, status, answer, err)
	}
	return answer
}

// post posts one event with a key and returns the status and the body.
func (h *house) post(t testing.TB, key, event string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+h.listen+"/v1/events", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// enginePid is the process of the embedded ClickHouse, a child of Leadline; 0 where there is none.
func (h *house) enginePid(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if state, parent := processOf(pid); parent == h.cmd.Process.Pid && state != "Z" {
			return pid
		}
	}
	return 0
}

// processOf is the state and the parent of a process, "" where there is none.
func processOf(pid int) (state string, parent int) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0
	}
	fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:])) // the name before may hold anything
	parent, _ = strconv.Atoi(fields[1])
	return fields[0], parent
}

// gone says that a process has ended; a zombie has.
func gone(pid int) bool {
	state, _ := processOf(pid)
	return state == "" || state == "Z" || state == "X"
}
