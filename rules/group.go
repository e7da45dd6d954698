package rules

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"leadline"
	"leadline/rules/budget"
	"leadline/rules/measure"
	"leadline/source"
)

// Kind is the kind of the documents that Parse reads.
const Kind = "RuleGroup"

// The severities of a level, the worst first.
const (
	SeverityPage   = "page"   // wake somebody
	SeverityTicket = "ticket" // look at it in working hours
	SeverityInfo   = "info"   // nobody has to act
)

// Group is a set of rules that are evaluated together, at the same slots.
type Group struct {
	Name        string
	Interval    time.Duration
	QueryOffset time.Duration // windows end this long before the slot, for the rows that are still under way
	Limit       int           // most instances of one rule
	Rules       []*Rule

	pos source.Pos // of the name
}

// Rule is one compiled rule.
type Rule struct {
	Name        string
	Ask         measure.Ask     // what it measures, by what labels
	Levels      []Level         // the first that matches counts
	Recover     *source.Program // nil: recovered when no level matches
	Timing      Timing
	Labels      leadline.Labels // static: the group's and the rule's
	Annotations []Annotation
	Objective   *budget.Objective // of the rule that watches an SLO's budget, else nil

	minSamples []floor
	env        reflect.Type  // what the conditions see: the measures and labels
	remark     func() string // of a built-in rule: ends its summary
	pos        source.Pos    // of the name
}

// Timing is what Step needs to know of a rule.
type Timing struct {
	Interval      time.Duration // between slots
	For           time.Duration // a level must hold this long before the rule fires
	KeepFiringFor time.Duration // a firing rule must be clear this long before it resolves
	NoDataFor     time.Duration // values must be absent this long before the state is no_data
}

// Level is a condition and how bad it is.
type Level struct {
	Severity    string
	When        *source.Program
	Labels      leadline.Labels // of an SLO's page or ticket: beside the rule's
	Annotations []Annotation    // of an SLO's page or ticket: in place of the rule's of the same name
}

// labelled are the static labels of a severity.
func (r *Rule) labelled(severity string) leadline.Labels {
	for _, l := range r.Levels {
		if l.Severity == severity && len(l.Labels) > 0 {
			labels := maps.Clone(r.Labels)
			maps.Copy(labels, l.Labels)
			return labels
		}
	}
	return r.Labels
}

// explanations are the texts of a severity; a later one takes the place of an earlier of its name.
func (r *Rule) explanations(severity string) []Annotation {
	for _, l := range r.Levels {
		if l.Severity == severity && len(l.Annotations) > 0 {
			return slices.Concat(r.Annotations, l.Annotations)
		}
	}
	return r.Annotations
}

// floor is an entry of min_samples: below it a rule neither fires nor resolves.
type floor struct {
	measure int
	least   float64
}
