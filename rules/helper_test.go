package rules

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"leadline"
	"leadline/rules/measure"

	"pgregory.net/rapid"
)

// observe judges one row of a new series.
func observe(r *Rule, row *measure.Row) Observation {
	o := newExaminer(r).examine(row, nil, epoch)
	o.Values = o.values(r)
	return o
}

var errTest = errors.New("clickhouse is away")

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// roundTrip writes an instance as the state file does and reads it back.
func roundTrip(t *rapid.T, i leadline.Instance) leadline.Instance {
	text, err := json.Marshal(i)
	if err != nil {
		t.Fatal(err)
	}
	var out leadline.Instance
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
