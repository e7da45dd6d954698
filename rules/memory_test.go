package rules

import (
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/rules/measure"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What a sink keeps is only what changed. Read back at any slot it must go on exactly as the memory that never stopped:
// the same transitions, the same instances.
func TestWhatIsKeptIsEnough(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	g.Limit = 4
	rule := g.Rules[0]
	rapid.Check(t, func(t *rapid.T) {
		live, kept := NewMemory(time.Time{}, nil), map[string]leadline.Instance{}
		slot := epoch
		for range rapid.IntRange(1, 60).Draw(t, "slots") {
			slot = slot.Add(g.Interval * time.Duration(rapid.SampledFrom([]int{1, 1, 1, 1, 2, 5, 500, 9000}).Draw(t, "gap")))
			answers := given{series: map[string][2]float64{}}
			if rapid.IntRange(0, 9).Draw(t, "fails") == 0 {
				answers.err = errTest
			}
			for _, c := range []string{"a", "b", "c", "d", "e"} {
				if v := rapid.SampledFrom([]float64{-1, 100, 100, 1900, 1900}).Draw(t, c); v >= 0 {
					answers.series[c] = [2]float64{v, rapid.SampledFrom([]float64{3, 50, 50, 50}).Draw(t, "n")}
				}
			}
			var list []leadline.Instance
			for _, k := range sortedKeys(kept) {
				list = append(list, kept[k])
			}
			restarted := NewMemory(live.Slot(), list)
			// Failures in a row are counted anew after a restart.
			restarted.rules[rule.Name] = withTroubles(restarted.rules[rule.Name], live.rules[rule.Name])
			a, b := g.Evaluate(live, answers, slot), g.Evaluate(restarted, answers, slot)
			values := cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".Values" || p.Last().String() == ".Annotations" }, cmp.Ignore())
			if d := cmp.Diff(a.Evaluation, b.Evaluation, values); d != "" {
				t.Fatalf("slot %v (-live +restarted)\n%s", slot, d)
			}
			if again := g.Evaluate(live, answers, slot); cmp.Diff(a.Evaluation, again.Evaluation) != "" {
				t.Fatal("an evaluation changed something")
			}
			live.Keep(a)
			restarted.Keep(b)
			for _, i := range a.Instances {
				kept[i.Labels.Key()] = roundTrip(t, i)
			}
			for _, i := range a.Gone {
				delete(kept, i.Labels.Key())
			}
			if d := cmp.Diff(live.Instances(rule.Name), restarted.Instances(rule.Name), values); d != "" {
				t.Fatalf("instances (-live +restarted)\n%s", d)
			}
		}
	})
}

func withTroubles(to, from *recollection) *recollection {
	if to == nil {
		to = &recollection{}
	}
	if from != nil {
		to.failures, to.overfull = from.failures, from.overfull
	}
	return to
}

// An instance that is fine is kept when it appears, and again when it comes back from somewhere.
func TestOnlyChangesAreKept(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	m, slot := NewMemory(time.Time{}, nil), epoch
	f := func(want int, series map[string][2]float64, err error) {
		t.Helper()
		slot = slot.Add(g.Interval)
		o := g.Evaluate(m, given{series: series, err: err}, slot)
		if len(o.Instances) != want {
			t.Errorf("at %v %d instances are to be kept, want %d: %+v", slot, len(o.Instances), want, o.Instances)
		}
		m.Keep(o)
	}
	fine, bad := [2]float64{100, 50}, [2]float64{1900, 50}
	f(2, map[string][2]float64{"a": fine, "b": fine}, nil)
	f(0, map[string][2]float64{"a": fine, "b": fine}, nil)
	f(0, map[string][2]float64{"a": fine, "b": fine}, errTest)
	f(1, map[string][2]float64{"a": bad, "b": fine}, nil) // pending
	f(1, map[string][2]float64{"a": bad, "b": fine}, nil)
	f(1, map[string][2]float64{"a": fine, "b": fine}, nil) // fine again
	f(0, map[string][2]float64{"a": fine, "b": fine}, nil)
	f(1, map[string][2]float64{"a": fine}, nil) // absent
	f(0, map[string][2]float64{"a": fine}, nil)
	f(1, map[string][2]float64{"a": fine, "b": fine}, nil)
	if got := m.Instances("Slow")[0]; !got.Slot.Equal(slot) || got.Values["v"] != 100 {
		t.Errorf("got %+v", got)
	}
}

// A limit that was lowered refuses what is new and clears nothing.
func TestALoweredLimitClearsNothing(t *testing.T) {
	t.Parallel()
	g := one(t, strings.Replace(simple, "for: 20s", "for: 0s", 1))
	bad := [2]float64{1900, 50}
	m := NewMemory(time.Time{}, nil)
	m.Keep(g.Evaluate(m, given{series: map[string][2]float64{"a": bad, "b": bad, "c": bad}}, epoch))
	lower := one(t, strings.NewReplacer("for: 20s", "for: 0s", "limit: 3", "limit: 1").Replace(simple))
	o := lower.Evaluate(m, given{series: map[string][2]float64{"a": bad, "b": bad, "c": bad, "d": bad}}, epoch.Add(g.Interval))
	if len(o.Gone) > 0 || o.Rules[0].Refused != 1 || len(o.Transitions) != 1 || o.Transitions[0].Change != leadline.ChangeError {
		t.Errorf("got %+v, gone %v", o.Transitions, o.Gone)
	}
	m.Keep(o)
	for _, i := range m.Instances("Slow") {
		if i.State != leadline.StateFiring {
			t.Errorf("%v is %s", i.Labels, i.State)
		}
	}
}

// What Evaluate leaves out for an instance at rest is what Step would do to it.
func TestRestIsWhatStepDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		i := start
		for n, slot := range h.slots {
			next, ts := Step(h.timing, i, h.seen[n], slot)
			if k := h.seen[n].Kind; resting(&i) && k != ObsLevel && k != ObsAbsent {
				same := i
				same.Slot = slot
				if k != ObsFailed {
					same.Values = h.seen[n].Values
				}
				if d := cmp.Diff(same, next); d != "" || len(ts) > 0 {
					t.Fatalf("%v: (-at rest +stepped)\n%s%v", h.seen[n], d, ts)
				}
			}
			i = next
		}
	})
}

// Rows with one key cannot be told apart, and those out of order are put in order.
func TestRowsAreDistinct(t *testing.T) {
	t.Parallel()
	row := func(key string) measure.Row { return measure.Row{Key: key} }
	if _, err := distinct([]measure.Row{row("a"), row("b"), row("b")}); err == nil || err.Error() != "two series have the labels {b}" {
		t.Errorf("got %v", err)
	}
	got, err := distinct([]measure.Row{row("b"), row("c"), row("a")})
	if err != nil || got[0].Key != "a" || got[2].Key != "c" {
		t.Errorf("got %v, %v", got, err)
	}
}
