package app

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"leadline/metrics"
	"leadline/oncall"
	"leadline/rules"
)

// reloadEvery is how often the rule files are looked at.
const reloadEvery = 5 * time.Second

// reloader reads the rule files again when they say something else, or when somebody asks. It takes up all of them or
// nothing: with any mistake the rules of before go on.
type reloader struct {
	paths  []At
	engine interface {
		Replace(groups []*rules.Group)
		Reloaded(err error)
	}
	desk interface {
		Reschedule(schedules []oncall.Schedule)
	}
	log *slog.Logger
	ask chan struct{} // at most one waits

	tried  string // content of the newest try
	failed bool   // it was not taken up

	mu     sync.Mutex
	status metrics.Reload
}

// newReloader begins with rules that were loaded, after tried was taken of their files.
func newReloader(r *reloader) *reloader {
	r.ask = make(chan struct{}, 1)
	r.status = metrics.Reload{OK: true, Last: time.Now()}
	return r
}

// Reload asks Run to read the files now.
func (r *reloader) Reload() {
	select {
	case r.ask <- struct{}{}:
	default:
	}
}

// Status says how the newest try ended.
func (r *reloader) Status() metrics.Reload {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Run looks at the files until ctx ends.
func (r *reloader) Run(ctx context.Context) error {
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.ask:
			r.load()
		case <-tick.C:
			if r.changed() {
				r.load()
			}
		}
	}
}

// changed reports whether the files say something that was not tried yet.
func (r *reloader) changed() bool {
	now, err := content(r.paths)
	return err != nil && !r.failed || err == nil && now != r.tried
}

// load tries to take up what the files say. What changes while they are read is found by the next look.
func (r *reloader) load() {
	r.tried, _ = content(r.paths) // readRules says its errors better
	set, err := readRules(r.paths)
	r.failed = err != nil
	if err != nil {
		for _, e := range mistakes(err) {
			r.log.Error("rules not reloaded, those of before go on", "error", e.Error())
		}
	} else {
		r.desk.Reschedule(set.Schedules)
		r.engine.Replace(set.Groups)
		r.log.Info("rules reloaded", "groups", len(set.Groups), "schedules", len(set.Schedules))
	}
	r.engine.Reloaded(err)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.status.OK = err == nil
	if err == nil {
		r.status.Last = time.Now()
	}
}

// content is a hash of all rule files, their names and what they say.
func content(paths []At) (string, error) {
	h := sha256.New()
	for _, p := range paths {
		files, err := yamlFiles(p)
		if err != nil {
			return "", err
		}
		for _, name := range files {
			if err := addFile(h, name); err != nil {
				return "", err
			}
		}
	}
	return string(h.Sum(nil)), nil
}

func addFile(h io.Writer, name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(h, "%q %d\n%s", name, len(data), data)
	return err
}
