package rules

import (
	"reflect"
	"time"

	"leadline"
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

	minSamples []floor
	env        reflect.Type // what the conditions see: the measures and labels
	pos        source.Pos   // of the name
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
	Severity string
	When     *source.Program
}

// floor is an entry of min_samples: below it a rule neither fires nor resolves.
type floor struct {
	measure int
	least   float64
}
