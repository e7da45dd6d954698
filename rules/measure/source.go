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
	Spans  Source = "span"   // stages of events: view all_spans
	Events Source = "event"  // whole ways: view journeys
	Schema Source = "schema" // what the schemas said: table rejected and events.warnings
)

// view is a source's place in ClickHouse and the fields that rules may use.
type view struct {
	table   string
	labels  []string     // fields for `by`, all text
	numbers []string     // fields for `of`, all milliseconds
	env     reflect.Type // all fields, for `where`

	rolled   []string // the labels that latency_1m and latency_1h have
	rows     string   // which of their rows are the source's
	duration string   // the field that their histogram counts
	status   string   // the field whose "ok" is events - failed
}

var views = map[Source]view{
	Spans: makeView("all_spans", []string{"bot", "campaign", "country", "lane", "partner", "stage", "status", "type"},
		[]string{"duration_ms", "total_ms", "wait_ms"}).
		rollup("stage != 'e2e'", "total_ms", "status", "campaign", "partner", "stage"),
	Events: makeView("journeys", []string{"bot", "campaign", "country", "lane", "outcome", "partner", "type", "worst"},
		[]string{"e2e_ms"}).
		rollup("stage = 'e2e'", "e2e_ms", "worst", "campaign", "partner"),
	Schema: makeView("", []string{"bot", "partner", "schema", "type"}, nil),
}

// rollup adds what the rollup knows of the view.
func (v view) rollup(rows, duration, status string, labels ...string) view {
	v.rows, v.duration, v.status, v.rolled = rows, duration, status, labels
	return v
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

// Sources are what events and spans can be counted of.
func Sources() []Source { return []Source{Events, Spans} }

// Known reports whether there is such a source.
func (s Source) Known() bool { return slices.Contains(Sources(), s) }

// Labels are the fields of a source that tell series apart.
func (s Source) Labels() []string { return views[s].labels }

// Numbers are the fields of a source that have quantiles, all in milliseconds.
func (s Source) Numbers() []string { return views[s].numbers }
