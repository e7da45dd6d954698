package oncall

import "time"

// Rotation hands the duty from user to user at the same time of day, for ever. Shift i begins on the date i·Days after
// Start when the local clock first shows Clock or later: so a daily 10:00 stays at 10:00 across daylight saving, a time
// that comes twice means the first, and a time that is skipped means the moment of the skip. Shift i ends where
// shift i+1 begins, so there is no gap.
type Rotation struct {
	Users []string
	Days  int           // of a shift, 1 or more
	Clock time.Duration // of the handoff, since midnight on the local clock
	Start time.Time     // date of the first shift; only year, month and day count
}

func (r Rotation) onCall(at time.Time, zone *time.Location) string {
	i := r.shift(at, zone)
	if i < 0 || len(r.Users) == 0 {
		return ""
	}
	return r.Users[i%len(r.Users)]
}

// shift is the number of the shift that at lies in, negative before the first.
func (r Rotation) shift(at time.Time, zone *time.Location) int {
	y, m, d := at.In(zone).Date()
	days := int(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Sub(r.date(0)) / (24 * time.Hour))
	i := days / r.Days
	if days < 0 {
		return -1 // before the date of the first shift
	}
	if at.Before(r.begin(i, zone)) {
		i--
	}
	return i
}

// begin is the moment at which shift i takes over.
func (r Rotation) begin(i int, zone *time.Location) time.Time {
	return firstAtClock(r.date(i).Add(r.Clock), zone)
}

// date is midnight UTC on the date of shift i.
func (r Rotation) date(i int) time.Time {
	y, m, d := r.Start.Date()
	return time.Date(y, m, d+i*r.Days, 0, 0, 0, 0, time.UTC)
}

// firstAtClock is the first moment at which the zone's clock shows wall (a time in UTC) or, where the clock skips
// it, the moment of the skip. time.Date leaves open which of two moments it gives.
func firstAtClock(wall time.Time, zone *time.Location) time.Time {
	before := wall.Add(-offset(wall.Add(-24*time.Hour), zone)) // no zone changes its clock twice in two days
	after := wall.Add(-offset(wall.Add(24*time.Hour), zone))
	if offset(before, zone) == wall.Sub(before) {
		return before.In(zone)
	}
	if offset(after, zone) == wall.Sub(after) {
		return after.In(zone)
	}
	skip, _ := before.In(zone).ZoneBounds()
	return skip
}

func offset(at time.Time, zone *time.Location) time.Duration {
	_, seconds := at.In(zone).Zone()
	return time.Duration(seconds) * time.Second
}
