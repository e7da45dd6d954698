package app

import (
	"context"
	"fmt"
	"time"

	"leadline"
	"leadline/rules/measure"
	"leadline/server"
	"leadline/sql"
)

// lookup finds where an event is: in the tables, or on its way there.
type lookup struct {
	tables measure.Querier
	spool  interface {
		Knows(ctx context.Context, key leadline.Key) (bool, error)
	}
}

// Event implements server.Lookup. The spool is asked first: an event that leaves it meanwhile is then found in the
// tables.
func (l *lookup) Event(ctx context.Context, partner, id string) (w server.Whereabouts, found bool, err error) {
	known, err := l.spool.Knows(ctx, leadline.KeyOf(partner, id))
	if err != nil {
		return w, false, err
	}
	if row, err := l.row(ctx, "event_way", partner, id); err != nil {
		return w, false, err
	} else if row != nil {
		return stored(id, row), true, row.err
	}
	if known {
		return server.Whereabouts{ID: id, Place: server.PlaceSpool}, true, nil
	}
	if row, err := l.row(ctx, "event_rejected", partner, id); err != nil {
		return w, false, err
	} else if row != nil {
		return rejected(id, row), true, row.err
	}
	return w, false, nil
}

// row is the first row that a query of package sql finds, nil where there is none.
func (l *lookup) row(ctx context.Context, query, partner, id string) (*row, error) {
	t, err := l.tables.Select(ctx, leadline.Query{Name: query, SQL: sql.Query(query), Params: map[string]any{"partner": partner, "id": id}})
	if err != nil || len(t.Rows) == 0 {
		return nil, err
	}
	return &row{table: t, values: t.Rows[0]}, nil
}

func stored(id string, r *row) server.Whereabouts {
	w := server.Whereabouts{
		ID: id, Place: server.PlaceStored, Type: value[string](r, "type"), Campaign: value[string](r, "campaign"),
		ReceivedAt: value[time.Time](r, "received_at"), StoredAt: value[time.Time](r, "stored_at"),
		EndToEnd: millis(value[int64](r, "e2e_us")),
	}
	waits, works, statuses := value[[]int64](r, "wait_us"), value[[]int64](r, "duration_us"), value[[]string](r, "status")
	for i, name := range value[[]string](r, "stage") {
		w.Stages = append(w.Stages, server.Stage{Name: name, Wait: millis(waits[i]), Duration: millis(works[i]), Status: statuses[i]})
	}
	return w
}

func rejected(id string, r *row) server.Whereabouts {
	w := server.Whereabouts{
		ID: id, Place: server.PlaceRejected, Type: value[string](r, "type"), Code: value[string](r, "code"),
		ReceivedAt: value[time.Time](r, "received_at"),
	}
	rule, expected, got, nearest := value[[]string](r, "rule"), value[[]string](r, "expected"), value[[]string](r, "got"), value[[]string](r, "nearest")
	for i, pointer := range value[[]string](r, "pointer") {
		w.Violations = append(w.Violations, leadline.Violation{Pointer: pointer, Rule: rule[i], Expected: expected[i], Got: got[i], Nearest: nearest[i]})
	}
	return w
}

func millis(us int64) float64 { return float64(us) / 1000 }

// row is one row with the first thing that was wrong with it.
type row struct {
	table  *leadline.Table
	values []any
	err    error
}

// value is a row's value in a column.
func value[T any](r *row, column string) (v T) {
	at, err := r.table.Column(column)
	if err == nil {
		var ok bool
		if v, ok = r.values[at].(T); !ok {
			err = fmt.Errorf("column %s is a %T, not a %T", column, r.values[at], v)
		}
	}
	if r.err == nil {
		r.err = err
	}
	return v
}
