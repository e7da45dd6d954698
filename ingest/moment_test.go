package ingest

import (
	"math/rand/v2"
	"testing"
	"time"
)

// slowMoment is what moment has to agree with, where it is ok.
func slowMoment(text string) (t time.Time, ok bool) {
	err := t.UnmarshalText([]byte(text))
	return t.UTC().Truncate(time.Millisecond), err == nil && t.Year() >= 1971 && t.Year() <= 2199
}

func TestMoment(t *testing.T) {
	t.Parallel()
	f := func(text string, want bool) {
		t.Helper()
		got, ok := moment([]byte(text))
		if slow, known := slowMoment(text); ok != want || ok && (got != slow || !known) {
			t.Errorf("%s: got %v %v, want %v; package time says %v %v", text, got, ok, want, slow, known)
		}
	}
	f("2026-03-20T19:30:27Z", true)
	f("2026-03-20T19:30:27.5Z", true)
	f("2026-03-20T19:30:27.999999999Z", true)
	f("1971-01-01T00:00:00.000Z", true)
	f("2199-12-31T23:59:59.999Z", true)
	f("2024-02-28T00:00:00Z", true)
	for _, text := range []string{
		"", "Z", "2026-03-20", "2026-03-20T19:30:27", "2026-03-20t19:30:27Z", "2026-03-20T19:30:27z", "2026-03-20T19:30:27+01:00", "2026-03-20T19:30:27.Z",
		"2026-03-20T19:30:27,5Z", "2026-03-20T19:30:27.1234567890Z", "2026-03-20T19:30:27.12x4Z", "2026-03-20T19:30:27.123", "2024-02-29T00:00:00Z", "2025-02-29T00:00:00Z",
		"2026-04-31T00:00:00Z", "2026-00-01T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z", "2026-01-01T00:00:60Z",
		"1970-12-31T23:59:59Z", "2200-01-01T00:00:00Z", "0x26-01-01T00:00:00Z", "20-6-01-01T00:00:00Z", "2026-01-01T 1:00:00Z", "2026-01-01T1:000:00Z",
	} {
		f(text, false)
	}
	r := rand.New(rand.NewPCG(1, 9))
	taken := 0
	for range 200_000 {
		layout := []string{time.RFC3339, "2006-01-02T15:04:05.000Z07:00", time.RFC3339Nano}[r.IntN(3)]
		text := []byte(time.Unix(r.Int64N(8e9), r.Int64N(1e9)).UTC().Format(layout))
		for range r.IntN(3) {
			text[r.IntN(len(text))] = "0123456789-:TZ.+"[r.IntN(16)]
		}
		got, ok := moment(text)
		if !ok {
			continue
		}
		taken++
		if slow, known := slowMoment(string(text)); got != slow || !known {
			t.Fatalf("%s: got %v, package time says %v %v", text, got, slow, known)
		}
	}
	if taken < 50_000 {
		t.Errorf("only %d times were taken", taken)
	}
}
