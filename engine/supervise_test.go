//go:build unix

package engine_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"leadline/engine"
)

func TestAKilledEngineIsReplaced(t *testing.T) {
	t.Parallel()
	var log record
	o := options(t.TempDir())
	o.Log = log.logger()
	e := begin(t, o)
	ask(t, e, "CREATE TABLE default.x ENGINE = MergeTree ORDER BY n AS SELECT number AS n FROM numbers(1000)")
	native, http, pid := e.NativeAddr(), e.HTTPAddr(), e.Pid()

	begun := e.Health().Since
	if begun.IsZero() || time.Since(begun) > time.Minute {
		t.Errorf("it answers since %v", begun)
	}
	f := func(signal syscall.Signal, restarts int, how string, logged ...string) {
		t.Helper()
		if err := syscall.Kill(e.Pid(), signal); err != nil {
			t.Fatal(err)
		}
		eventually(t, "it is replaced", func() bool { return e.Restarts() == restarts })
		if got := ask(t, e, "SELECT count(), sum(n) FROM default.x"); got != "1000\t499500" {
			t.Errorf("got %q", got)
		}
		login(t, e.NativeAddr())
		if e.NativeAddr() != native || e.HTTPAddr() != http || e.Pid() == pid {
			t.Errorf("addresses %s and %s, pid %d", e.NativeAddr(), e.HTTPAddr(), e.Pid())
		}
		h := e.Health()
		if h.Last != how || h.Restarts[how] == 0 || !h.Since.After(begun) {
			t.Errorf("health %+v, want its last end to be %s", h, how)
		}
		begun = h.Since
		for _, want := range append(logged, "how="+how) {
			if !strings.Contains(log.String(), want) {
				t.Errorf("%q is not in the log:\n%s", want, &log)
			}
		}
	}
	f(syscall.SIGKILL, 1, "SIGKILL", "signal: killed", "answers again")
	f(syscall.SIGSEGV, 2, "fatal", "Segmentation fault")
	f(syscall.SIGABRT, 3, "fatal", "Aborted")
}

func TestTheEngineGoesWithItsParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Ending the parent while its engine is busy, too: then it does not end by itself at once.
	f := func(busy bool) {
		t.Helper()
		parent := exec.CommandContext(t.Context(), exe, "parent", dir)
		parent.Stderr = os.Stderr
		out, err := parent.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := parent.Start(); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(out).ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		var pid int
		var address string
		if _, err := fmt.Sscan(line, &pid, &address); err != nil {
			t.Fatalf("the parent said %q", line)
		}
		if busy {
			httpSelect(t, address)
		}
		if err := parent.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = parent.Wait()

		// The next Leadline may come before the engine of the last has gone.
		e, err := engine.Start(t.Context(), options(dir))
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, "the engine has gone", func() bool { return !alive(pid) })
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
	f(false)
	f(true)
}

func TestCloseEndsABusyEngine(t *testing.T) {
	t.Parallel()
	e := begin(t, options(t.TempDir()))
	pid := e.Pid()
	nativeSelect(t, e.NativeAddr())
	httpSelect(t, e.HTTPAddr())
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	if alive(pid) {
		t.Errorf("process %d is still there", pid)
	}
}

// alive tells whether the process runs; one that nobody has waited for yet does not.
func alive(pid int) bool {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return len(out) > 0 && out[0] != 'Z'
}
