package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"leadline/engine"
)

// binary is the real Leadline, built once for all tests; root is the repository's, in whose node_modules the engine's
// library and the country database lie.
var binary, root string

// rogue is a client that kills itself; nil where the soak does not run.
var rogue func(args []string)

// The test binary is also the child of the engine of the tests that start an app.App of their own, and a client of the
// soak.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		os.Exit(engine.Main(os.Args[2:]))
	}
	if len(os.Args) > 1 && os.Args[1] == "rogue" && rogue != nil {
		rogue(os.Args[2:])
	}
	os.Exit(withBinary(m.Run))
}

func withBinary(tests func() int) int {
	dir, err := os.MkdirTemp("", "leadline-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	if root, err = filepath.Abs("../.."); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	binary = filepath.Join(dir, "leadline")
	build := exec.Command("go", "build", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
		return 1
	}
	return tests()
}

// patience is generous: continuous integration has two shared cores, and what is asserted about time is asserted apart.
const patience = 45 * time.Second

// eventually waits until ok.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	if !within(patience, ok) {
		t.Fatalf("not within %s: %s", patience, what)
	}
}

// within asks every 20 ms and says whether the answer was yes in time.
func within(limit time.Duration, ok func() bool) bool {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(limit)
	for !ok() {
		select {
		case <-ticker.C:
		case <-timeout:
			return ok()
		}
	}
	return true
}
