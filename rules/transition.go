package rules

import (
	"fmt"
	"time"

	"leadline"
)

const (
	// failuresToTell is the number of slots in a row after which a rule's failure is reported.
	failuresToTell = 3
	// maxOutage is the longest gap that a pending run survives, as in Prometheus (rules.alert.for-outage-tolerance).
	maxOutage = time.Hour
)

// Step moves an instance to a slot. It is pure: what it returns depends on its arguments alone, and a slot that is not
// after the instance's own changes nothing.
//
//	ok       level            → pending, or firing at once where For is 0
//	pending  level            → firing after For, if at least half of its slots (and 2) had a level
//	pending  anything else    → ok
//	firing   level            → firing; another severity is reported; pending where For was raised above the run's length
//	firing   hold             → firing, waits anew for KeepFiringFor
//	firing   clear            → ok after KeepFiringFor: resolved
//	any      absent           → no_data after NoDataFor, never resolved
//	no_data  anything present → what it was (pending counts as ok), then as above
//	any      failed           → unchanged, timers stand still; the rule tells of it, not each instance
//
// Timers run in slot time. A gap between two slots counts as at most two intervals, so that no clock step or downtime
// turns one observation into a long condition.
func Step(t Timing, in leadline.Instance, o Observation, slot time.Time) (leadline.Instance, []leadline.Transition) {
	if !slot.After(in.Slot) {
		return in, nil
	}
	s := &step{timing: t, now: in, observation: o}
	gap := time.Duration(0)
	if !in.Slot.IsZero() {
		gap = slot.Sub(in.Slot)
	}
	s.now.Slot = slot
	if s.now.State == "" {
		s.now.State = leadline.StateOK
	}
	if o.Kind == ObsFailed {
		s.delay(gap)
		return s.now, nil
	}
	s.delay(max(0, gap-2*t.Interval))
	if gap > maxOutage && s.now.State == leadline.StatePending {
		s.rest()
	}
	if o.Kind == ObsAbsent {
		s.absent()
		return s.now, s.out
	}
	s.present()
	return s.now, s.out
}

type step struct {
	timing      Timing
	now         leadline.Instance
	observation Observation
	out         []leadline.Transition
}

func (s *step) emit(c leadline.Change, detail string) {
	i := &s.now
	s.out = append(s.out, leadline.Transition{
		Change: c, Group: i.Group, Rule: i.Rule, Labels: i.Labels, Severity: i.Severity,
		Slot: i.Slot, Since: i.Since, Values: i.Values, Detail: detail,
	})
}

// delay moves every running timer, so that a time that nobody saw is not credited.
func (s *step) delay(d time.Duration) {
	for _, t := range []*time.Time{&s.now.Since, &s.now.ClearSince, &s.now.AbsentSince} {
		if !t.IsZero() {
			*t = t.Add(d)
		}
	}
}

// rest makes the instance ok and forgets its run.
func (s *step) rest() {
	i := &s.now
	i.State, i.Was, i.Severity, i.Trues = leadline.StateOK, "", "", 0
	i.Since, i.FiringSince, i.ClearSince = time.Time{}, time.Time{}, time.Time{}
}

func (s *step) absent() {
	i := &s.now
	if i.State == leadline.StatePending {
		s.rest()
	}
	i.ClearSince = time.Time{}
	if i.AbsentSince.IsZero() {
		i.AbsentSince = i.Slot
	}
	if i.State == leadline.StateNoData || i.Slot.Sub(i.AbsentSince) < s.timing.NoDataFor {
		return
	}
	i.Was, i.State = i.State, leadline.StateNoData
	s.emit(leadline.ChangeNoData, fmt.Sprintf("no data since %s, was %s", i.AbsentSince.UTC().Format(time.RFC3339), i.Was))
}

// present handles every observation that has values.
func (s *step) present() {
	i := &s.now
	i.Values, i.AbsentSince = s.observation.Values, time.Time{}
	if i.State == leadline.StateNoData {
		s.back()
	}
	if s.observation.Kind == ObsLevel {
		s.level()
		return
	}
	switch i.State {
	case leadline.StatePending:
		s.rest()
	case leadline.StateFiring:
		s.recovering()
	default:
	}
}

func (s *step) back() {
	firing := s.now.Was == leadline.StateFiring
	s.now.State, s.now.Was = leadline.StateFiring, ""
	s.emit(leadline.ChangeDataBack, "")
	if !firing {
		s.rest()
	}
}

func (s *step) level() {
	i := &s.now
	i.ClearSince = time.Time{}
	before := i.Severity
	if i.State == leadline.StateFiring && i.Slot.Sub(i.Since) < s.timing.For {
		s.demote()
	}
	i.Severity = s.observation.Severity
	switch i.State {
	case leadline.StateFiring:
		i.Trues++
		if i.Severity != before {
			s.emit(leadline.ChangeLevel, "was "+before)
		}
		return
	case leadline.StatePending:
		i.Trues++
	default:
		i.State, i.Since, i.Trues = leadline.StatePending, i.Slot, 1
	}
	if i.Slot.Sub(i.Since) >= s.timing.For && i.Trues >= s.timing.enough() {
		i.State, i.FiringSince = leadline.StateFiring, i.Slot
		s.emit(leadline.ChangeFiring, "")
	}
}

// demote takes a firing back: with the rule as it is now it would not have fired yet. For counts anew, because a firing
// run may have gaps in which the condition did not hold.
func (s *step) demote() {
	i := &s.now
	s.emit(leadline.ChangeResolved, fmt.Sprintf("for was raised to %s, it has held for %s", s.timing.For, i.Slot.Sub(i.Since)))
	s.remember()
	i.State, i.FiringSince, i.Since, i.Trues = leadline.StatePending, time.Time{}, i.Slot, 0
}

// enough is the number of observations that a run needs before it fires: half of the slots of For and at least 2, so
// that one slot after a gap is not taken for a condition that held.
func (t Timing) enough() int {
	if t.For <= 0 {
		return 1
	}
	half := (t.For + 2*t.Interval - 1) / (2 * t.Interval)
	return max(2, int(half))
}

func (s *step) recovering() {
	i := &s.now
	if s.observation.Kind != ObsClear {
		i.ClearSince = time.Time{}
		return
	}
	if i.ClearSince.IsZero() {
		i.ClearSince = i.Slot
	}
	if i.Slot.Sub(i.ClearSince) < s.timing.KeepFiringFor {
		return
	}
	s.emit(leadline.ChangeResolved, "recovered")
	s.remember()
	s.rest()
}

// Bounds of Instance.Fired: a flapping instance must not grow for ever, and no baseline looks back further than events
// are kept.
const (
	maxFired    = 32
	rememberFor = 90 * 24 * time.Hour
)

// remember adds the run that ends now to those that baselines leave out.
func (s *step) remember() {
	i := &s.now
	var kept []leadline.Interval
	for _, f := range i.Fired {
		if i.Slot.Sub(f.Until) < rememberFor {
			kept = append(kept, f)
		}
	}
	kept = append(kept, leadline.Interval{Since: earlier(i.Since, i.FiringSince), Until: i.Slot})
	i.Fired = kept[max(0, len(kept)-maxFired):]
}
