//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// burden is what the processes hold of the machine, once a second.
type burden struct {
	order  []string
	series map[string][]float64
}

// tolerance of the last third over the second: a part of it, and so much. Go returns memory to the system late, and the
// keys of the load's events are remembered at some 15 B each; ClickHouse's caches and merges breathe. Its threads
// are only told: its pool keeps up to 1000 that one busy moment has made.
var tolerance = map[string]struct{ part, more float64 }{
	"Leadline RSS MiB":    {0.25, 24},
	"Leadline goroutines": {0.10, 20},
	"Leadline threads":    {0.10, 6},
	"Leadline files":      {0.10, 20},
	"engine RSS MiB":      {0.50, 192},
	"engine files":        {0.25, 60},
}

func newBurden() *burden { return &burden{series: map[string][]float64{}} }

// watch samples until ctx ends. A process that is away at the moment gives no sample.
func (u *burden) watch(ctx context.Context, x *torture) {
	for sleep(ctx, time.Second) {
		for name, pid := range map[string]int{"Leadline": x.h.cmd.Process.Pid, "engine": x.h.enginePid(x)} {
			rss, threads, ok := holds(pid)
			files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
			if !ok || err != nil {
				continue
			}
			u.add(name+" RSS MiB", rss)
			u.add(name+" threads", threads)
			u.add(name+" files", float64(len(files)))
		}
		if n, ok := x.h.scrape("go_goroutines"); ok {
			u.add("Leadline goroutines", n)
		}
	}
}

func (u *burden) add(what string, v float64) {
	if u.series[what] == nil {
		u.order = append(u.order, what)
	}
	u.series[what] = append(u.series[what], v)
}

// holds reads the resident memory in MiB and the number of threads of a process.
func holds(pid int) (rss, threads float64, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, false
	}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		n, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "VmRSS":
			rss = n / 1024
		case "Threads":
			threads = n
		}
	}
	return rss, threads, rss > 0 // a zombie has none
}

// flat compares the median of the last third with that of the second. The first third is for the start and the kills.
func (u *burden) flat(t *testing.T) {
	t.Helper()
	slices.Sort(u.order)
	for _, what := range u.order {
		s := u.series[what]
		third := len(s) / 3
		if third < 5 {
			t.Errorf("%s: %d samples are too few", what, len(s))
			continue
		}
		second, last := median(s[third:2*third]), median(s[2*third:])
		t.Logf("%-20s first %6.0f, median of the second third %6.0f, of the last %6.0f", what, s[0], second, last)
		if bound, ok := tolerance[what]; ok && last > second*(1+bound.part)+bound.more {
			t.Errorf("%s grows: %v", what, s)
		}
	}
	if u.series["Leadline goroutines"] == nil {
		t.Error("/metrics does not tell go_goroutines")
	}
}

func median(s []float64) float64 {
	s = slices.Sorted(slices.Values(s))
	return s[len(s)/2]
}

func readLines(r io.Reader) iter.Seq[string] {
	return func(yield func(string) bool) {
		for s := bufio.NewScanner(r); s.Scan() && yield(s.Text()); {
		}
	}
}
