package oncall

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // a rota must not depend on the machine's zone files

	"leadline/source"
)

// KindSchedule is the kind of a schedule's document.
const KindSchedule = "Schedule"

// Schedule says who is on call when.
type Schedule struct {
	Name     string
	Zone     *time.Location
	Rotation Rotation
}

// OnCall is who is on call at a time: the name of a user, "" where nobody is.
func (s Schedule) OnCall(at time.Time) string { return s.Rotation.onCall(at, s.Zone) }

type scheduleSpec struct {
	TimeZone source.At[string] `yaml:"timeZone,required"`
	Rotation struct {
		Users   []source.At[string] `yaml:"users,required"`
		Every   source.Duration     `yaml:"every,required"`
		Handoff source.At[string]   `yaml:"handoff,required"`
		Start   source.At[string]   `yaml:"start,required"`
	} `yaml:"rotation,required"`
}

// Schedules reads the documents of kind Schedule and passes over others.
func Schedules(docs []source.Document) ([]Schedule, source.Errors) {
	var all []Schedule
	var errs source.Errors
	names := map[string]bool{}
	for _, d := range docs {
		if d.Kind.Value != KindSchedule {
			continue
		}
		s, pos, e := parseSchedule(d)
		if errs = append(errs, e...); len(e) > 0 {
			continue
		}
		if names[s.Name] {
			errs = append(errs, pos.Error(fmt.Sprintf("a second schedule %q", s.Name), "rename one of them"))
		}
		names[s.Name] = true
		all = append(all, s)
	}
	return all, errs.Sorted()
}

func parseSchedule(d source.Document) (s Schedule, name source.Pos, errs source.Errors) {
	var spec scheduleSpec
	meta, errs := d.Spec(&spec)
	if len(errs) > 0 {
		return s, name, errs
	}
	wrong := func(p source.Pos, what, do string) { errs = append(errs, p.Error(what, do)) }
	r := spec.Rotation
	s.Name = meta.Name.Value
	zone, err := time.LoadLocation(spec.TimeZone.Value)
	if err != nil || spec.TimeZone.Value == "" || spec.TimeZone.Value == "Local" {
		wrong(spec.TimeZone.Pos, fmt.Sprintf("unknown time zone %q", spec.TimeZone.Value), "use a name such as Europe/Kyiv or UTC")
	}
	s.Zone = zone
	if len(r.Users) == 0 {
		wrong(spec.TimeZone.Pos, "a rotation without users", "list at least one under rotation.users")
	}
	seen := map[string]bool{}
	for _, u := range r.Users {
		if u.Value == "" || seen[u.Value] {
			wrong(u.Pos, fmt.Sprintf("user %q is empty or there twice", u.Value), "name every user once")
		}
		seen[u.Value] = true
		s.Rotation.Users = append(s.Rotation.Users, u.Value)
	}
	const day = 24 * time.Hour
	if s.Rotation.Days = int(r.Every.Value / day); r.Every.Value <= 0 || r.Every.Value%day != 0 {
		wrong(r.Every.Pos, fmt.Sprintf("a shift of %s", source.FormatDuration(r.Every.Value)), "use whole days or weeks, such as 1d or 1w")
	}
	start, err := time.Parse(time.DateOnly, r.Start.Value)
	if err != nil {
		wrong(r.Start.Pos, fmt.Sprintf("%q is no date", r.Start.Value), "write it as 2026-03-02")
	}
	s.Rotation.Start = start
	weekday, clock, err := parseHandoff(r.Handoff.Value)
	switch {
	case err != nil:
		wrong(r.Handoff.Pos, err.Error(), "write 'Mon 10:00' for weeks, '10:00' for days")
	case weekday < 0:
	case s.Rotation.Days%7 != 0:
		wrong(r.Handoff.Pos, "a weekday for a rotation that is not of whole weeks", fmt.Sprintf("write '%02d:%02d'", clock/60, clock%60))
	case !start.IsZero() && start.Weekday() != weekday:
		next := start.AddDate(0, 0, (int(weekday-start.Weekday())+7)%7)
		wrong(r.Start.Pos, fmt.Sprintf("%s is a %s, the handoff is on %s", r.Start.Value, start.Weekday(), weekday), "start at "+next.Format(time.DateOnly))
	}
	s.Rotation.Clock = time.Duration(clock) * time.Minute
	return s, meta.Name.Pos, errs
}

// parseHandoff reads 'Mon 10:00' or '10:00'; the weekday is -1 where there is none, the clock is in minutes.
func parseHandoff(text string) (weekday time.Weekday, clock int, err error) {
	weekday = -1
	day, hour, ok := strings.Cut(text, " ")
	if !ok {
		day, hour = "", text
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if day == d.String()[:3] {
			weekday = d
		}
	}
	t, err := time.Parse("15:04", hour)
	if err != nil || day != "" && weekday < 0 {
		return weekday, 0, fmt.Errorf("%q is no handoff", text)
	}
	return weekday, t.Hour()*60 + t.Minute(), nil
}
