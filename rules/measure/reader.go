package measure

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"leadline"
)

// maxQuery bounds one query; queryGrace is what a querier has on top to report that itself.
const (
	maxQuery   = 10 * time.Second
	queryGrace = 2 * time.Second
)

// Querier reads ClickHouse.
type Querier interface {
	Select(ctx context.Context, q leadline.Query) (*leadline.Table, error)
}

// Reader answers asks from ClickHouse.
type Reader struct{ querier Querier }

// New makes a reader.
func New(q Querier) *Reader { return &Reader{q} }

// Fetch reads what the asks need of the time before end. What fails is told by Answers.Rows, for the asks that needed it.
func (r *Reader) Fetch(ctx context.Context, asks []*Ask, end time.Time) Answers {
	out := answers{}
	for _, a := range asks {
		rows, err := r.rows(ctx, a, end)
		out[a] = answer{rows, err}
	}
	return out
}

type answer struct {
	rows []Row
	err  error
}

type answers map[*Ask]answer

// Rows implements Answers.
func (x answers) Rows(a *Ask) ([]Row, error) { return x[a].rows, x[a].err }

func (r *Reader) rows(ctx context.Context, a *Ask, end time.Time) ([]Row, error) {
	found := map[string]*Row{}
	timeout := min(a.Interval, maxQuery)
	for _, p := range makePlans(a.Measures, a.By) {
		qctx, cancel := context.WithTimeout(ctx, timeout+queryGrace)
		t, err := r.querier.Select(qctx, p.query("leadline rule="+a.Name, end, timeout))
		cancel()
		if err == nil {
			err = a.read(&p, t, found)
		}
		if err != nil {
			return nil, fmt.Errorf("query %ss: %w", p.Source, err)
		}
	}
	var out []Row
	for _, row := range found {
		out = append(out, *row)
	}
	slices.SortFunc(out, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	return out, nil
}

// Empty has what a series without events has: counts of 0 and nothing else.
func (a *Ask) Empty(labels leadline.Labels) Row {
	row := Row{Labels: labels, Key: labels.Key(), Values: make([]float64, len(a.Measures))}
	for i, m := range a.Measures {
		if m.Kind != Count {
			row.Values[i] = math.NaN()
		}
	}
	return row
}

// read adds a plan's answer to the rows, keyed by their labels.
func (a *Ask) read(p *plan, t *leadline.Table, into map[string]*Row) error {
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
			empty := a.Empty(labels)
			s = &empty
			into[labels.Key()] = s
		}
		for i, c := range p.cells {
			v, ok := row[columns[len(p.By)+i]].(float64)
			if !ok {
				return fmt.Errorf("column %s is a %T, want a float64", c.column, row[columns[len(p.By)+i]])
			}
			if c.den {
				s.Values[c.measure] = ratio(s.Values[c.measure], v)
			} else {
				s.Values[c.measure] = v
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
