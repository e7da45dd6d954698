package rules

import "leadline/rules/measure"

// Observation is what one slot says of one instance.
type Observation struct {
	Kind     ObservationKind
	Severity string             // ObsLevel
	Values   map[string]float64 // the finite ones, nil for ObsAbsent and ObsFailed
	Detail   string             // ObsFailed: why
}

// ObservationKind classifies an observation.
type ObservationKind int

// The kinds of observations.
const (
	ObsClear  ObservationKind = iota // no level, and recovered
	ObsHold                          // no level, and not recovered: between the thresholds, or too few samples to tell
	ObsLevel                         // a level matches
	ObsAbsent                        // a value that the conditions need is not there
	ObsFailed                        // the question could not be asked or answered
)

// observe judges one sample. Operands are looked at before a condition runs: NaN would make it false, and its
// negation true.
func (r *Rule) observe(s *measure.Row) Observation {
	o := Observation{Kind: ObsClear, Values: r.finite(s)}
	env := r.environment(s)
	absent := false
	few := r.tooFew(s)
	for _, l := range r.Levels {
		if !r.answerable(l, s) {
			absent = true
			continue
		}
		if few {
			continue
		}
		yes, err := l.When.Bool(env)
		switch {
		case err != nil:
			return Observation{Kind: ObsFailed, Detail: err.Error()}
		case yes:
			o.Kind, o.Severity = ObsLevel, l.Severity
			return o
		}
	}
	switch {
	case absent:
		return Observation{Kind: ObsAbsent}
	case few:
		o.Kind = ObsHold
	case r.Recover != nil:
		if !r.usable(r.Recover.Uses, s) {
			o.Kind = ObsHold
			break
		}
		yes, err := r.Recover.Bool(env)
		if err != nil {
			return Observation{Kind: ObsFailed, Detail: err.Error()}
		}
		if !yes {
			o.Kind = ObsHold
		}
	}
	return o
}

func (r *Rule) answerable(l Level, s *measure.Row) bool { return r.usable(l.When.Uses, s) }

// usable reports whether every measure that is used has a value.
func (r *Rule) usable(used func(string) bool, s *measure.Row) bool {
	for i, m := range r.Ask.Measures {
		if used(m.Name) && !defined(s.Values[i]) {
			return false
		}
	}
	return true
}

func (r *Rule) tooFew(s *measure.Row) bool {
	for _, f := range r.minSamples {
		if !(s.Values[f.measure] >= f.least) {
			return true
		}
	}
	return false
}
