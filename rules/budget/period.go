package budget

import (
	"time"

	"leadline/source"
)

// Period is the time that a budget is for. Its zero value is no period.
type Period struct {
	Kind   Kind
	Length time.Duration // nominal for a Calendar: 7, 30 or 90 days; factors follow from it
	Unit   Unit          // Calendar
	Zone   *time.Location
}

// Kind says where a period begins.
type Kind int

// The kinds of periods.
const (
	Rolling    Kind = iota // Length before now
	Calendar               // at the last local midnight that a Unit began with
	ByCampaign             // with the campaign, which lasts at most Length
)

// Unit is a piece of the calendar.
type Unit string

// The units.
const (
	Week    Unit = "1w" // from Monday
	Month   Unit = "1M"
	Quarter Unit = "1Q" // from January, April, July and October
)

const day = 24 * time.Hour

// units have the nominal length and the longest with the hour that a clock may go back.
var units = map[Unit]struct{ nominal, longest time.Duration }{
	Week:    {7 * day, 7*day + time.Hour},
	Month:   {30 * day, 31*day + time.Hour},
	Quarter: {90 * day, 92*day + time.Hour},
}

// Units are the names of the units.
func Units() []string { return []string{string(Week), string(Month), string(Quarter)} }

// Every is a period of the calendar; ok is false where there is no such unit.
func Every(u Unit, zone *time.Location) (p Period, ok bool) {
	x, ok := units[u]
	return Period{Calendar, x.nominal, u, zone}, ok
}

// String is the period as the YAML has it: 30d, 1M Europe/Kyiv, campaign 6h.
func (p Period) String() string {
	switch p.Kind {
	case Calendar:
		return string(p.Unit) + " " + p.Zone.String()
	case ByCampaign:
		return "campaign " + source.FormatDuration(p.Length)
	default:
		return source.FormatDuration(p.Length)
	}
}

// Longest is the most time that a period can take.
func (p Period) Longest() time.Duration {
	if p.Kind == Calendar {
		return units[p.Unit].longest
	}
	return p.Length
}

// Start is the beginning of the period that t is in, which may be t itself.
func (p Period) Start(t time.Time) time.Time {
	if p.Kind != Calendar {
		return t.Add(-p.Length)
	}
	y, m, d := t.In(p.Zone).Date()
	switch p.Unit {
	case Week:
		d -= (int(t.In(p.Zone).Weekday()) + 6) % 7
	case Quarter:
		m, d = m-(m-1)%3, 1
	default:
		d = 1
	}
	// A clock that went back over midnight shows the day before for a second time: the new period has begun.
	if next := p.step(y, m, d, 1); !next.After(t) {
		return next
	}
	return p.step(y, m, d, 0)
}

// step is the beginning of the n-th period after the one that begins at a local date.
func (p Period) step(y int, m time.Month, d, n int) time.Time {
	switch p.Unit {
	case Week:
		return midnight(y, m, d+7*n, p.Zone)
	case Quarter:
		return midnight(y, m+time.Month(3*n), d, p.Zone)
	default:
		return midnight(y, m+time.Month(n), d, p.Zone)
	}
}

// midnight is the first instant at which local clocks show the day or, where they leave it out, a later one. time.Date
// does not say which instant it takes where midnight is there twice or not at all.
func midnight(y int, m time.Month, d int, zone *time.Location) time.Time {
	t := time.Date(y, m, d, 0, 0, 0, 0, zone)
	want := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	from, to := t.ZoneBounds()
	if wall(t).Before(want) { // not at all, and Date took the clock from after the gap
		return to
	}
	if from.IsZero() {
		return t
	}
	_, before := from.Add(-1).Zone()
	_, now := t.Zone()
	switch earlier := t.Add(time.Duration(now-before) * time.Second); {
	case wall(t).After(want): // not at all, and Date took the clock from before the gap
		return from
	case earlier.Before(from) && earlier.Before(t): // twice
		return earlier
	default:
		return t
	}
}

// wall is what local clocks show, as if they were UTC's.
func wall(t time.Time) time.Time {
	_, offset := t.Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}
