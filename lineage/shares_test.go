package lineage

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"leadline"
)

func TestShares(t *testing.T) {
	t.Parallel()
	stages := []sums{
		{stage: "faster", slowUS: 10_000, normalUS: 40_000},
		{stage: "geoip", slowUS: 710_000, normalUS: 20_000},
		{stage: "new", slowUS: 50_000},
	}
	way := sums{slowEvents: 10, slowUS: 770_000, normalEvents: 20, normalUS: 60_000}
	got := shares(stages, way)
	want := []leadline.StageShare{
		{Stage: "geoip", BaseMS: 1, NowMS: 71, Share: 70.0 / 74},
		{Stage: "new", NowMS: 5, Share: 5.0 / 74},
		{Stage: "faster", BaseMS: 2, NowMS: 1, Share: -1.0 / 74},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := shares(stages, sums{slowEvents: 10}); got != nil {
		t.Errorf("nothing to compare with: %+v", got)
	}
	if got := shares([]sums{{stage: "a", slowUS: 5, normalUS: 5}}, sums{slowEvents: 1, normalEvents: 1}); got != nil {
		t.Errorf("no difference: %+v", got)
	}
}

func TestSharesAddUp(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		way := sums{slowEvents: rapid.Int64Range(1, 1000).Draw(t, "slow"), normalEvents: rapid.Int64Range(1, 1000).Draw(t, "normal")}
		var stages []sums
		for i := range rapid.IntRange(1, 12).Draw(t, "stages") {
			s := sums{stage: fmt.Sprint(i), slowUS: rapid.Int64Range(0, 1e12).Draw(t, "slow us"), normalUS: rapid.Int64Range(0, 1e12).Draw(t, "normal us")}
			way.slowUS, way.normalUS = way.slowUS+s.slowUS, way.normalUS+s.normalUS
			stages = append(stages, s)
		}
		got := shares(stages, way)
		slower := mean(way.slowUS, way.slowEvents) - mean(way.normalUS, way.normalEvents)
		if got == nil {
			if slower > 1e-6 {
				t.Fatalf("slower by %g ms, and no shares", slower)
			}
			return
		}
		var share, now, base, largest float64
		for _, s := range got {
			share, now, base = share+s.Share, now+s.NowMS, base+s.BaseMS
			largest = max(largest, math.Abs(s.Share))
		}
		if math.Abs(share-1) > 1e-9*largest*12 {
			t.Fatalf("shares add up to %g", share)
		}
		close := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*max(a, b) }
		if !close(now, mean(way.slowUS, way.slowEvents)) || !close(base, mean(way.normalUS, way.normalEvents)) {
			t.Fatalf("stages add up to %g and %g ms", now, base)
		}
	})
}

func TestWindowFor(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	f := func(now time.Time, from time.Time) {
		t.Helper()
		labels := leadline.Labels{"campaign": "x"}
		want := Window{From: from, To: now, BaseFrom: at.Add(-time.Hour - margin), BaseTo: at.Add(-margin), Filter: labels}
		if diff := cmp.Diff(want, WindowFor(at, now, labels)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	f(at, at.Add(-margin))
	f(at.Add(10*time.Minute), at.Add(-margin))
	f(at.Add(5*time.Hour), at.Add(4*time.Hour+30*time.Minute))
}
