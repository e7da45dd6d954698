package rules

import (
	"math"
	"testing"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// A week in which the very instance was firing says nothing of what is normal.
func TestBaselinesLeaveOutWhatFired(t *testing.T) {
	t.Parallel()
	const week = 7 * 24 * time.Hour
	r := &Rule{Ask: measure.Ask{Measures: []measure.Measure{
		{Name: "p95", Window: 5 * time.Minute},
		{Name: "base", Window: 5 * time.Minute, Baseline: &measure.Baseline{Season: week, Periods: 4, Stat: measure.Median}},
	}}}
	f := func(known *leadline.Instance, want float64, past ...float64) {
		t.Helper()
		row := measure.Row{Values: []float64{900, 900}, Past: [][]float64{nil, past}}
		got := r.present(&row, known, epoch)
		if got[0] != 900 || got[1] != want && !(math.IsNaN(got[1]) && math.IsNaN(want)) {
			t.Errorf("%v: got %v, want %v", past, got, want)
		}
		if row.Values[1] != 900 {
			t.Error("the row was changed, others share it")
		}
	}
	nan := math.NaN()
	fired := &leadline.Instance{Fired: []leadline.Interval{{Since: epoch.Add(-week - time.Hour), Until: epoch.Add(-week + time.Second)}}}
	ended := &leadline.Instance{Fired: []leadline.Interval{{Since: epoch.Add(-week - time.Hour), Until: epoch.Add(-week)}}}
	firing := &leadline.Instance{State: leadline.StateFiring, Since: epoch.Add(-2 * week), FiringSince: epoch.Add(-2*week + time.Minute)}
	f(nil, 250, 5000, 100, 300, 200)
	f(nil, 150, nan, 100, nan, 200)
	f(fired, nan, 5000, 100, nan, nan) // too few seasons are left
	f(nil, nan)
	f(nil, nan, nan)
	f(fired, 200, 5000, 100, 300, 200)
	f(ended, 250, 5000, 100, 300, 200)
	f(firing, 250, 5000, 100, 300, 200)
	f(fired, nan, 5000, nan)
}
