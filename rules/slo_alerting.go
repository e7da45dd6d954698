package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"leadline/rules/budget"
	"leadline/source"
)

// alerting reads which windows are watched and how many events it takes.
func (s *slo) alerting() {
	a := s.spec.Alerting
	campaign := s.objective.Period.Kind == budget.ByCampaign
	if v := a.MinBad; v.Value < 1 {
		s.fail(v.Pos, "min_bad_events must be 1 or more", "use 10")
	}
	if v := a.MinTotal; v.Value < 1 {
		s.fail(v.Pos, "min_samples must be 1 or more", "use 300")
	}
	if a.Absent.Value && campaign {
		s.fail(a.Absent.Pos, "a campaign ends, and its silence would page", "remove absent, or make it an SLO over days")
	}
	s.objective.MinBad, s.objective.MinTotal = float64(a.MinBad.Value), float64(a.MinTotal.Value)
	switch w := a.Windows; {
	case w.IsLong:
		s.pairs(w)
	case w.Pos.IsZero() && campaign, w.Short == budget.Campaign && campaign:
		s.objective.Pairs = budget.ForCampaign(s.objective.Period.Length, SeverityPage, SeverityTicket)
	case w.Pos.IsZero(), w.Short == budget.Google30d && !campaign:
		s.objective.Pairs = budget.Google(SeverityPage, SeverityTicket)
	case w.Short == budget.Campaign:
		s.fail(w.Pos, "the windows campaign are for the period of a campaign", "use google-30d or list the windows")
	case w.Short == budget.Google30d:
		s.fail(w.Pos, "the windows google-30d are for periods of weeks", "remove it: a campaign has windows of its own")
	default:
		s.fail(w.Pos, fmt.Sprintf("unknown windows %q", w.Short), source.Suggest(w.Short, []string{budget.Google30d, budget.Campaign}))
	}
}

func (s *slo) pairs(w source.Either[string, []pairSpec]) {
	if n := len(w.Long); n < 1 || n > maxPairs {
		s.fail(w.Pos, fmt.Sprintf("%d pairs of windows are listed, want 1 to %d", n, maxPairs), "most objectives need four")
		return
	}
	known := []string{SeverityPage, SeverityTicket}
	for _, p := range w.Long {
		switch {
		case !slices.Contains(known, p.Severity.Value):
			s.fail(p.Severity.Pos, fmt.Sprintf("the severity of a pair is page or ticket, not %q", p.Severity.Value), source.Suggest(p.Severity.Value, known))
		case !(p.Budget.Value > 0 && p.Budget.Value <= 100):
			s.fail(p.Budget.Pos, fmt.Sprintf("%v is no part of a budget in percent", p.Budget.Value), "write 2 for 2 %")
		case p.Long.Value == 0:
			s.fail(p.Long.Pos, "the long window is empty", "use 1h")
		case p.Short.Value == 0:
			s.fail(p.Short.Pos, "the short window is empty", "use a twelfth of the long one")
		}
		s.objective.Pairs = append(s.objective.Pairs, budget.Pair{Severity: p.Severity.Value, Share: p.Budget.Value / 100, Long: p.Long.Value, Short: p.Short.Value})
	}
}

// fires is the condition of a severity: any of its pairs burns in both windows, on enough events.
func (s *slo) fires(severity string) string {
	var pairs []string
	for _, p := range s.objective.Pairs {
		if p.Severity != severity {
			continue
		}
		limit := literal(s.objective.Limit(p))
		long, total := budget.BadOver(p.Long), budget.TotalOver(p.Long)
		pairs = append(pairs, fmt.Sprintf("(%s >= %s and %s >= %s and %s > %s * %s and %s > %s * %s)",
			total, literal(s.objective.MinTotal), long, literal(s.objective.MinBad),
			long, limit, total, budget.BadOver(p.Short), limit, budget.TotalOver(p.Short)))
	}
	return strings.Join(pairs, "\nor ")
}

// settled is the share of a factor below which a long window does not burn any more. The rest is the band in which an
// alert that fires stays: a long window that swings around the factor must not resolve it again and again.
const settled = 0.9

// recovered is true when no pair is in question any more. Either its long window has settled, or the short one burns
// below the factor, on as many events as make min_samples of the long one. Without any event neither can be told, so that
// nothing resolves because traffic stopped.
func (s *slo) recovered() string {
	var pairs []string
	for _, p := range s.objective.Pairs {
		limit := s.objective.Limit(p)
		long, short := budget.TotalOver(p.Long), budget.TotalOver(p.Short)
		share := math.Ceil(s.objective.MinTotal * float64(p.Short) / float64(p.Long))
		pairs = append(pairs, fmt.Sprintf("(%s > 0 and %s <= %s * %s or %s >= %s and %s <= %s * %s)",
			long, budget.BadOver(p.Long), literal(limit*settled), long, short, literal(share), budget.BadOver(p.Short), literal(limit), short))
	}
	return strings.Join(pairs, "\nand ")
}
