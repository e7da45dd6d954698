//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

const quiet = `apiVersion: leadline/v1
kind: RuleGroup
metadata: {name: quiet}
spec:
  interval: 1s
  rules:
    - {alert: NobodySends, measure: {n: {count: event, window: 1m}}, expr: n < 5, labels: {severity: page}}
`

// TestReload is an operator's hour with the rule files of a running Leadline: a mistake and SIGHUP, its correction
// without one, and a group that is removed while Leadline is down.
func TestReload(t *testing.T) {
	t.Parallel()
	h := settle(t)
	file := filepath.Join(h.dir, "rules", "quiet.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	write(quiet)
	config := text(t, h.config)
	config = strings.Replace(config, filepath.Join(root, "examples", "rules"), filepath.Dir(file), 1)
	if err := os.WriteFile(h.config, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	says := func(what string, words ...string) {
		t.Helper()
		eventually(t, what, func() bool {
			for line := range strings.Lines(h.log(t)) {
				all := true
				for _, w := range words {
					all = all && strings.Contains(line, w)
				}
				if all {
					return true
				}
			}
			return false
		})
	}
	reloaded := func(want float64) func() bool {
		return func() bool {
			v, ok := h.scrape("leadline_config_last_reload_successful")
			return ok && v == want
		}
	}
	h.start(t)
	says("the rule fires", "rule=quiet/NobodySends", "state=open")

	write(strings.Replace(quiet, "n < 5", "m < 5", 1))
	if err := h.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the mistake is counted", reloaded(0))
	says("the mistake has its place", "not reloaded", "quiet.yaml:7:", "unknown name m")
	says("the mistake is told", "rule=leadline/RulesNotReloaded", "state=open")
	write(strings.Replace(quiet, "n < 5", "n < 6", 1))
	eventually(t, "the correction is seen", reloaded(1))
	says("the edit is logged", "rule edited", "rule=NobodySends")
	says("the end of it is told", "rule=leadline/RulesNotReloaded", "state=resolved")
	if strings.Contains(h.log(t), "rule=quiet/NobodySends state=resolved") {
		t.Error("an edit resolved what fires")
	}

	if code, _ := h.stop(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, h.log(t))
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	h.start(t)
	says("what fired of a group that vanished resolves", "rule=quiet/NobodySends", "state=resolved")
}
