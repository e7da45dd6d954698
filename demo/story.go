package demo

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"leadline"
)

// Faults that the demo can inject.
const (
	FaultGeoIP = "geoip" // the third party turns slow
	FaultNone  = "none"
)

// The story's times. The fault lasts long enough to page and to be looked at; what follows it lets the rule's window
// run empty, so that the recovery is seen as well.
const (
	FaultAfter = 35 * time.Second
	FaultLasts = 80 * time.Second
	Recovery   = 100 * time.Second
	Shortest   = FaultAfter + FaultLasts + Recovery
)

// Counts are what lies in the tables, asked of ClickHouse.
type Counts struct {
	Rows     int64   // rows of the demo's partners
	Distinct int64   // distinct events among them
	P95MS    float64 // end to end, of the last 10 s
}

// Leadline is what the story asks of the real one.
type Leadline interface {
	Counts(ctx context.Context) (Counts, error)
	Incidents(ctx context.Context) ([]leadline.Incident, error)
	Backlog() int64 // acknowledged events that are not stored yet
}

// Story drives the world through one campaign rush and tells what happens.
type Story struct {
	Bots       *Bots
	ThirdParty *ThirdParty
	Leadline   Leadline
	Fault      string
	For        time.Duration // 0 means until the context ends
	Out        io.Writer

	start      time.Time
	faultStart time.Time
	said       map[int64]string
	mu         sync.Mutex
}

// Tell runs the story and returns how it ended.
func (s *Story) Tell(ctx context.Context) Summary {
	s.start, s.said = time.Now(), map[int64]string{}
	rush, stop := context.WithCancel(ctx)
	if s.For > 0 {
		rush, stop = context.WithTimeout(ctx, s.For)
	}
	defer stop()
	s.say("%d partners' bots start to post, %.0f events a second at the rush", len(Partners), s.Bots.Rate)
	var all sync.WaitGroup
	all.Go(func() { s.Bots.Run(rush) })
	all.Go(func() { s.breakThirdParty(rush) })
	all.Go(func() { s.narrate(rush) })
	all.Wait()
	s.say("the bots stop; waiting until everything is stored")
	return s.sum(context.WithoutCancel(ctx))
}

func (s *Story) breakThirdParty(ctx context.Context) {
	if s.Fault != FaultGeoIP || !pause(ctx, FaultAfter) {
		return
	}
	s.mu.Lock()
	s.faultStart = time.Now()
	s.mu.Unlock()
	s.ThirdParty.SetSlow(true)
	s.say("FAULT the GeoIP third party now takes %d ms instead of %d: no error, just slow", (slowMin+slowMax).Milliseconds()/2, (fastMin+fastMax).Milliseconds()/2)
	defer s.ThirdParty.SetSlow(false)
	if pause(ctx, FaultLasts) {
		s.say("the fault is over; the alert resolves once the last minute is good again")
	}
}

// narrate says what changed on the incidents, and every ten seconds how the rush goes.
func (s *Story) narrate(ctx context.Context) {
	for tick := 1; pause(ctx, time.Second); tick++ {
		incidents, err := s.Leadline.Incidents(ctx)
		if err == nil {
			s.sayIncidents(incidents)
		}
		if tick%10 == 0 {
			s.sayProgress(ctx)
		}
	}
}

func (s *Story) sayProgress(ctx context.Context) {
	c, err := s.Leadline.Counts(ctx)
	if err != nil {
		s.say("ClickHouse does not answer: %v", err)
		return
	}
	s.say("%s acknowledged · %s stored · P95 %s", thousands(s.Bots.Acked.Load()), thousands(c.Distinct), milliseconds(c.P95MS))
}

func (s *Story) sayIncidents(incidents []leadline.Incident) {
	for i := range incidents {
		in := &incidents[i]
		now := string(in.State) + in.AckedBy
		if !in.NotifiedAt.IsZero() {
			now += "told"
		}
		if s.said[in.ID] == now {
			continue
		}
		s.said[in.ID] = now
		switch {
		case in.State == leadline.IncidentResolved:
			s.say("RESOLVED INC-%d after %s", in.ID, in.ResolvedAt.Sub(in.StartedAt).Round(time.Second))
		case in.State == leadline.IncidentAcked:
			s.say("ACKED INC-%d by %s", in.ID, in.AckedBy)
		case in.NotifiedAt.IsZero():
		default:
			s.say("%s INC-%d %s%s — see the phone", label(in.Severity), in.ID, in.Texts["summary"], blame(in.Verdict))
		}
	}
}

func label(severity string) string {
	if severity == "page" {
		return "PAGE"
	}
	return "TICKET"
}

func blame(v *leadline.Verdict) string {
	if b, ok := v.Bottleneck(); ok {
		return fmt.Sprintf(" · %s is %.0f %% of the slow-down", b.Stage, 100*b.Share)
	}
	return ""
}

func (s *Story) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := time.Since(s.start).Round(time.Second)
	fmt.Fprintf(s.Out, "  %02d:%02d  %s\n", int(at.Minutes()), int(at.Seconds())%60, fmt.Sprintf(format, args...))
}

// thousands writes 12345 as 12 345.
func thousands(n int64) string {
	b := fmt.Appendf(nil, "%d", n)
	for i := len(b) - 3; i > 0; i -= 3 {
		b = slices.Insert(b, i, ' ')
	}
	return string(b)
}

func milliseconds(ms float64) string {
	switch {
	case ms != ms: // NaN: no event in the window
		return "–"
	case ms < 1000:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f s", ms/1000)
}
