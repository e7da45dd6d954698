//go:build !unix

package engine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
)

var errPlatform = errors.New("engine: there is no embedded ClickHouse for this platform: use a ClickHouse server with clickhouse.addrs")

// Main is the child's side of the engine, which this platform does not have.
func Main([]string) int {
	fmt.Fprintln(os.Stderr, errPlatform)
	return 1
}

func ownGroup(*exec.Cmd)                     {}
func endedBy(*os.ProcessState) string        { return exited }
func terminate(p *os.Process) error          { return p.Kill() }
func kill(p *os.Process) error               { return p.Kill() }
func lockDir(string) (*os.File, error)       { return nil, errPlatform }
func openStoreLock(string) (*os.File, error) { return nil, errPlatform }
func tryLock(*os.File) error                 { return errPlatform }
