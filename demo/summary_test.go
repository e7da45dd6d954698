package demo

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
)

// told is a Leadline of which everything is known beforehand.
type told struct {
	counts    Counts
	incidents []leadline.Incident
	backlog   int64
}

func (l *told) Counts(context.Context) (Counts, error)                 { return l.counts, nil }
func (l *told) Incidents(context.Context) ([]leadline.Incident, error) { return l.incidents, nil }
func (l *told) Backlog() int64                                         { return l.backlog }

func TestSummaryNamesBrokenPromises(t *testing.T) {
	t.Parallel()
	start := time.Now().Add(-5 * time.Minute)
	fault := start.Add(FaultAfter)
	page := func(change func(*leadline.Incident)) leadline.Incident {
		in := leadline.Incident{
			ID: 1, Severity: "page", State: leadline.IncidentResolved,
			StartedAt: fault.Add(3 * time.Second), OpenedAt: fault.Add(20 * time.Second), NotifiedAt: fault.Add(21 * time.Second), ResolvedAt: fault.Add(150 * time.Second),
			Verdict: &leadline.Verdict{Stages: []leadline.StageShare{{Stage: leadline.StageGeoIP, Share: .97}}},
		}
		change(&in)
		return in
	}
	same := func(*leadline.Incident) {}
	f := func(broken string, kind string, counts Counts, incidents ...leadline.Incident) {
		t.Helper()
		s := &Story{Bots: &Bots{}, Leadline: &told{counts: counts, incidents: incidents}, Fault: kind, For: 4 * time.Minute, Out: io.Discard, start: start}
		s.Bots.Acked.Store(100)
		if kind == FaultGeoIP {
			s.faultStart = fault
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel() // do not wait for what will not come
		got := s.sum(ctx)
		if diff := cmp.Diff(broken, strings.Join(got.Broken, "; ")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	all := Counts{Rows: 100, Distinct: 100}
	f("", FaultGeoIP, all, page(same))
	f("", FaultNone, all)
	f("3 acknowledged events are not stored", FaultGeoIP, Counts{Rows: 97, Distinct: 97}, page(same))
	f("2 events are stored twice", FaultGeoIP, Counts{Rows: 102, Distinct: 100}, page(same))
	f("nobody was paged", FaultGeoIP, all)
	f("nobody was paged", FaultGeoIP, all, page(func(in *leadline.Incident) { in.Severity = "ticket" }))
	f("somebody was paged although nothing was wrong", FaultNone, all, page(same))
	f("somebody was paged before the fault", FaultGeoIP, all, page(func(in *leadline.Incident) { in.OpenedAt = start }))
	f("the page did not reach the phone", FaultGeoIP, all, page(func(in *leadline.Incident) { in.NotifiedAt = time.Time{} }))
	f("the page came after 2m5s, promised within 2m0s", FaultGeoIP, all, page(func(in *leadline.Incident) { in.NotifiedAt = start.Add(125 * time.Second) }))
	f(`the page blames "write", and the slow stage is enrich.geoip`, FaultGeoIP, all, page(func(in *leadline.Incident) { in.Verdict.Stages[0].Stage = "write" }))
	f("the incident did not resolve after the fault", FaultGeoIP, all, page(func(in *leadline.Incident) { in.State = leadline.IncidentOpen }))
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1 000", 1234567: "1 234 567"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %q, want %q", n, got, want)
		}
	}
	for ms, want := range map[float64]string{254.4: "254 ms", 1999: "2.0 s"} {
		if got := milliseconds(ms); got != want {
			t.Errorf("milliseconds(%g) = %q, want %q", ms, got, want)
		}
	}
}
