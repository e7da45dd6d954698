package demo

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"leadline"
)

// Summary is how the story ended, against what the demo promises.
type Summary struct {
	Sent, Acked, Repeats, Retries int64
	Stored, Lost, Doubled         int64
	Detected                      time.Duration // from the fault to the open incident, 0 where none opened
	Notified                      time.Duration // from the fault to the message on the phone, 0 where none came
	Resolved                      time.Duration // how long the incident lasted, 0 while it is open
	Bottleneck                    string
	Broken                        []string // promises that were not kept
}

// notifyWithin is what the demo promises: from its start to the message on the phone.
const notifyWithin = 120 * time.Second

// drained waits until ClickHouse has everything, for at most 30 s.
func (s *Story) drained(ctx context.Context) (Counts, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	for {
		c, err := s.Leadline.Counts(ctx)
		if err == nil && s.Leadline.Backlog() == 0 && c.Distinct >= s.Bots.Acked.Load() {
			return c, nil
		}
		if !pause(ctx, 200*time.Millisecond) {
			return c, err
		}
	}
}

func (s *Story) sum(ctx context.Context) Summary {
	b := s.Bots
	out := Summary{Sent: b.Sent.Load(), Acked: b.Acked.Load(), Repeats: b.Repeats.Load(), Retries: b.Retries.Load()}
	counts, err := s.drained(ctx)
	if err != nil {
		out.Broken = append(out.Broken, fmt.Sprintf("the tables could not be counted: %v", err))
	}
	out.Stored, out.Lost, out.Doubled = counts.Distinct, max(0, out.Acked-counts.Distinct), counts.Rows-counts.Distinct
	if out.Lost > 0 {
		out.Broken = append(out.Broken, fmt.Sprintf("%d acknowledged events are not stored", out.Lost))
	}
	if out.Doubled > 0 {
		out.Broken = append(out.Broken, fmt.Sprintf("%d events are stored twice", out.Doubled))
	}
	if n := b.Refused.Load(); n > 0 {
		out.Broken = append(out.Broken, fmt.Sprintf("%d events of the demo were refused", n))
	}
	incidents, err := s.Leadline.Incidents(ctx)
	if err != nil {
		out.Broken = append(out.Broken, fmt.Sprintf("the incidents could not be read: %v", err))
	}
	out.judge(s, incidents)
	return out
}

// judge holds the incidents against the fault. A run that was cut short promises nothing about them.
func (out *Summary) judge(s *Story, incidents []leadline.Incident) {
	var page *leadline.Incident
	for i := range incidents {
		if incidents[i].Severity == "page" && page == nil {
			page = &incidents[i]
		}
	}
	s.mu.Lock()
	fault := s.faultStart
	s.mu.Unlock()
	whole := s.For >= Shortest && time.Since(s.start) >= Shortest
	if s.Fault == FaultNone {
		if page != nil {
			out.Broken = append(out.Broken, "somebody was paged although nothing was wrong")
		}
		return
	}
	if page == nil {
		if whole {
			out.Broken = append(out.Broken, "nobody was paged")
		}
		return
	}
	out.Detected = page.OpenedAt.Sub(fault)
	if b, ok := page.Verdict.Bottleneck(); ok {
		out.Bottleneck = b.Stage
	}
	if !page.NotifiedAt.IsZero() {
		out.Notified = page.NotifiedAt.Sub(fault)
	}
	if page.State == leadline.IncidentResolved {
		out.Resolved = page.ResolvedAt.Sub(page.StartedAt)
	}
	switch {
	case fault.IsZero() || page.OpenedAt.Before(fault):
		out.Broken = append(out.Broken, "somebody was paged before the fault")
	case page.NotifiedAt.IsZero():
		out.Broken = append(out.Broken, "the page did not reach the phone")
	case page.NotifiedAt.Sub(s.start) > notifyWithin:
		out.Broken = append(out.Broken, fmt.Sprintf("the page came after %s, promised within %s", page.NotifiedAt.Sub(s.start).Round(time.Second), notifyWithin))
	case out.Bottleneck != leadline.StageGeoIP:
		out.Broken = append(out.Broken, fmt.Sprintf("the page blames %q, and the slow stage is %s", out.Bottleneck, leadline.StageGeoIP))
	case whole && out.Resolved == 0:
		out.Broken = append(out.Broken, "the incident did not resolve after the fault")
	}
}

// Print writes the summary for people.
func (out *Summary) Print(w io.Writer) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "  %-16s %s\n", name, fmt.Sprintf(format, args...))
	}
	fmt.Fprintln(w)
	line("events sent", "%s (and %s sent twice on purpose, %s posts retried)", thousands(out.Sent), thousands(out.Repeats), thousands(out.Retries))
	line("stored", "%s", thousands(out.Stored))
	line("lost", "%d", out.Lost)
	line("doubled", "%d", out.Doubled)
	if out.Detected > 0 {
		line("detected after", "%s", seconds(out.Detected))
		line("notified after", "%s", seconds(out.Notified))
		line("bottleneck", "%s", out.Bottleneck)
	}
	if out.Resolved > 0 {
		line("resolved after", "%s", seconds(out.Resolved))
	}
	for _, b := range out.Broken {
		line("PROMISE BROKEN", "%s", b)
	}
}

func seconds(d time.Duration) string {
	return fmt.Sprintf("%.1f s", math.Round(d.Seconds()*10)/10)
}
