package oncall

import (
	"os"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"leadline/source"
)

func parse(t *testing.T, text string) ([]Schedule, source.Errors) {
	t.Helper()
	docs, err := source.Documents("oncall.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return Schedules(docs)
}

func schedule(t *testing.T, zone, rotation string) Schedule {
	t.Helper()
	all, errs := parse(t, "apiVersion: leadline/v1\nkind: Schedule\nmetadata: {name: ops}\nspec: {timeZone: "+zone+", rotation: "+rotation+"}\n")
	if len(errs) > 0 || len(all) != 1 {
		t.Fatalf("%d schedules, %v", len(all), errs)
	}
	return all[0]
}

func TestOnCallKeepsTheClock(t *testing.T) {
	t.Parallel()
	f := func(zone, rotation, local, want string) {
		t.Helper()
		s := schedule(t, zone, rotation)
		at, err := time.Parse(time.RFC3339, local)
		if err != nil {
			t.Fatal(err)
		}
		if got := s.OnCall(at); got != want {
			t.Errorf("%s: %q is on call at %s, want %q", zone, got, local, want)
		}
	}
	daily := "{users: [a, b], every: 1d, handoff: '10:00', start: 2026-03-28}"
	f("Europe/Kyiv", daily, "2026-03-28T09:59:59+02:00", "")
	f("Europe/Kyiv", daily, "2026-03-28T10:00:00+02:00", "a")
	f("Europe/Kyiv", daily, "2026-03-29T09:59:59+03:00", "a") // 23 hours later
	f("Europe/Kyiv", daily, "2026-03-29T10:00:00+03:00", "b")
	f("Europe/Kyiv", daily, "2026-10-25T09:59:59+02:00", "a") // 25 hours after the handoff before
	f("Europe/Kyiv", daily, "2026-10-25T10:00:00+02:00", "b")

	skipped := "{users: [a, b], every: 1d, handoff: '03:30', start: 2026-03-28}" // the clock goes from 03:00 to 04:00
	f("Europe/Kyiv", skipped, "2026-03-29T02:59:59+02:00", "a")
	f("Europe/Kyiv", skipped, "2026-03-29T04:00:00+03:00", "b")
	f("Europe/Kyiv", skipped, "2026-03-30T03:29:59+03:00", "b")
	f("Europe/Kyiv", skipped, "2026-03-30T03:30:00+03:00", "a")
	twice := "{users: [a, b], every: 1d, handoff: '03:30', start: 2026-10-24}" // 03:00 to 04:00 comes twice
	f("Europe/Kyiv", twice, "2026-10-25T03:29:59+03:00", "a")
	f("Europe/Kyiv", twice, "2026-10-25T03:30:00+03:00", "b")
	f("Europe/Kyiv", twice, "2026-10-25T03:15:00+02:00", "b") // not back to a

	midnight := "{users: [a, b], every: 1d, handoff: '00:00', start: 2018-11-03}" // on the 4th the day begins at 01:00
	f("America/Sao_Paulo", midnight, "2018-11-03T23:59:59-03:00", "a")
	f("America/Sao_Paulo", midnight, "2018-11-04T01:00:00-02:00", "b")
	late := "{users: [a, b], every: 1d, handoff: '23:30', start: 2018-02-16}" // on the 17th 23:00 to 24:00 comes twice
	f("America/Sao_Paulo", late, "2018-02-17T23:29:59-02:00", "a")
	f("America/Sao_Paulo", late, "2018-02-17T23:30:00-02:00", "b")
	f("America/Sao_Paulo", late, "2018-02-17T23:10:00-03:00", "b")

	half := "{users: [a, b], every: 1d, handoff: '02:15', start: 2026-10-03}" // on the 4th from 02:00 to 02:30
	f("Australia/Lord_Howe", half, "2026-10-04T01:59:59+10:30", "a")
	f("Australia/Lord_Howe", half, "2026-10-04T02:30:00+11:00", "b")
	back := "{users: [a, b], every: 1d, handoff: '01:45', start: 2026-04-04}" // on the 5th 01:30 to 02:00 comes twice
	f("Australia/Lord_Howe", back, "2026-04-05T01:44:59+11:00", "a")
	f("Australia/Lord_Howe", back, "2026-04-05T01:45:00+11:00", "b")
	f("Australia/Lord_Howe", back, "2026-04-05T01:35:00+10:30", "b")

	weekly := "{users: [olena, taras, ihor], every: 1w, handoff: 'Mon 10:00', start: 2026-03-02}"
	f("Europe/Kyiv", weekly, "2026-03-02T10:00:00+02:00", "olena")
	f("Europe/Kyiv", weekly, "2026-03-09T09:59:59+02:00", "olena")
	f("Europe/Kyiv", weekly, "2026-03-09T10:00:00+02:00", "taras")
	f("Europe/Kyiv", weekly, "2026-03-30T09:59:59+03:00", "olena")
	f("Europe/Kyiv", weekly, "2026-03-30T10:00:00+03:00", "taras")
}

// At any time the shift has begun and the next has not, whatever the zone does to its clock.
func TestShiftsLeaveNoGap(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom([]string{"Europe/Kyiv", "America/Sao_Paulo", "Australia/Lord_Howe", "UTC", "Africa/Casablanca"}).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		start := time.Date(2015, 1, 1, 0, 0, 0, 0, time.UTC)
		r := Rotation{
			Users: []string{"a", "b", "c"},
			Days:  rapid.IntRange(1, 14).Draw(t, "days"),
			Clock: time.Duration(rapid.IntRange(0, 24*60-1).Draw(t, "clock")) * time.Minute,
			Start: start.AddDate(0, 0, rapid.IntRange(0, 400).Draw(t, "start")),
		}
		for range 20 {
			at := r.begin(0, zone).Add(time.Duration(rapid.Int64Range(-86400*20, 86400*4000).Draw(t, "second")) * time.Second)
			i := r.shift(at, zone)
			if i < 0 {
				if !at.Before(r.begin(0, zone)) || r.onCall(at, zone) != "" {
					t.Fatalf("%s: shift %d, the first began at %s", at, i, r.begin(0, zone))
				}
				continue
			}
			if begin, end := r.begin(i, zone), r.begin(i+1, zone); at.Before(begin) || !at.Before(end) {
				t.Fatalf("%s is not in shift %d from %s to %s", at, i, begin, end)
			}
			if want := r.Users[i%3]; r.onCall(at, zone) != want {
				t.Fatalf("%q is on call, want %q", r.onCall(at, zone), want)
			}
		}
	})
}

