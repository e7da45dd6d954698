package rules

import (
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// envField makes a field of an environment type.
func envField(i int, name string, t reflect.Type) reflect.StructField {
	return reflect.StructField{Name: "F" + strconv.Itoa(i), Type: t, Tag: reflect.StructTag(`expr:"` + name + `"`)}
}

// reserved words of expr-lang, its functions that conditions may call, and the one name of ours.
var reserved = []string{
	"abs", "and", "contains", "duration", "else", "endsWith", "false", "if", "in", "labels", "len", "let",
	"matches", "max", "min", "nil", "not", "or", "round", "startsWith", "true",
}

var identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,62}$`)

// makeEnv is the type that a rule's conditions are compiled against: every measure as a number, and labels with exactly
// the labels that the rule has. A name that is not there is an error when the rule is loaded.
func makeEnv(measures []measure.Measure, labels []string) reflect.Type {
	var fields, inner []reflect.StructField
	for _, m := range measures {
		fields = append(fields, envField(len(fields), m.Name, reflect.TypeFor[float64]()))
	}
	for _, l := range labels {
		inner = append(inner, envField(len(inner), l, reflect.TypeFor[string]()))
	}
	fields = append(fields, envField(len(fields), "labels", reflect.StructOf(inner)))
	return reflect.StructOf(fields)
}

// labelNames are the labels that a rule's instances have: those of by and the static ones.
func labelNames(by []string, static leadline.Labels) []string {
	return append(slices.Clone(by), slices.Sorted(maps.Keys(static))...)
}

// finite are the values that there are, by name. Those of an objective have its burn rates and what is left of its budget.
func (r *Rule) finite(values []float64) map[string]float64 {
	out := make(map[string]float64, len(values))
	for i, v := range values {
		if defined(v) {
			out[r.Ask.Measures[i].Name] = v
		}
	}
	if r.Objective != nil {
		maps.Copy(out, r.Objective.Values(out))
	}
	return out
}

// ValueNames are the names of what an instance may have in Values: the measures, and what an objective makes of them.
func (r *Rule) ValueNames() []string {
	var out []string
	for _, m := range r.Ask.Measures {
		out = append(out, m.Name)
	}
	if r.Objective != nil {
		out = append(out, r.Objective.Names()...)
	}
	return out
}

// window is the time that a transition is about.
func (r *Rule) window() time.Duration {
	if r.Objective != nil {
		return r.Objective.Pairs[0].Long
	}
	return r.Ask.Longest()
}

func defined(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
