package rules

import (
	"reflect"
	"time"

	"leadline"
	"leadline/rules/measure"
	"leadline/source"
)

// Observation is what one slot says of one instance.
type Observation struct {
	Kind     ObservationKind
	Severity string             // ObsLevel
	Values   map[string]float64 // the finite ones, nil for ObsAbsent and ObsFailed
	Detail   string             // ObsFailed: why

	row []float64 // what Values are made of, once somebody wants them
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

// values are the observation's by name.
func (o *Observation) values(r *Rule) map[string]float64 {
	if o.row == nil {
		return nil
	}
	return r.finite(o.row)
}

// examiner judges rows of one rule, one after the other: the environment of its conditions is made once. It is for one
// goroutine.
type examiner struct {
	rule    *Rule
	env     any // a pointer to the struct that fields is
	fields  reflect.Value
	levels  [][]int // the measures that each level needs
	recover []int
}

func newExaminer(r *Rule) *examiner {
	env := reflect.New(r.env)
	x := &examiner{rule: r, env: env.Interface(), fields: env.Elem()}
	for _, l := range r.Levels {
		x.levels = append(x.levels, r.uses(l.When))
	}
	if r.Recover != nil {
		x.recover = r.uses(r.Recover)
	}
	labels := x.fields.Field(len(r.Ask.Measures))
	for i, name := range labelNames(r.Ask.By, r.Labels) {
		if i >= len(r.Ask.By) {
			labels.Field(i).SetString(r.Labels[name])
		}
	}
	return x
}

// uses are the measures that a condition names.
func (r *Rule) uses(p *source.Program) []int {
	var out []int
	for i, m := range r.Ask.Measures {
		if p.Uses(m.Name) {
			out = append(out, i)
		}
	}
	return out
}

// fill sets the environment to a row.
func (x *examiner) fill(labels leadline.Labels, values []float64) {
	for i, v := range values {
		x.fields.Field(i).SetFloat(v)
	}
	set := x.fields.Field(len(values))
	for i, name := range x.rule.Ask.By {
		set.Field(i).SetString(labels[name])
	}
}

// examine judges a row, nil for a series that is not there, of an instance, nil for one that is new. Operands are looked
// at before a condition runs: NaN would make it false, and its negation true.
func (x *examiner) examine(s *measure.Row, known *leadline.Instance, slot time.Time) Observation {
	if s == nil {
		return Observation{Kind: ObsAbsent}
	}
	o := Observation{Kind: ObsClear, row: x.rule.present(s, known, slot)}
	x.fill(s.Labels, o.row)
	absent := false
	few := x.rule.tooFew(o.row)
	for i, l := range x.rule.Levels {
		if !usable(x.levels[i], o.row) {
			absent = true
			continue
		}
		if few {
			continue
		}
		yes, certain, err := l.When.Decide(x.env)
		switch {
		case err != nil:
			return Observation{Kind: ObsFailed, Detail: err.Error()}
		case !certain: // it divides by 0, which is no value
			absent = true
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
	case x.rule.Recover != nil:
		return x.recovered(o)
	}
	return o
}

// recovered judges a row without a level.
func (x *examiner) recovered(o Observation) Observation {
	if !usable(x.recover, o.row) {
		o.Kind = ObsHold
		return o
	}
	yes, certain, err := x.rule.Recover.Decide(x.env)
	switch {
	case err != nil:
		return Observation{Kind: ObsFailed, Detail: err.Error()}
	case !yes || !certain:
		o.Kind = ObsHold
	}
	return o
}

// usable reports whether every measure that is needed has a value.
func usable(needed []int, values []float64) bool {
	for _, i := range needed {
		if !defined(values[i]) {
			return false
		}
	}
	return true
}

func (r *Rule) tooFew(values []float64) bool {
	for _, f := range r.minSamples {
		if !(values[f.measure] >= f.least) {
			return true
		}
	}
	return false
}