func TestScheduleErrorsHavePlaces(t *testing.T) {
	t.Parallel()
	f := func(spec string, want ...string) {
		t.Helper()
		_, errs := parse(t, "apiVersion: leadline/v1\nkind: Schedule\nmetadata: {name: ops}\nspec: "+spec+"\n")
		var got []string
		for _, e := range errs {
			got = append(got, e.Error())
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	f("{timeZone: Europe/Kiew, rotation: {users: [a, a], every: 36h, handoff: '25:00', start: tomorrow}}",
		"oncall.yaml:4:18: unknown time zone \"Europe/Kiew\": use a name such as Europe/Kyiv or UTC",
		"oncall.yaml:4:53: user \"a\" is empty or there twice: name every user once",
		"oncall.yaml:4:64: a shift of 1d12h: use whole days or weeks, such as 1d or 1w",
		"oncall.yaml:4:78: \"25:00\" is no handoff: write 'Mon 10:00' for weeks, '10:00' for days",
		"oncall.yaml:4:94: \"tomorrow\" is no date: write it as 2026-03-02")
	f("{timeZone: UTC, rotation: {users: [a], every: 1w, handoff: 'Mon 10:00', start: 2026-03-03}}",
		"oncall.yaml:4:86: 2026-03-03 is a Tuesday, the handoff is on Monday: start at 2026-03-09")
	f("{timeZone: UTC, rotation: {users: [a], every: 1d, handoff: 'Mon 10:00', start: 2026-03-02}}",
		"oncall.yaml:4:66: a weekday for a rotation that is not of whole weeks: write '10:00'")
	f("{timeZone: UTC, rotation: {users: [], every: 1d, handoff: '10:00', start: 2026-03-02}}",
		"oncall.yaml:4:18: a rotation without users: list at least one under rotation.users")
}

func TestScheduleNamesAreUnique(t *testing.T) {
	t.Parallel()
	one := "apiVersion: leadline/v1\nkind: Schedule\nmetadata: {name: ops}\nspec: {timeZone: UTC, rotation: {users: [a], every: 1d, handoff: '10:00', start: 2026-03-02}}\n"
	all, errs := parse(t, one+"---\nkind: RuleGroup\n---\n"+one)
	if len(all) != 2 || len(errs) != 1 || errs[0].Line != 10 {
		t.Errorf("%d schedules, %v", len(all), errs)
	}
}

func TestExampleScheduleLoads(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../examples/rules/oncall.yaml")
	if err != nil {
		t.Fatal(err)
	}
	all, errs := parse(t, string(data))
	if len(errs) > 0 || len(all) == 0 {
		t.Fatalf("%d schedules, %v", len(all), errs)
	}
	for _, s := range all {
		if s.OnCall(time.Now()) == "" {
			t.Errorf("nobody of %s is on call", s.Name)
		}
	}
}
