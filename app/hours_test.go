package app

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"leadline/rules/measure"
)

// Rules go on as long as the hours that they read are summed up, and wait where one is not.
func TestRulesWaitForHours(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		var until time.Time
		broken := errors.New("ClickHouse is away")
		h := newHours(func(context.Context, time.Time) (time.Time, error) { return until, broken }, slog.New(slog.NewTextHandler(&log, nil)))
		began := time.Now()
		f := func(what string, intake, want time.Time) {
			t.Helper()
			h.look(t.Context(), time.Now())
			if got := h.Watermark(intake); !got.Equal(want) {
				t.Errorf("%s: %v, want %v", what, got, want)
			}
		}
		f("before the first look the intake decides", began.Add(-time.Second), began.Add(-time.Second))
		f("as long as it is known nothing is waited for but time that came since", began.Add(time.Minute), began.Add(-1))

		until, broken = began.Truncate(time.Hour), nil
		reach := until.Add(time.Hour + measure.Settle - 1)
		f("the intake is behind", reach.Add(-time.Hour), reach.Add(-time.Hour))
		f("up to the moment at which the next hour is read", reach, reach)
		f("and no further", reach.Add(time.Second), reach)

		broken = errors.New("disk full")
		for range 3 {
			f("it fails", reach.Add(time.Hour), reach)
		}
		stopped, stop := context.WithCancel(t.Context())
		stop()
		h.look(stopped, time.Now())
		if got := strings.Count(log.String(), "\n"); got != 3 {
			t.Errorf("%d lines, want two failures and the end of the first: a stop is none\n%s", got, &log)
		}
		until, broken = until.Add(time.Hour), nil
		f("it works again", reach.Add(time.Hour), reach.Add(time.Hour))
		if got := strings.Count(log.String(), "\n"); got != 4 {
			t.Errorf("%d lines, want two failures and two ends:\n%s", got, &log)
		}
	})
}
