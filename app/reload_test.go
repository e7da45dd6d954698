package app

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leadline/oncall"
	"leadline/rules"
)

// taker is the engine and the desk of a reloader.
type taker struct {
	mu        sync.Mutex
	groups    []string
	replaced  int
	schedules int
	reloaded  []string
}

func (k *taker) Replace(groups []*rules.Group) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.replaced++
	k.groups = nil
	for _, g := range groups {
		k.groups = append(k.groups, g.Name)
	}
}

func (k *taker) Reloaded(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	text := "good"
	if err != nil {
		text = err.Error()
	}
	k.reloaded = append(k.reloaded, text)
}

func (k *taker) Reschedule(s []oncall.Schedule) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.schedules = len(s)
}

const watched = `apiVersion: leadline/v1
kind: RuleGroup
metadata: {name: NAME}
spec:
  rules:
    - alert: Slow
      measure: {n: {count: event, window: 5m}}
      expr: n > 5
      labels: {severity: page}
`

const schedule = `---
apiVersion: leadline/v1
kind: Schedule
metadata: {name: ops}
spec:
  timeZone: UTC
  rotation: {users: [anna], every: 1d, handoff: '10:00', start: 2026-03-02}
`

// Rule files that change are taken up as a whole or not at all, and what is wrong with them is told with its place.
func TestRuleFilesAreReadAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a.yaml", strings.Replace(watched, "NAME", "a", 1))
	synctest.Test(t, func(t *testing.T) {
		k := &taker{}
		var log strings.Builder
		said, err := content([]At{{Value: dir}})
		if err != nil {
			t.Fatal(err)
		}
		r := newReloader(&reloader{paths: []At{{Value: dir}}, tried: said, engine: k, desk: k, log: slog.New(slog.NewTextHandler(&log, nil))})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		f := func(replaced int, groups, reloaded string) {
			t.Helper()
			time.Sleep(reloadEvery)
			synctest.Wait()
			k.mu.Lock()
			defer k.mu.Unlock()
			last := ""
			if n := len(k.reloaded); n > 0 {
				last = k.reloaded[n-1]
			}
			if k.replaced != replaced || strings.Join(k.groups, " ") != groups || !strings.Contains(last, reloaded) {
				t.Errorf("taken up %d times, %q, %q", k.replaced, k.groups, last)
			}
			if s := r.Status(); s.OK != (reloaded == "good" || reloaded == "") {
				t.Errorf("status %+v", s)
			}
		}
		f(0, "", "")
		write("b.yaml", strings.Replace(watched, "NAME", "b", 1)+schedule)
		f(1, "a b", "good")
		f(1, "a b", "good")
		good := r.Status().Last
		write("b.yaml", strings.Replace(watched, "n > 5", "m > 5", 1))
		write("c.yaml", strings.Replace(watched, "NAME", "c", 1))
		f(1, "a b", "b.yaml:8:13: unknown name m")
		if !strings.Contains(log.String(), "b.yaml:8:13: unknown name m") || !r.Status().Last.Equal(good) {
			t.Errorf("log %s", log.String())
		}
		tries := len(k.reloaded)
		f(1, "a b", "unknown name m")
		if len(k.reloaded) != tries {
			t.Error("the same mistake was looked at again")
		}
		write("b.yaml", strings.Replace(watched, "NAME", "a", 1))
		f(1, "a b", "is there twice")
		if err := os.Remove(filepath.Join(dir, "b.yaml")); err != nil {
			t.Fatal(err)
		}
		f(2, "a c", "good")
		r.Reload()
		f(3, "a c", "good")
		if err := os.Rename(dir, dir+".away"); err != nil {
			t.Fatal(err)
		}
		f(3, "a c", "there is no")
		if err := os.Rename(dir+".away", dir); err != nil {
			t.Fatal(err)
		}
		f(4, "a c", "good")
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
