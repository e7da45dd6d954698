package measure

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"leadline"
)

// Value is the name of the one measure of a query of the user's own, and of the column that holds it.
const Value = "value"

// ownQuery is a Custom and the labels that its string columns must be.
type ownQuery struct {
	Custom
	by string // joined by commas
}

func (c *ownQuery) query(name string, end time.Time) leadline.Query {
	return leadline.Query{
		Name: name, SQL: c.SQL, MaxBytes: c.MaxBytes,
		Params: map[string]any{"from": end.Add(-c.Window), "to": end},
	}
}

// rows reads an answer: one row an instance.
func (c *ownQuery) rows(t *leadline.Table) ([]Row, error) {
	if len(t.Rows) >= maxAnswer {
		return nil, fmt.Errorf("%d rows or more: a row is one instance", len(t.Rows))
	}
	at, err := t.Column(Value)
	if err != nil {
		return nil, fmt.Errorf("%w: name the number `value`", err)
	}
	by := split(c.by)
	for _, b := range by {
		if !slices.Contains(t.Columns, b) {
			return nil, fmt.Errorf("the answer has no column %q, which `by` names", b)
		}
	}
	out := make([]Row, 0, len(t.Rows))
	for _, values := range t.Rows {
		row := Row{Labels: make(leadline.Labels, len(by)), Values: make([]float64, 1), Past: make([][]float64, 1)}
		for i, column := range t.Columns {
			if _, text := values[i].(string); text == (i == at) {
				return nil, fmt.Errorf("column %s: want texts, which are labels, and the number `value`", column)
			}
			switch v := values[i].(type) {
			case string:
				if !slices.Contains(by, column) {
					return nil, fmt.Errorf("the text column %q is no label: name it in `by`", column)
				}
				row.Labels[column] = v
			case int64:
				row.Values[0] = float64(v)
			case float64:
				row.Values[0] = v
			default:
				return nil, fmt.Errorf("column %s is a %T: want texts, which are labels, and the number `value`", column, v)
			}
		}
		row.Key = row.Labels.Key()
		out = append(out, row)
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	for i := 1; i < len(out); i++ {
		if out[i].Key == out[i-1].Key {
			return nil, fmt.Errorf("two rows have the labels %s: add GROUP BY", orDash(out[i].Key))
		}
	}
	return out, nil
}
