package rules

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func named(g *Group, name string) *Group {
	g.Name = name
	for _, r := range g.Rules {
		r.Ask.Name = name + "/" + r.Name
	}
	return g
}

// One set takes the place of another while rules fire: what says the same goes on, what was edited keeps its state, what
// is gone resolves.
func TestReplace(t *testing.T) {
	t.Parallel()
	same, edited, gone := one(t, simple), named(one(t, simple), "edited"), named(one(t, simple), "gone")
	moved := one(t, "\n\n"+simple)
	changed := named(one(t, strings.NewReplacer("v > 600", "v > 500", "alert: Slow", "alert: Slow").Replace(simple)), "edited")
	added := named(one(t, strings.Replace(simple, "alert: Slow", "alert: Late", 1)), "added")
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}}
		e, stop := live(t, w, same, edited, gone)
		defer stop()
		pass(45 * time.Second)
		if got := w.take(); len(got) != 3 {
			t.Fatalf("got %q, want three firing", got)
		}
		before := e.users()[0]
		e.Replace([]*Group{moved, changed, added})
		pass(time.Millisecond)
		want(t, w.take(), "resolved Slow spring page (rule_deleted)")
		if e.users()[0] != before || before.group != same {
			t.Error("a group that says the same was touched")
		}
		if _, there := w.known["gone"]; there || len(e.Status()) != 4 {
			t.Errorf("known %v, status %+v", sortedKeys(w.known), e.Status())
		}
		pass(45 * time.Second)
		want(t, w.take(), "firing Late spring page: 1.90 s in spring of pipeline")
		w.set(map[string][2]float64{"spring": {550, 50}})
		pass(45 * time.Second)
		got := w.take()
		if len(got) != 2 || !strings.HasPrefix(got[0], "resolved") || !strings.HasPrefix(got[1], "resolved") {
			t.Errorf("got %q: the edited rule fires above 500, the two others do not", got)
		}
		if s := e.Status()[0]; s.Missed != 0 || s.Evaluations < 13 {
			t.Errorf("the untouched group missed something: %+v", s)
		}
		e.Replace(nil)
		pass(time.Millisecond)
		want(t, w.take(), "resolved Slow spring page (rule_deleted)")
		if len(w.kept) > 0 || len(w.known) > 0 {
			t.Errorf("still kept: %v of %v", sortedKeys(w.kept), sortedKeys(w.known))
		}
	})
}

// A group that vanished while Leadline was down resolves at the next start, as soon as the sink takes it.
func TestVanishedGroupsResolve(t *testing.T) {
	t.Parallel()
	g := one(t, simple)
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}, "autumn": {1, 50}}}
		_, stop := live(t, w, g)
		pass(35 * time.Second)
		stop()
		w.take()
		w.do(func() { w.noApply = true })
		_, stop = live(t, w)
		pass(time.Second)
		want(t, w.take())
		w.do(func() { w.noApply = false })
		pass(leaveAgain)
		want(t, w.take(), "resolved Slow spring page (rule_deleted)")
		stop()
		_, stop = live(t, w)
		pass(time.Minute)
		want(t, w.take())
		stop()
	})
}

// Many sets in a row: the last one counts, and nothing is evaluated twice.
func TestReplaceInARow(t *testing.T) {
	t.Parallel()
	a, b := one(t, simple), one(t, strings.Replace(simple, "v > 600", "v > 601", 1))
	synctest.Test(t, func(t *testing.T) {
		w := &world{series: map[string][2]float64{"spring": {1900, 50}}, block: time.Second}
		e, stop := live(t, w, a)
		for range 40 {
			pass(700 * time.Millisecond)
			e.Replace(nil)
			e.Replace([]*Group{b})
			pass(700 * time.Millisecond)
			e.Replace([]*Group{a})
		}
		pass(30 * time.Second)
		stop()
		for i := 1; i < len(w.slots); i++ {
			if !w.slots[i].After(w.slots[i-1]) {
				t.Errorf("slots %v", w.slots)
			}
		}
		if got := w.take(); len(got) != 1 || !strings.HasPrefix(got[0], "firing") {
			t.Errorf("got %q, want one firing", got)
		}
	})
}
