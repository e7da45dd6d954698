package rules

import (
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/rules/budget"
)

// A spec changes with what a rule says, and with nothing else.
func TestSpec(t *testing.T) {
	t.Parallel()
	first := one(t, simple)
	f := func(old, new string, same bool) {
		t.Helper()
		if !strings.Contains(simple, old) {
			t.Fatalf("no %q in the group", old)
		}
		g := one(t, strings.Replace(simple, old, new, 1))
		if got := g.Spec() == first.Spec(); got != same {
			t.Errorf("%q for %q: same spec is %v", new, old, got)
		}
		if ofRule := strings.Contains(old, "interval") || strings.Contains(old, "limit"); !ofRule && !same && g.Rules[0].Spec() == first.Rules[0].Spec() {
			t.Errorf("%q for %q: the rule's spec is the same", new, old)
		}
	}
	f("    - alert", "\n    # why\n    - alert", true)
	f("labels: {team: pipeline, severity: page}", "labels: {severity: page, team: pipeline}", true)
	f("limit: 3", "limit: 4", false)
	f("v > 600", "v > 601", false)
	f("for: 20s", "for: 30s", false)
	f("window: 1m", "window: 2m", false)
	f("n: 10", "n: 11", false)
	f("ms }} in", "number }} in", false)
	f("{count: event,", "{count: event, where: worst == \"ok\",", false)
	f("severity: page}", "severity: ticket}", false)
	literal := func(where string) string {
		return one(t, strings.Replace(simple, "{count: event,", "{count: event, where: "+where+",", 1)).Spec()
	}
	for _, two := range [][2]string{{`worst == "ok"`, `worst == "timeout"`}, {`bot == "a"`, `bot == "b"`}, {`partner == "a"`, `partner == "b"`}} {
		if literal(two[0]) == literal(two[1]) {
			t.Errorf("%s and %s give one spec", two[0], two[1])
		}
	}
}

// The spec of an objective depends on its words alone, and not on when its time zone was loaded.
func TestSpecOfAnObjective(t *testing.T) {
	t.Parallel()
	spec := func(zone string) string {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		g := &Group{Name: "g", Rules: []*Rule{{Name: "r", Objective: &budget.Objective{Target: 999_000, Period: budget.Period{Kind: budget.Calendar, Zone: loc}}}}}
		return g.Spec()
	}
	kyiv := spec("Europe/Kyiv")
	if again := spec("Europe/Kyiv"); again != kyiv || kyiv == spec("Europe/Berlin") {
		t.Error("the spec does not tell zones")
	}
}

// What fires because of a `for` that was raised since is taken back at the next slot, and fires again when it has held.
func TestRaisedForDemotes(t *testing.T) {
	t.Parallel()
	short := Timing{Interval: 10 * time.Second, For: 10 * time.Second, NoDataFor: time.Minute}
	long := short
	long.For = 40 * time.Second
	i, slot := start, epoch
	step := func(timing Timing, o Observation, state leadline.State, change leadline.Change) {
		t.Helper()
		slot = slot.Add(10 * time.Second)
		next, ts := Step(timing, i, o, slot)
		i = next
		switch {
		case i.State != state:
			t.Errorf("at %v %s, want %s", slot, i.State, state)
		case change == "" && len(ts) > 0, change != "" && (len(ts) != 1 || ts[0].Change != change):
			t.Errorf("at %v told %+v, want %s", slot, ts, change)
		}
	}
	page := level(SeverityPage)
	step(short, page, leadline.StatePending, "")
	step(short, page, leadline.StateFiring, leadline.ChangeFiring)
	step(long, hold, leadline.StateFiring, "")
	step(long, page, leadline.StatePending, leadline.ChangeResolved)
	for range 3 {
		step(long, page, leadline.StatePending, "")
	}
	step(long, page, leadline.StateFiring, leadline.ChangeFiring)
	step(short, page, leadline.StateFiring, "")
	if len(i.Fired) != 1 {
		t.Errorf("remembered %+v", i.Fired)
	}
}
