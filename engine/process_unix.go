//go:build unix

package engine

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"
)

// ownGroup gives the child a process group of its own: a Ctrl-C at the terminal is for Leadline, which then stops the
// engine in order.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

func signalGroup(p *os.Process, s syscall.Signal) error {
	err := syscall.Kill(-p.Pid, s)
	if errors.Is(err, syscall.ESRCH) {
		return nil
	}
	return err
}

// endedBy names how a process ended: the signal, such as SIGKILL, or exit.
func endedBy(s *os.ProcessState) string {
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return cmp.Or(unix.SignalName(status.Signal()), "signal")
	}
	return exited
}

func terminate(p *os.Process) error { return signalGroup(p, syscall.SIGTERM) }
func kill(p *os.Process) error      { return signalGroup(p, syscall.SIGKILL) }

// lockDir takes the directory for this process, until the file is closed or the process ends in any way.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine: lock the data directory: %w", err)
	}
	if err := tryLock(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("engine: %w %s: stop it, or give this one a data directory of its own: %w", ErrHeld, dir, err)
	}
	return f, nil
}

// openStoreLock opens the file whose lock a child inherits and holds to its end. A child outlives a parent that was
// killed by some moments, in which its store cannot be opened.
func openStoreLock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "store.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("engine: lock the store: %w", err)
	}
	return f, nil
}

func tryLock(f *os.File) error { return syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) }
