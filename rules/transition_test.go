package rules

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/rules/measure"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var epoch = time.Date(2026, 3, 29, 0, 30, 0, 0, time.UTC)

func level(severity string) Observation {
	return Observation{Kind: ObsLevel, Severity: severity, Values: map[string]float64{"v": 1}}
}

var (
	cleared = Observation{Kind: ObsClear, Values: map[string]float64{"v": 0}}
	hold    = Observation{Kind: ObsHold, Values: map[string]float64{"v": 0.5}}
	absent  = Observation{Kind: ObsAbsent}
	failed  = Observation{Kind: ObsFailed, Detail: "down"}
)

var start = leadline.Instance{Group: "g", Rule: "r", Labels: leadline.Labels{"a": "b"}, State: leadline.StateOK}

// script runs one observation a slot (P page, T ticket, c clear, h hold, - absent, e error, . a slot without an
// evaluation) and writes the state after each and what was emitted.
func script(t Timing, observations string) string {
	var b strings.Builder
	i := start
	for n, c := range observations {
		o := map[rune]Observation{'P': level(SeverityPage), 'T': level(SeverityTicket), 'c': cleared, 'h': hold, '-': absent, 'e': failed}
		if c == '.' {
			b.WriteString(" .")
			continue
		}
		var ts []leadline.Transition
		i, ts = Step(t, i, o[c], epoch.Add(time.Duration(n)*t.Interval))
		state := map[leadline.State]string{leadline.StateOK: "o", leadline.StatePending: "p", leadline.StateFiring: "F", leadline.StateNoData: "n"}[i.State]
		b.WriteString(" " + state)
		for _, x := range ts {
			b.WriteString("[" + string(x.Change) + ":" + x.Severity + "]")
		}
	}
	return b.String()
}

func TestStepTable(t *testing.T) {
	t.Parallel()
	f := func(timing Timing, observations, want string) {
		t.Helper()
		timing.Interval = 10 * time.Second
		if got := script(timing, observations); strings.TrimSpace(got) != want {
			t.Errorf("%s\ngot  %s\nwant  %s", observations, got, want)
		}
	}
	slots := func(n int) time.Duration { return time.Duration(n) * 10 * time.Second }
	plain := Timing{NoDataFor: slots(3)}
	f(plain, "PPcPc", "F[firing:page] F o[resolved:page] F[firing:page] o[resolved:page]")
	f(plain, "PTPc", "F[firing:page] F[level:ticket] F[level:page] o[resolved:page]")
	f(plain, "Phhhc", "F[firing:page] F F F o[resolved:page]")
	f(plain, "chch", "o o o o")

	slow := Timing{For: slots(3), KeepFiringFor: slots(2), NoDataFor: slots(3)}
	f(slow, "PPPPP", "p p p F[firing:page] F")
	f(slow, "PPcPPPP", "p p o p p p F[firing:page]")
	f(slow, "PPhPPPP", "p p o p p p F[firing:page]")
	f(slow, "PP-PPPP", "p p o p p p F[firing:page]")
	f(slow, "PPTTc", "p p p F[firing:ticket] F")
	f(slow, "PPPPcPccc", "p p p F[firing:page] F F F F o[resolved:page]")
	f(slow, "PPPPchccc", "p p p F[firing:page] F F F F o[resolved:page]")
	f(slow, "PPPPc-ccc", "p p p F[firing:page] F F F F o[resolved:page]")

	// no_data never resolves; what was pending is ok when data is back.
	f(slow, "PPPP----", "p p p F[firing:page] F F F n[no_data:page]")
	f(slow, "PPPP-----ccc", "p p p F[firing:page] F F F n[no_data:page] n F[data_back:page] F o[resolved:page]")
	f(slow, "PPPP-----TTT", "p p p F[firing:page] F F F n[no_data:page] n F[data_back:page][level:ticket] F F")
	f(slow, "PP----PPPP", "p p o o o n[no_data:] p[data_back:] p p F[firing:page]")
	f(slow, "----cP", "o o o n[no_data:] o[data_back:] p")
	f(slow, "---c---c", "o o o o o o o o")

	// errors freeze: 3 slots of error are not credited to for, keep_firing_for or no_data.
	f(slow, "PPeeePP", "p p p p p p F[firing:page]")
	f(slow, "PPPPceeecc", "p p p F[firing:page] F F F F F o[resolved:page]")
	f(slow, "PPPP-eee--", "p p p F[firing:page] F F F F F F")
	f(slow, "eeeeeecee", "o o o o o o o o o")

	// gaps: at most two intervals are credited, and half of the slots must have been seen.
	f(slow, "P...P.P", "p . . . p . F[firing:page]")
	f(slow, "P..........P", "p . . . . . . . . . . p")
	f(Timing{For: slots(10), NoDataFor: slots(3)}, "P.P.P.P.P.P", "p . p . p . p . p . F[firing:page]")
}

