package rules

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"

	"leadline"
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
func makeEnv(measures []Measure, labels []string) reflect.Type {
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

// sample is one label set and its values, in the order of the rule's measures. NaN means that there is none.
type sample struct {
	labels leadline.Labels
	values []float64
}

// newSample has what a label set without rows has: counts of 0 and nothing else.
func (r *Rule) newSample(labels leadline.Labels) *sample {
	s := &sample{labels, make([]float64, len(r.Measures))}
	for i, m := range r.Measures {
		if m.Kind != MeasureCount {
			s.values[i] = math.NaN()
		}
	}
	return s
}

// environment is the value that the conditions run on.
func (r *Rule) environment(s *sample) any {
	v := reflect.New(r.env).Elem()
	for i, x := range s.values {
		v.Field(i).SetFloat(x)
	}
	labels := v.Field(len(s.values))
	for i, name := range labelNames(r.By, r.Labels) {
		if i < len(r.By) {
			labels.Field(i).SetString(s.labels[name])
		} else {
			labels.Field(i).SetString(r.Labels[name])
		}
	}
	return v.Interface()
}

// finite are the values that there are, by name.
func (r *Rule) finite(s *sample) map[string]float64 {
	out := make(map[string]float64, len(s.values))
	for i, v := range s.values {
		if defined(v) {
			out[r.Measures[i].Name] = v
		}
	}
	return out
}

func defined(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }

// read adds a plan's answer to the samples, keyed by their labels.
func (r *Rule) read(p *Plan, t *leadline.Table, into map[string]*sample) error {
	if len(t.Rows) > maxSeries {
		return fmt.Errorf("more than %d label sets: narrow `by`", maxSeries)
	}
	columns := make([]int, 0, len(p.By)+len(p.cells))
	for _, name := range append(slices.Clone(p.By), cellNames(p.cells)...) {
		i, err := t.Column(name)
		if err != nil {
			return err
		}
		columns = append(columns, i)
	}
	for _, row := range t.Rows {
		labels := make(leadline.Labels, len(p.By))
		for i, name := range p.By {
			text, ok := row[columns[i]].(string)
			if !ok {
				return fmt.Errorf("column %s is a %T, want a string", name, row[columns[i]])
			}
			labels[name] = text
		}
		s := into[labels.Key()]
		if s == nil {
			s = r.newSample(labels)
			into[labels.Key()] = s
		}
		for i, c := range p.cells {
			v, ok := row[columns[len(p.By)+i]].(float64)
			if !ok {
				return fmt.Errorf("column %s is a %T, want a float64", c.column, row[columns[len(p.By)+i]])
			}
			if c.den {
				s.values[c.measure] = ratio(s.values[c.measure], v)
			} else {
				s.values[c.measure] = v
			}
		}
	}
	return nil
}

func cellNames(cells []cell) []string {
	out := make([]string, len(cells))
	for i, c := range cells {
		out[i] = c.column
	}
	return out
}

func ratio(num, den float64) float64 {
	if den == 0 {
		return math.NaN()
	}
	return num / den
}
