package leadline

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Labels name one instance of a rule: the values of its `by` fields.
type Labels map[string]string

// Key is the labels in one canonical string, such as `campaign="spring",stage="write"`. It is "" without labels.
func (l Labels) Key() string {
	var b strings.Builder
	for i, k := range slices.Sorted(maps.Keys(l)) {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(k + "=" + strconv.Quote(l[k]))
	}
	return b.String()
}

// SelfGroup is the built-in group of rules that watches the rule engine itself.
const SelfGroup = "leadline"

// State is where an instance of a rule stands.
type State string

// The states of an instance.
const (
	StateOK      State = "ok"
	StatePending State = "pending"
	StateFiring  State = "firing"
	StateNoData  State = "no_data"
)

// Instance is what a rule remembers of one label set between two slots. Its identity is Group, Rule and Labels.
// Times are slots, not wall time; a zero time means not in that condition.
type Instance struct {
	Group       string             `json:"group"`
	Rule        string             `json:"rule"`
	Labels      Labels             `json:"labels"`
	State       State              `json:"state"`
	Severity    string             `json:"severity,omitempty"` // of the level that is pending or firing
	Slot        time.Time          `json:"slot"`               // last slot evaluated; of one that was kept at rest, the group's counts
	Since       time.Time          `json:"since,omitzero"`     // first slot of the present pending or firing run
	FiringSince time.Time          `json:"firing_since,omitzero"`
	ClearSince  time.Time          `json:"clear_since,omitzero"`  // recovered, waiting for keep_firing_for
	AbsentSince time.Time          `json:"absent_since,omitzero"` // no observation
	Trues       int                `json:"trues,omitempty"`       // observations with a level since Since
	Was         State              `json:"was,omitempty"`         // the state that no_data replaced
	Fired       []Interval         `json:"fired,omitempty"`       // past firing runs, the newest last; bounded
	Values      map[string]float64 `json:"values,omitempty"`
}

// Interval is the time from Since until before Until.
type Interval struct {
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
}

// Change names what a transition reports.
type Change string

// The changes that leave the rule engine.
const (
	ChangeFiring   Change = "firing"
	ChangeLevel    Change = "level" // another severity of the same incident
	ChangeResolved Change = "resolved"
	ChangeNoData   Change = "no_data" // never means resolved
	ChangeDataBack Change = "data_back"
	ChangeError    Change = "eval_error"
)

// Transition is one change of one instance, and all that the engine says of it.
type Transition struct {
	Change      Change             `json:"change"`
	Group       string             `json:"group"`
	Rule        string             `json:"rule"`
	Labels      Labels             `json:"labels"`   // the instance's
	Severity    string             `json:"severity"` // page, ticket or info
	Slot        time.Time          `json:"slot"`
	Since       time.Time          `json:"since"` // first slot of the run
	Window      time.Duration      `json:"window"`
	Values      map[string]float64 `json:"values,omitempty"`
	RuleLabels  Labels             `json:"rule_labels,omitempty"` // static, such as team
	Annotations map[string]string  `json:"annotations,omitempty"` // rendered: summary, objective, action
	Detail      string             `json:"detail,omitempty"`      // the error's text, or why it resolved
}

// GroupSlot says how far a group of rules has come.
type GroupSlot struct {
	Group string
	Slot  time.Time // the newest that was evaluated and kept
	Spec  string    // hash of what the group said then
}

// Evaluation is the outcome of one group at one slot; it is applied as a whole or not at all.
type Evaluation struct {
	Group       string
	Slot        time.Time
	Spec        string     // hash of what the group says
	Instances   []Instance // those that changed; all others of the group stand as they stood, at this slot
	Gone        []Instance // instances to forget
	Transitions []Transition
	Dissolved   bool // the group is there no more: forget its slot, too
}
