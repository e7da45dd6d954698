package budget

import (
	"slices"
	"time"
)

// Pair is two windows that must both burn above the factor: the long one shows that it matters, the short one that it
// still goes on.
type Pair struct {
	Severity    string
	Share       float64 // of the period's budget, spent within Long at the factor: 0.02
	Long, Short time.Duration
}

// Factor is the burn rate that spends the pair's share of a period's budget within its long window.
func (p Pair) Factor(period time.Duration) float64 {
	return p.Share * float64(period) / float64(p.Long)
}

// Google30d is the name of the catalogue of the SRE workbook. Its factors at 30 days are 14.4, 6, 3 and 1; for another
// period they follow from it.
const Google30d = "google-30d"

// Google are the pairs of Google30d.
func Google(page, ticket string) []Pair {
	const day = 24 * time.Hour
	return []Pair{
		{page, 0.02, time.Hour, 5 * time.Minute},
		{page, 0.05, 6 * time.Hour, 30 * time.Minute},
		{ticket, 0.10, day, 2 * time.Hour},
		{ticket, 0.10, 3 * day, 6 * time.Hour},
	}
}

// Campaign is the name of the windows for a campaign.
const Campaign = "campaign"

// The shortest windows of a campaign: events of less time than that say nothing about the rest of it.
const (
	minLong  = 5 * time.Minute
	minShort = time.Minute
)

// ForCampaign are pairs for a period of hours: a tenth of the budget in a 24th of the time, a quarter in an 8th, half in
// a third; factors 2.4, 2 and 1.5. Windows are whole minutes, so that a minute's row lies in a window or does not.
func ForCampaign(period time.Duration, page, ticket string) []Pair {
	pair := func(severity string, share float64, part time.Duration) Pair {
		long := max(minLong, (period / part).Round(time.Minute))
		return Pair{severity, share, long, max(minShort, (period / part / 6).Round(time.Minute))}
	}
	return []Pair{pair(page, 0.10, 24), pair(page, 0.25, 8), pair(ticket, 0.50, 3)}
}

func distinct(d []time.Duration) []time.Duration {
	slices.Sort(d)
	return slices.Compact(d)
}
