package lineage

import (
	"context"
	"fmt"
	"time"

	"leadline"
	"leadline/sql"
)

const (
	minSlow     = 5   // slow events; about 100 in the window
	minBase     = 50  // events in the normal window
	minSlowDown = 1.2 // of the P95 against the normal one; less is noise
)

// Querier reads ClickHouse.
type Querier interface {
	Select(ctx context.Context, q leadline.Query) (*leadline.Table, error)
}

// Explain says what makes the events of the slow window slow. A verdict whose Incomplete is set has no stages: there was
// too little data, or no slow-down.
func Explain(ctx context.Context, q Querier, w Window) (*leadline.Verdict, error) {
	v := &leadline.Verdict{From: w.From, To: w.To, BaseFrom: w.BaseFrom, BaseTo: w.BaseTo}
	params := w.params()
	windows, err := read(ctx, q, "explain_windows", params)
	if err != nil {
		return nil, err
	}
	n := windows[0]
	baseEvents := n.int("base_events")
	v.Events, v.P95MS = n.int("events"), n.float("p95_us")/1000
	if v.Events == 0 {
		v.Incomplete = "no events in the slow window"
		return v, nil
	}
	if baseEvents > 0 { // else it is not a number
		v.BaseP95MS = n.float("base_p95_us") / 1000
	}
	params["p95_us"], params["median_us"] = n.float("p95_us"), n.float("base_median_us")
	affected, err := read(ctx, q, "explain_affected", params)
	if err != nil {
		return nil, err
	}
	for _, r := range affected {
		a := leadline.Affected{Name: r.string("name"), Slow: r.int("slow"), Events: r.int("events")}
		if r.string("kind") == "partner" {
			v.Partners = append(v.Partners, a)
		} else {
			v.Campaigns = append(v.Campaigns, a)
		}
	}
	stages, err := read(ctx, q, "explain_stages", params)
	if err != nil {
		return nil, err
	}
	var all []sums
	var way sums
	for _, r := range stages {
		s := sums{r.string("stage"), r.int("slow_events"), r.int("slow_us"), r.int("normal_events"), r.int("normal_us")}
		if s.stage == "" {
			way = s
		} else {
			all = append(all, s)
		}
	}
	switch v.Slow = way.slowEvents; {
	case v.Slow < minSlow:
		v.Incomplete = fmt.Sprintf("too few slow events yet: %d of %d, %d are needed", v.Slow, v.Events, minSlow)
	case baseEvents < minBase:
		v.Incomplete = fmt.Sprintf("too few events before it to compare with: %d, %d are needed", baseEvents, minBase)
	case v.P95MS < minSlowDown*v.BaseP95MS:
		v.Incomplete = fmt.Sprintf("no slow-down: P95 is %.0f ms and was %.0f ms before", v.P95MS, v.BaseP95MS)
	default:
		v.Stages = shares(all, way)
	}
	return v, nil
}

// read runs one of our queries with those of the parameters that its text names.
func read(ctx context.Context, q Querier, name string, params map[string]any) ([]row, error) {
	text := sql.Query(name)
	t, err := q.Select(ctx, leadline.Query{Name: name, SQL: text, Params: used(text, params), Timeout: queryTimeout})
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	columns := make(map[string]int, len(t.Columns))
	for i, c := range t.Columns {
		columns[c] = i
	}
	rows := make([]row, len(t.Rows))
	for i, values := range t.Rows {
		rows[i] = row{columns, values}
	}
	return rows, nil
}

const queryTimeout = 3 * time.Second

// row reads the columns that our own query has by name.
type row struct {
	columns map[string]int
	values  []any
}

func (r row) int(name string) int64     { return column[int64](r, name) }
func (r row) float(name string) float64 { return column[float64](r, name) }
func (r row) string(name string) string { return column[string](r, name) }

func column[T any](r row, name string) T {
	i, ok := r.columns[name]
	if !ok {
		panic("BUG: the query has no column " + name)
	}
	v, ok := r.values[i].(T)
	if !ok {
		panic(fmt.Sprintf("BUG: column %s is a %T", name, r.values[i]))
	}
	return v
}