func TestPendingDoesNotSurviveALongOutage(t *testing.T) {
	t.Parallel()
	timing := Timing{Interval: time.Minute, For: 5 * time.Minute, NoDataFor: time.Hour}
	i, _ := Step(timing, start, level(SeverityPage), epoch)
	later := epoch.Add(maxOutage + time.Minute)
	i, ts := Step(timing, i, level(SeverityPage), later)
	if i.State != leadline.StatePending || !i.Since.Equal(later) || i.Trues != 1 || len(ts) > 0 {
		t.Errorf("got %+v %v, want a new run", i, ts)
	}
}

func TestFiringKeepsItsTimesOverAGap(t *testing.T) {
	t.Parallel()
	timing := Timing{Interval: time.Minute, KeepFiringFor: 3 * time.Minute, NoDataFor: time.Hour}
	i, _ := Step(timing, start, level(SeverityPage), epoch)
	i, _ = Step(timing, i, cleared, epoch.Add(time.Minute))
	i, ts := Step(timing, i, cleared, epoch.Add(5*time.Hour))
	if i.State != leadline.StateFiring || !i.FiringSince.Equal(epoch) || len(ts) > 0 {
		t.Errorf("got %+v %v: hours without a look do not count for keep_firing_for", i, ts)
	}
	i, ts = Step(timing, i, cleared, epoch.Add(5*time.Hour+time.Minute))
	if i.State != leadline.StateOK || len(ts) != 1 || ts[0].Change != leadline.ChangeResolved {
		t.Errorf("got %+v %v, want resolved", i, ts)
	}
}

// numbers reads the notation of Prometheus' rule tests: 400x9 is 400 and nine more.
func numbers(s string) []float64 {
	var out []float64
	for f := range strings.FieldsSeq(s) {
		value, times, _ := strings.Cut(f, "x")
		v, _ := strconv.ParseFloat(value, 64)
		n, _ := strconv.Atoi(times)
		for range n + 1 {
			out = append(out, v)
		}
	}
	return out
}

// TestRuleTest is the example of the rule format: a P95 with hysteresis over 22 minutes.
func TestRuleTest(t *testing.T) {
	t.Parallel()
	g := one(t, `
  interval: 30s
  rules:
    - alert: StageP95High
      measure:
        p95: {quantile: 0.95, of: span.duration_ms, window: 5m}
        n: {count: span, window: 5m}
      by: [campaign, stage]
      min_samples: {n: 200}
      levels:
        - {severity: page, expr: p95 > 1500}
        - {severity: ticket, expr: p95 > 800}
      recover_expr: p95 < 650
      for: 2m
      keep_firing_for: 5m
`)
	r := g.Rules[0]
	var got []string
	i := leadline.Instance{State: leadline.StateOK}
	state := map[time.Duration]leadline.State{}
	for n, v := range numbers("400x9 1900x8 700 1900x4 300x20") {
		at := time.Duration(n) * 30 * time.Second
		row := measure.Row{Labels: leadline.Labels{"campaign": "spring", "stage": "geoip"}, Values: []float64{v, 900}}
		before := i.State
		var ts []leadline.Transition
		i, ts = Step(r.Timing, i, observe(r, &row), epoch.Add(at))
		state[at] = i.State
		if i.State != before || len(ts) > 0 {
			line := fmt.Sprintf("%v %s", at, i.State)
			for _, x := range ts {
				line += " " + string(x.Change) + " " + x.Severity
			}
			got = append(got, line)
		}
	}
	want := []string{"5m0s pending", "7m0s firing firing page", "17m30s ok resolved page"}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	if state[6*time.Minute] != leadline.StatePending || state[9*time.Minute+30*time.Second] != leadline.StateFiring || state[20*time.Minute] != leadline.StateOK {
		t.Errorf("states %v", state)
	}
}

// history draws a timing and a walk of observations over growing slots.
type history struct {
	timing Timing          // at the first slot
	edits  []time.Duration // For at each slot
	slots  []time.Time
	seen   []Observation
}

func drawHistory(t *rapid.T) history {
	h := history{timing: Timing{Interval: 10 * time.Second}}
	slots := func(label string, least int) time.Duration {
		return time.Duration(rapid.IntRange(least, 6).Draw(t, label)) * h.timing.Interval
	}
	h.timing.For, h.timing.KeepFiringFor, h.timing.NoDataFor = slots("for", 0), slots("keep", 0), slots("no_data", 1)
	at, raised := epoch, h.timing.For
	for range rapid.IntRange(1, 80).Draw(t, "length") {
		at = at.Add(h.timing.Interval * time.Duration(rapid.SampledFrom([]int{1, 1, 1, 1, 1, 2, 3, 7, 400}).Draw(t, "gap")))
		h.slots = append(h.slots, at)
		if rapid.IntRange(0, 15).Draw(t, "edit") == 0 {
			raised = slots("for", 0)
		}
		h.edits = append(h.edits, raised)
		h.seen = append(h.seen, rapid.SampledFrom([]Observation{level(SeverityPage), level(SeverityPage), level(SeverityPage), level(SeverityTicket), cleared, cleared, hold, absent, failed}).Draw(t, "observation"))
	}
	return h
}

func TestStepProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		i, open, runs := start, false, 0
		for n, slot := range h.slots {
			before := i
			h.timing.For = h.edits[n]
			next, ts := Step(h.timing, i, h.seen[n], slot)

			again, ts2 := Step(h.timing, i, h.seen[n], slot)
			if d := cmp.Diff(next, again) + cmp.Diff(ts, ts2); d != "" {
				t.Fatalf("not deterministic: %s", d)
			}
			replayed, none := Step(h.timing, next, h.seen[n], slot)
			if d := cmp.Diff(next, replayed); d != "" || len(none) > 0 {
				t.Fatalf("a slot counted twice: %s %v", d, none)
			}
			if old, none := Step(h.timing, next, level(SeverityPage), slot.Add(-time.Hour)); cmp.Diff(next, old) != "" || len(none) > 0 {
				t.Fatal("an old slot changed something")
			}
			i = next
			for _, x := range ts {
				switch x.Change {
				case leadline.ChangeFiring:
					if open {
						t.Fatal("firing twice without resolved between")
					}
					open = true
					h.checkFor(t, n, i)
				case leadline.ChangeResolved:
					demoted := h.seen[n].Kind == ObsLevel && i.State == leadline.StatePending && i.Since.Equal(slot)
					if !open || h.seen[n].Kind != ObsClear && !demoted {
						t.Fatalf("resolved on %+v, open=%v", h.seen[n], open)
					}
					open = false
					runs++
					if last := i.Fired[len(i.Fired)-1]; !last.Until.Equal(slot) || !last.Since.Before(slot) {
						t.Fatalf("the run that ended is remembered as %+v", last)
					}
				case leadline.ChangeNoData:
					if i.State != leadline.StateNoData || h.seen[n].Kind != ObsAbsent {
						t.Fatalf("no_data on %+v", h.seen[n])
					}
				case leadline.ChangeLevel:
					if before.Severity == i.Severity || !open {
						t.Fatal("level changed to itself or while not firing")
					}
				case leadline.ChangeDataBack:
					if before.State != leadline.StateNoData {
						t.Fatal("data came back that was not gone")
					}
				case leadline.ChangeError:
					t.Fatal("the rule tells of errors, no instance does")
				}
				if x.Slot != slot || x.Rule != "r" || x.Group != "g" {
					t.Fatalf("transition %+v", x)
				}
			}
			if was := i.State == leadline.StateFiring || i.Was == leadline.StateFiring; was != open {
				t.Fatalf("state %s (was %s) while open=%v", i.State, i.Was, open)
			}
			if len(i.Fired) > min(runs, maxFired) {
				t.Fatalf("%d runs remembered of %d", len(i.Fired), runs)
			}
			if h.seen[n].Kind == ObsFailed && before.State != "" && i.State != before.State {
				t.Fatal("an error changed the state")
			}
			if (i.Severity != "") != (open || i.State == leadline.StatePending) {
				t.Fatalf("severity %q in state %s", i.Severity, i.State)
			}
		}
	})
}

// checkFor holds a firing at slot n against the observations: back over the whole of For there are only levels (and
// failures, which stand still), and enough of them.
func (h history) checkFor(t *rapid.T, n int, i leadline.Instance) {
	trues := 0
	for k := n; k >= 0 && !h.slots[k].Before(i.Since); k-- {
		switch h.seen[k].Kind {
		case ObsLevel:
			trues++
		case ObsFailed:
		default:
			t.Fatalf("fired at %v although %v inside for was %+v", h.slots[n], h.slots[k], h.seen[k])
		}
	}
	if h.timing.For > 0 && (h.slots[n].Sub(i.Since) < h.timing.For || i.Trues < 2) {
		t.Fatalf("fired after %v with %d observations, for is %v", h.slots[n].Sub(i.Since), i.Trues, h.timing.For)
	}
	if trues > i.Trues {
		t.Fatalf("%d levels since the run began, counted %d", trues, i.Trues)
	}
}

// TestReplayAgrees walks a history twice, once straight and once with every state written out and read back between,
// as a restart at every slot does.
func TestReplayAgrees(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		h := drawHistory(t)
		a, b := start, start
		for n, slot := range h.slots {
			var ta, tb []leadline.Transition
			h.timing.For = h.edits[n]
			a, ta = Step(h.timing, a, h.seen[n], slot)
			b, tb = Step(h.timing, roundTrip(t, b), h.seen[n], slot)
			if d := cmp.Diff(a, b) + cmp.Diff(ta, tb); d != "" {
				t.Fatalf("slot %d: %s", n, d)
			}
		}
	})
}
