package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// row is what was measured with one number of events a request.
type row struct {
	Events     int
	Full, Half figures // Leadline at its maximum, and at half of what it stored then
	Null       figures // the empty handler at its maximum
	NullHalf   figures // and at Leadline's half rate
}

const (
	beginMark = "<!-- bench: begin -->"
	endMark   = "<!-- bench: end -->"
)

// write puts the figures between the marks of a Markdown file.
func write(path string, rows []row, native limit) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	before, rest, ok := strings.Cut(string(text), beginMark)
	_, after, ok2 := strings.Cut(rest, endMark)
	if !ok || !ok2 {
		return errors.New("report: " + path + " has no " + beginMark + " … " + endMark)
	}
	if err := os.WriteFile(path, []byte(before+beginMark+"\n"+render(rows, native)+endMark+after), 0o600); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

func render(rows []row, native limit) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Measured %s with `make bench`, %s, %d CPUs, %s/%s.\n\n", time.Now().UTC().Format(time.DateOnly), runtime.Version(), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	b.WriteString("| events a request | subject | acknowledged/s | stored/s | ack p50 / p95 / p99 at the maximum | at half of it, open loop | server µs an event | ClickHouse µs an event | peak RSS |\n")
	b.WriteString("|---|---|---|---|---|---|---|---|---|\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | **Leadline**, everything on | %s | **%s** | %s | %s | %.1f | %.1f | %d MB |\n", count(float64(r.Events)), count(r.Full.Acked), count(r.Full.Stored), latencies(r.Full), latencies(r.Half), r.Full.CPU, r.Full.ClickHouseCPU, r.Full.Peak>>20)
		fmt.Fprintf(&b, "| %s | limit: a Fiber handler that does nothing | %s | – | %s | %s | %.1f | – | %d MB |\n", count(float64(r.Events)), count(r.Null.Acked), latencies(r.Null), latencies(r.NullHalf), r.Null.CPU, r.Null.Peak>>20)
	}
	perRow := func(d time.Duration) float64 { return float64(d.Microseconds()) / float64(max(native.Rows, 1)) }
	fmt.Fprintf(&b, "| – | limit: native insert of ready rows, blocks of %s | – | %s | – | – | %.1f | %.1f | – |\n\n", count(blockRows), count(native.perSecond()), perRow(native.CPU), perRow(native.ClickHouseCPU))
	for _, r := range rows {
		fmt.Fprintf(&b, "- %s a request: Leadline stores %.2f× what the empty handler answers and %.2f× what the native insert alone reaches; its ack p99 at half the maximum is %.1f× the empty handler's at the same rate.\n", count(float64(r.Events)), r.Full.Stored/r.Null.Acked, r.Full.Stored/native.perSecond(), float64(r.Half.P99)/float64(max(r.NullHalf.P99, 1)))
	}
	return b.String()
}

func latencies(f figures) string {
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d.Microseconds())/1000) }
	return ms(f.P50) + " / " + ms(f.P95) + " / " + ms(f.P99) + " ms"
}

// count writes 12345 as 12 345.
func count(n float64) string {
	s := fmt.Sprintf("%.0f", n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}
