package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
)

// rollup is what counting a stage into the latency histograms costs, by the benchmark of package latency.
type rollup struct{ Nanoseconds float64 }

var errNoLatency = errors.New("there is no package latency to measure")

func measureRollup(ctx context.Context, _ *options, _ *run) (any, error) {
	if _, err := os.Stat("latency"); err != nil {
		return nil, errNoLatency
	}
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "Count", "-count", "3", "./latency")
	cmd.Stderr = os.Stderr
	text, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("rollup: %w: %s", err, text)
	}
	worst, err := nanoseconds(string(text))
	return &rollup{worst}, err
}

// nanoseconds finds, of each benchmark, the least CPU time a stage, and returns that of the dearest benchmark.
func nanoseconds(text string) (worst float64, err error) {
	best := map[string]float64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		for i := 1; i < len(fields) && strings.HasPrefix(line, "Benchmark"); i++ {
			if fields[i] != "cpu-ns/stage" {
				continue
			}
			v, err := strconv.ParseFloat(fields[i-1], 64)
			if err != nil {
				return 0, fmt.Errorf("rollup: %w", err)
			}
			if old, ok := best[fields[0]]; !ok || v < old {
				best[fields[0]] = v
			}
		}
	}
	if len(best) == 0 {
		return 0, fmt.Errorf("rollup: no cpu-ns/stage in:\n%s", text)
	}
	return slices.Max(slices.Collect(maps.Values(best))), nil
}
