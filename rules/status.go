package rules

import (
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
	Duration    time.Duration `json:"duration"`              // of that evaluation
	Evaluations int           `json:"evaluations"`           // since the start
	Missed      int           `json:"missed"`                // slots since the start that nobody evaluated
	ClockBehind bool          `json:"clock_behind,omitzero"` // the clock stands before the last slot
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

// keep takes over what the sink has taken.
func (r *run) keep(o outcome) {
	r.known = map[string]map[string]leadline.Instance{}
	for _, i := range o.Instances {
		if r.known[i.Rule] == nil {
			r.known[i.Rule] = map[string]leadline.Instance{}
		}
		r.known[i.Rule][i.Labels.Key()] = i
	}
	for n, rule := range r.group.Rules {
		r.overfull[rule.Name] = o.rules[n].refused > 0
		if o.rules[n].err == nil {
			r.failures[rule.Name] = 0
		} else {
			r.failures[rule.Name]++
		}
	}
}

// record writes the status of an evaluation that was kept.
func (r *run) record(slot time.Time, missed int, took time.Duration, o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := &r.status
	if s.Evaluations > 0 {
		s.Missed += missed // what was missed before the start is not ours
	}
	s.LastSlot, s.Duration, s.Error, s.ClockBehind = slot, took, "", false
	s.Evaluations++
	for n, rule := range r.group.Rules {
		x := RuleStatus{Name: rule.Name, Health: HealthGood, Duration: o.rules[n].duration, Refused: o.rules[n].refused, Instances: map[leadline.State]int{}}
		if err := o.rules[n].err; err != nil {
			x.Error = err.Error()
			x.Health = s.Rules[n].Health
		}
		if r.failures[rule.Name] >= failuresToTell || x.Refused > 0 {
			x.Health = HealthError
		}
		for _, i := range r.known[rule.Name] {
			x.Instances[i.State]++
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
