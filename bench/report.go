package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	beginMark = "<!-- bench: begin -->"
	endMark   = "<!-- bench: end -->"
)

// write puts the figures between the marks of a Markdown file.
func write(path, figures string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	before, rest, ok := strings.Cut(string(text), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return errors.New("report: " + path + " has no " + beginMark + " … " + endMark)
	}
	if err := os.WriteFile(path, []byte(before+beginMark+"\n"+figures+endMark+after), 0o600); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// render is everything that was measured, as Markdown; figures are medians of the runs.
func render(o *options, runs []*run) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s, %s, %d CPUs, %s/%s; %v a load, %s; other processes used %.0f %% of the machine.\n\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, o.seconds, plural(len(runs), "run"), 100*median(runs, func(r *run) (float64, bool) { return r.Others, true }))
	if n := runs[0].rounds(); n > 1 {
		fmt.Fprintf(&b, "Subjects whose ratio is close to its floor took turns in %d rounds, each started afresh: their figures are medians of the rounds, peak memory is the largest, and such a ratio is the median of the rounds' own, with the least and the most in brackets.\n\n", n)
	}
	renderTargets(&b, runs)
	renderSubjects(&b, runs)
	for _, s := range scenarios {
		if s.render != nil {
			s.render(&b, runs)
		}
	}
	return b.String()
}

func renderTargets(b *strings.Builder, runs []*run) {
	b.WriteString("| target | floor | aim | measured | |\n|---|---|---|---|---|\n")
	for i := range targets {
		t := &targets[i]
		v := t.judge(runs)
		measured, mark := "not measured", "–"
		if v.Runs > 0 {
			measured, mark = "**"+t.format(v.Median)+"**", "✓"
			if v.Values > 1 {
				measured += fmt.Sprintf(" (%s–%s)", t.number(v.Least), t.number(v.Most))
			}
			switch {
			case v.Held < v.Runs:
				mark = fmt.Sprintf("✗ held in %d of %d", v.Held, v.Runs)
			case t.holds(v.Median, t.aim):
				mark = "✓ aim"
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", t.name, t.bound(t.floor), t.bound(t.aim), measured, mark)
	}
	b.WriteByte('\n')
}

func renderSubjects(b *strings.Builder, runs []*run) {
	if len(runs[0].Pairs) == 0 && runs[0].Native == nil {
		return
	}
	b.WriteString("| events a request | subject | an acknowledged event is | acknowledged/s | stored/s | refused | ack p50 / p95 / p99 at the maximum, ms | rate of the open loop, events/s | its ack p50 / p95 / p99, ms | server µs an event | ClickHouse µs an event | peak RSS, MB |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, events := range requestSizes {
		for i := range kinds {
			k := &kinds[i]
			if _, ok := runs[0].pair(k.name, events); !ok {
				continue
			}
			f := func(of func(p *pair) float64) float64 {
				return median(runs, func(r *run) (float64, bool) {
					p, ok := r.pair(k.name, events)
					return of(&p), ok
				})
			}
			stored, clickhouse := dash(count(f(storedFull))), dash(fmt.Sprintf("%.1f", f(func(p *pair) float64 { return p.Full.ClickHouseCPU })))
			fmt.Fprintf(b, "| %s | %s | %s | %s | **%s** | %.0f %% | %.2f / %.2f / %.2f | %s | %.2f / %.2f / %.2f | %.1f | %s | %.0f |\n",
				count(float64(events)), k.title, k.promise, count(f(ackedFull)), stored, 100*f(func(p *pair) float64 { return p.Full.Refused }),
				f(func(p *pair) float64 { return p.Full.P50 }), f(func(p *pair) float64 { return p.Full.P95 }), f(func(p *pair) float64 { return p.Full.P99 }),
				count(f(func(p *pair) float64 { return p.Half.Rate })),
				f(func(p *pair) float64 { return p.Half.P50 }), f(func(p *pair) float64 { return p.Half.P95 }), f(p99Half),
				f(func(p *pair) float64 { return p.Full.CPU }), clickhouse, f(func(p *pair) float64 { return p.Full.Peak / (1 << 20) }))
		}
	}
	if runs[0].Native != nil {
		f := func(of func(l *limit) float64) float64 {
			return median(runs, func(r *run) (float64, bool) { return of(r.Native), true })
		}
		fmt.Fprintf(b, "| – | limit: native insert of ready rows, blocks of %s | in a part of the table | – | **%s** | – | – | – | – | %.1f | %.1f | – |\n",
			count(blockRows), count(f((*limit).perSecond)), f(func(l *limit) float64 { return perRow(l.CPU, l.Rows) }), f(func(l *limit) float64 { return perRow(l.ClickHouseCPU, l.Rows) }))
	}
	for _, name := range []string{"null", "leadline"} {
		if _, ok := runs[0].pair(name, 1); !ok {
			continue
		}
		f := func(of func(p *pair) float64) float64 {
			return median(runs, func(r *run) (float64, bool) {
				p, ok := r.pair(name, 1)
				return of(&p), ok
			})
		}
		fmt.Fprintf(b, "\nThe generator beside %s, one event a request: %.1f µs of CPU a request at the maximum; in the open loop 99 %% of the requests went out within %.2f ms of being due.", name, f(func(p *pair) float64 { return p.Full.Generator }), f(func(p *pair) float64 { return p.Half.Late }))
	}
	for _, events := range requestSizes {
		at := func(of func(f *figures) float64) float64 {
			return median(runs, func(r *run) (float64, bool) {
				p, ok := r.pair("null", events)
				return of(&p.Beside), ok
			})
		}
		if rate := at(func(f *figures) float64 { return f.Rate }); rate > 0 {
			fmt.Fprintf(b, "\nThe empty handler at Leadline's rate, %s events/s, %s a request: ack p50 / p95 / p99 %.2f / %.2f / %.2f ms.", count(rate), count(float64(events)),
				at(func(f *figures) float64 { return f.P50 }), at(func(f *figures) float64 { return f.P95 }), at(func(f *figures) float64 { return f.P99 }))
		}
	}
	b.WriteString("\n\n")
}

func perRow(d time.Duration, rows int64) float64 {
	return float64(d.Microseconds()) / float64(max(rows, 1))
}

// dash stands for what does not exist.
func dash(s string) string {
	if s == "0" || s == "0.0" {
		return "–"
	}
	return s
}

// spread of values: the least, the median, the most.
func spread(values []float64) (least, middle, most float64) {
	if len(values) == 0 {
		return 0, 0, 0
	}
	slices.Sort(values)
	n := len(values)
	return values[0], (values[(n-1)/2] + values[n/2]) / 2, values[n-1]
}

func median(runs []*run, of func(r *run) (float64, bool)) float64 {
	var values []float64
	for _, r := range runs {
		if v, ok := of(r); ok {
			values = append(values, v)
		}
	}
	_, m, _ := spread(values)
	return m
}

// count writes 12345 as 12 345.
func count(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("median of %d %ss", n, what)
}
