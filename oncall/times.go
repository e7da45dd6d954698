package oncall

import (
	"time"

	"leadline"
)

// Times are how fast incidents were noticed and dealt with: means over those incidents for which the end of the span
// is known, 0 where there is none.
type Times struct {
	Incidents, Notified, Acked, Resolved int
	Detection                            time.Duration // first bad slot → opened
	Notice                               time.Duration // opened → first message delivered
	MTTA                                 time.Duration // opened → acked
	MTTR                                 time.Duration // opened → resolved
	Length                               time.Duration // first bad slot → resolved
}

// Measure computes the times of some incidents.
func Measure(incidents []leadline.Incident) Times {
	t := Times{Incidents: len(incidents)}
	for _, i := range incidents {
		t.Detection += i.OpenedAt.Sub(i.StartedAt)
		if !i.NotifiedAt.IsZero() {
			t.Notified++
			t.Notice += i.NotifiedAt.Sub(i.OpenedAt)
		}
		if !i.AckedAt.IsZero() {
			t.Acked++
			t.MTTA += i.AckedAt.Sub(i.OpenedAt)
		}
		if !i.ResolvedAt.IsZero() {
			t.Resolved++
			t.MTTR += i.ResolvedAt.Sub(i.OpenedAt)
			t.Length += i.ResolvedAt.Sub(i.StartedAt)
		}
	}
	mean := func(sum *time.Duration, n int) {
		if n > 0 {
			*sum /= time.Duration(n)
		}
	}
	mean(&t.Detection, t.Incidents)
	mean(&t.Notice, t.Notified)
	mean(&t.MTTA, t.Acked)
	mean(&t.MTTR, t.Resolved)
	mean(&t.Length, t.Resolved)
	return t
}
