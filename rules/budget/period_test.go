package budget

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"
)

func zone(t interface{ Fatal(...any) }, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestPeriodStarts(t *testing.T) {
	t.Parallel()
	f := func(u Unit, name, at, want string) {
		t.Helper()
		p, ok := Every(u, zone(t, name))
		x, err := time.Parse(time.RFC3339, at)
		if err != nil || !ok {
			t.Fatal(err)
		}
		if got := p.Start(x).UTC().Format(time.RFC3339); got != want {
			t.Errorf("%s in %s: the period of %s began at %s, want %s", u, name, at, got, want)
		}
	}
	f(Month, "UTC", "2026-11-21T12:00:00Z", "2026-11-01T00:00:00Z")
	f(Month, "UTC", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z")
	f(Week, "UTC", "2026-11-22T23:59:59Z", "2026-11-16T00:00:00Z") // a Sunday
	f(Quarter, "UTC", "2026-12-31T23:59:59Z", "2026-10-01T00:00:00Z")
	f(Month, "Europe/Kyiv", "2026-03-31T20:59:59Z", "2026-02-28T22:00:00Z") // March, in summer time since the 29th
	f(Month, "Europe/Kyiv", "2026-03-31T21:00:00Z", "2026-03-31T21:00:00Z")
	f(Week, "Europe/Kyiv", "2026-03-29T12:00:00Z", "2026-03-22T22:00:00Z")       // the week that loses an hour
	f(Week, "Europe/Kyiv", "2026-10-25T21:59:59Z", "2026-10-18T21:00:00Z")       // the one that gains it
	f(Quarter, "Asia/Kolkata", "2026-05-05T00:00:00Z", "2026-03-31T18:30:00Z")   // no whole hour
	f(Week, "America/Sao_Paulo", "2017-10-20T00:00:00Z", "2017-10-16T02:00:00Z") // Monday after the skipped midnight
	f(Month, "Africa/Cairo", "2010-10-15T00:00:00Z", "2010-09-30T22:00:00Z")     // clocks went back from this midnight to 23:00
	f(Month, "America/Asuncion", "2017-10-20T00:00:00Z", "2017-10-01T04:00:00Z") // midnight of the first was left out
	f(Month, "America/Havana", "2020-11-01T04:30:00Z", "2020-11-01T04:00:00Z")   // between the two midnights of the first
	f(Month, "America/Havana", "2020-11-01T05:30:00Z", "2020-11-01T04:00:00Z")   // after the second
	f(Week, "America/St_Johns", "2009-11-02T00:00:00Z", "2009-10-26T02:30:00Z")  // went back at 00:01 on Sunday
	f(Month, "Pacific/Apia", "2011-12-31T00:00:00Z", "2011-12-01T10:00:00Z")     // without a 30th
}

// The first instant of a local day, found by walking.
func TestMidnightAgainstWalking(t *testing.T) {
	t.Parallel()
	names := []string{"UTC", "Europe/Kyiv", "America/Sao_Paulo", "America/Havana", "America/Asuncion", "Africa/Cairo", "Asia/Beirut", "Asia/Tehran", "Australia/Lord_Howe", "America/St_Johns", "America/Santiago", "Asia/Amman"}
	rapid.Check(t, func(t *rapid.T) {
		z := zone(t, rapid.SampledFrom(names).Draw(t, "zone"))
		y, m, d := rapid.IntRange(1990, 2030).Draw(t, "year"), time.Month(rapid.IntRange(1, 12).Draw(t, "month")), rapid.IntRange(1, 28).Draw(t, "day")
		if rapid.Bool().Draw(t, "edge") { // around a change of the clocks, which is where it is hard
			_, edge := time.Date(y, m, d, 0, 0, 0, 0, z).ZoneBounds()
			if !edge.IsZero() && edge.Year() < 2037 {
				y, m, d = edge.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "off")) * hour).In(z).Date()
			}
		}
		got := midnight(y, m, d, z)
		for x := time.Date(y, m, d-1, 0, 0, 0, 0, time.UTC).Add(-14 * hour); ; x = x.Add(minute) {
			if yy, mm, dd := x.In(z).Date(); yy == y && mm == m && dd == d {
				if !got.Equal(x) {
					t.Fatalf("%d-%02d-%02d in %s begins at %v, want %v", y, m, d, z, got, x.In(z))
				}
				return
			}
		}
	})
}

// A period begins at or before every time in it, its own start is in it, it is not longer than Longest, and later times
// have no earlier start.
func TestPeriodsFollowOneAnother(t *testing.T) {
	t.Parallel()
	names := []string{"UTC", "Europe/Kyiv", "America/Sao_Paulo", "America/Havana", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"}
	rapid.Check(t, func(t *rapid.T) {
		p, _ := Every(rapid.SampledFrom([]Unit{Week, Month, Quarter}).Draw(t, "unit"), zone(t, rapid.SampledFrom(names).Draw(t, "zone")))
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		start := p.Start(at)
		switch {
		case start.After(at):
			t.Fatalf("the period of %v begins at %v", at, start)
		case !p.Start(start).Equal(start):
			t.Fatalf("the period that begins at %v begins at %v", start, p.Start(start))
		case at.Sub(start) > p.Longest()+24*hour: // where a zone crossed the date line
			t.Fatalf("%v is %v after its period's start", at, at.Sub(start))
		}
		later := at.Add(time.Duration(rapid.Int64Range(0, int64(100*day)).Draw(t, "later")))
		if p.Start(later).Before(start) {
			t.Fatalf("the period of %v begins before that of %v", later, at)
		}
	})
}
