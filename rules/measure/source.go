package measure

import (
	"reflect"
	"slices"
	"strconv"
)

// Source is what measures count.
type Source string

// The sources.
const (
	Spans  Source = "span"  // stages of events: view all_spans
	Events Source = "event" // whole ways: view journeys
)

// view is a source's place in ClickHouse and the fields that rules may use.
type view struct {
	table   string
	labels  []string     // fields for `by`, all text
	numbers []string     // fields for `of`, all milliseconds
	env     reflect.Type // all fields, for `where`
}

var views = map[Source]view{
	Spans: makeView("all_spans", []string{"bot", "campaign", "country", "partner", "stage", "status", "type"},
		[]string{"duration_ms", "total_ms", "wait_ms"}),
	Events: makeView("journeys", []string{"bot", "campaign", "country", "outcome", "partner", "type", "worst"},
		[]string{"e2e_ms"}),
}

func makeView(table string, labels, numbers []string) view {
	v := view{table: table, labels: labels, numbers: numbers}
	var fields []reflect.StructField
	for _, l := range labels {
		fields = append(fields, envField(len(fields), l, reflect.TypeFor[string]()))
	}
	for _, n := range numbers {
		fields = append(fields, envField(len(fields), n, reflect.TypeFor[float64]()))
	}
	v.env = reflect.StructOf(fields)
	return v
}

// has reports whether name is a field of the view.
func (v view) has(name string) bool {
	return slices.Contains(v.labels, name) || slices.Contains(v.numbers, name)
}

// envField makes a field of an environment type.
func envField(i int, name string, t reflect.Type) reflect.StructField {
	return reflect.StructField{Name: "F" + strconv.Itoa(i), Type: t, Tag: reflect.StructTag(`expr:"` + name + `"`)}
}

// Sources are all there are.
func Sources() []Source { return []Source{Events, Spans} }

// Known reports whether there is such a source.
func (s Source) Known() bool { _, ok := views[s]; return ok }

// Labels are the fields of a source that tell series apart.
func (s Source) Labels() []string { return views[s].labels }

// Numbers are the fields of a source that have quantiles, all in milliseconds.
func (s Source) Numbers() []string { return views[s].numbers }
