package measure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"leadline"
)

// ranking is the series of the rules with the same labels, in the order of their keys.
type ranking struct {
	names
	labels []leadline.Labels // by number
	keys   []string
	order  []int
}

func (h *History) ranking(by []string) *ranking {
	name := strings.Join(by, ",")
	r := h.byNames[name]
	if r == nil {
		r = &ranking{names: *newNames(by)}
		h.byNames[name] = r
		if len(by) == 0 {
			r.of(nil)
		}
	}
	return r
}

// sorted are the numbers of the series in the order of their keys.
func (r *ranking) sorted() []int {
	if len(r.keys) == len(r.sets) {
		return r.order
	}
	for i := len(r.keys); i < len(r.sets); i++ {
		labels := make(leadline.Labels, len(r.names.labels))
		for k, name := range r.names.labels {
			labels[name] = r.sets[i][k]
		}
		r.labels = append(r.labels, labels)
		r.keys = append(r.keys, labels.Key())
		r.order = append(r.order, i)
	}
	slices.SortFunc(r.order, func(a, b int) int { return cmp.Compare(r.keys[a], r.keys[b]) })
	return r.order
}

// moment is the history at one end.
type moment struct {
	h   *History
	end time.Time
}

// Rows implements Answers.
func (x *moment) Rows(a *Ask) ([]Row, error) {
	p := x.h.asks[a]
	switch {
	case p == nil:
		return nil, fmt.Errorf("%s was not asked of the history", a.Name)
	case p.skipped != nil:
		return nil, p.skipped
	case a.Custom != nil:
		return p.rows, p.rowsErr
	}
	order := p.by.sorted()
	rows := make([]Row, 0, len(order))
	for _, i := range order {
		if len(a.By) > 0 && !slices.ContainsFunc(p.seen, func(w *window) bool { return w.has(i) }) {
			continue
		}
		row := a.empty(p.by.labels[i], p.by.keys[i])
		for n := range a.Measures {
			m := &a.Measures[n]
			for k, s := range p.values[n] {
				switch {
				case !s.there.has(i):
				case k == 0:
					row.Values[n] = s.value(m, i, x.end)
				default:
					row.Past[n][k-1] = s.value(m, i, x.end)
				}
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// value is a measure's value of a series.
func (s *slider) value(m *Measure, i int, end time.Time) float64 {
	end = end.Add(-s.shift)
	num := s.num.of(i)
	if !s.num.flow.rolled {
		den := 0.0
		if s.den != nil {
			den = float64(s.den.of(i).events)
		}
		return m.value(float64(num.events), den, num, end)
	}
	if s.den != nil {
		return ratio(m.Where.cut.count(num), m.Den.cut.count(s.den.of(i)))
	}
	return m.value(m.Where.cut.count(num), 0, num, end)
}
