package rules

import (
	"errors"
	"time"

	"leadline"
)

// Health says whether a rule can be evaluated.
type Health string

// The healths of a rule.
const (
	HealthUnknown Health = ""      // not evaluated yet
	HealthGood    Health = "good"  // the last evaluation worked
	HealthError   Health = "error" // it failed three times in a row, or exceeds the group's limit
)

// GroupStatus says how a group fares.
type GroupStatus struct {
	Name        string        `json:"name"`
	Interval    time.Duration `json:"interval"`
	LastSlot    time.Time     `json:"last_slot,omitzero"`    // newest slot that was evaluated and kept
	Begun       time.Time     `json:"begun,omitzero"`        // newest slot whose evaluation began
	Duration    time.Duration `json:"duration"`              // of that evaluation
	Evaluations int           `json:"evaluations"`           // since the start
	Missed      int           `json:"missed"`                // slots since the start that nobody evaluated
	MissedLast  int           `json:"missed_last,omitzero"`  // of them, those just before LastSlot
	ClockBehind bool          `json:"clock_behind,omitzero"` // the clock stands before the last slot
	Waiting     bool          `json:"waiting,omitzero"`      // ClickHouse does not have the events of the next slot yet
	Blind       int           `json:"blind,omitzero"`        // slots in a row in which no rule got an answer
	Error       string        `json:"error,omitempty"`       // why the last evaluation was not kept
	Rules       []RuleStatus  `json:"rules"`
}

// RuleStatus says how a rule fares.
type RuleStatus struct {
	Name      string                 `json:"name"`
	Health    Health                 `json:"health"`
	Error     string                 `json:"error,omitempty"`     // of the last evaluation
	Duration  time.Duration          `json:"duration"`            // of the last evaluation
	Refused   int                    `json:"refused,omitempty"`   // label sets above the limit
	Instances map[leadline.State]int `json:"instances,omitempty"` // by state
}

// record writes the status of an evaluation that was kept.
func (r *run) record(slot time.Time, missed int, took time.Duration, o Outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kept = *r.memory
	s := &r.status
	if s.Evaluations == 0 {
		missed = 0 // what was missed before the start is not ours
	}
	s.Missed += missed
	s.MissedLast = missed
	s.Blind++
	s.LastSlot, s.Duration, s.Error, s.ClockBehind = slot, took, "", false
	s.Evaluations++
	for n, rule := range r.group.Rules {
		x := RuleStatus{Name: rule.Name, Health: HealthGood, Duration: o.Rules[n].Took, Refused: o.Rules[n].Refused, Instances: r.memory.counts(rule.Name)}
		if err := o.Rules[n].Err; err != nil {
			x.Error = err.Error()
			x.Health = s.Rules[n].Health
			if p, ok := errors.AsType[*PanicError](err); ok {
				r.log.Error("rule panicked", "rule", rule.Name, "panic", p.Value, "stack", string(p.Stack))
			}
		}
		if o.Rules[n].Err == nil {
			s.Blind = 0
		}
		if r.memory.failures(rule.Name) >= failuresToTell || x.Refused > 0 {
			x.Health = HealthError
		}
		s.Rules[n] = x
	}
}

// snapshot copies the status; the slices and maps in it are replaced, never changed.
func (r *run) snapshot() GroupStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.status
	s.Rules = append([]RuleStatus(nil), s.Rules...)
	return s
}
