package measure

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"leadline"
)

// answers are what one fetch has read. Rows are made of it ask by ask.
type answers struct {
	plan *plan
	of   map[*Ask]*Ask // what was asked in place of some asks
	end  time.Time

	mu      sync.Mutex // while Fetch fills the rest
	cubes   map[shape]result[*cube]
	pages   map[*sheet]result[*page]
	sights  map[sight]result[[]*seen]
	customs map[ownQuery]result[[]Row]
}

type result[T any] struct {
	value T
	err   error
}

func newAnswers(p *plan, of map[*Ask]*Ask, end time.Time) *answers {
	return &answers{
		plan: p, of: of, end: end, cubes: map[shape]result[*cube]{}, pages: map[*sheet]result[*page]{},
		sights: map[sight]result[[]*seen]{}, customs: map[ownQuery]result[[]Row]{},
	}
}

// put keeps one of the results that arrive at once.
func put[K comparable, T any](x *answers, into map[K]result[T], key K, value T, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	into[key] = result[T]{value, err}
}

// Rows implements Answers.
func (x *answers) Rows(a *Ask) ([]Row, error) {
	if r := x.of[a]; r != nil {
		a = r
	}
	if a.Custom != nil {
		r, ok := x.customs[a.own()]
		if !ok {
			return nil, fmt.Errorf("BUG: %s was not asked for", a.Name)
		}
		if r.err != nil {
			return nil, fmt.Errorf("query of its own: %w", r.err)
		}
		return r.value, nil
	}
	w, ok := x.plan.ways[a]
	if !ok {
		return nil, fmt.Errorf("BUG: %s was not asked for", a.Name)
	}
	for _, places := range w.periods {
		for _, p := range places {
			if err := x.failure(p); err != nil {
				return nil, err
			}
		}
	}
	b := builder{ask: a, at: map[string]int{}}
	x.series(&b, w)
	for _, s := range w.sights {
		r := x.sights[s]
		if r.err != nil {
			return nil, fmt.Errorf("query %ss seen within %v: %w", s.source, s.horizon, r.err)
		}
		for _, part := range r.value {
			for i, key := range part.keys {
				b.add(part.labels[i], key)
			}
		}
	}
	for i, places := range w.periods {
		for period, p := range places {
			if err := x.values(&b, i, period, p); err != nil {
				return nil, err
			}
		}
	}
	slices.SortFunc(b.rows, func(a, b Row) int { return cmp.Compare(a.Key, b.Key) })
	return b.rows, nil
}

func (x *answers) failure(p place) error {
	if p.shape != nil {
		if err := x.cubes[*p.shape].err; err != nil {
			return fmt.Errorf("query %ss of the rollup: %w", p.shape.source, err)
		}
		return nil
	}
	if err := x.pages[p.entry.sheet].err; err != nil {
		return fmt.Errorf("query %ss: %w", p.entry.sheet.source, err)
	}
	return nil
}

// series adds a row for each series that has an event in the longest window of its source, whatever the measures count.
func (x *answers) series(b *builder, w way) {
	type part struct {
		cube        *cube
		window, age time.Duration
	}
	var parts []part // most asks have one
	for i, places := range w.periods {
		m := &b.ask.Measures[i]
		p := places[0]
		if p.shape == nil {
			page := x.pages[p.entry.sheet].value
			for row, key := range page.keys {
				if page.there(p.entry, row) || len(b.ask.By) == 0 {
					b.add(page.labels[row], key)
				}
			}
			continue
		}
		c := x.cubes[*p.shape].value
		at := slices.IndexFunc(parts, func(p part) bool { return p.cube == c })
		if at < 0 {
			at = len(parts)
			parts = append(parts, part{cube: c})
		}
		if m.Kind == Age {
			parts[at].age = max(parts[at].age, m.Window)
		} else {
			parts[at].window = max(parts[at].window, m.Window)
		}
	}
	for _, p := range parts {
		g := p.cube.group(b.ask.By)
		if len(b.ask.By) == 0 {
			b.add(g.labels[0], g.keys[0])
			continue
		}
		for _, i := range p.cube.there(g, p.window, p.age) {
			b.add(g.labels[i], g.keys[i])
		}
	}
}

// values sets the values of one measure in one period, in the rows that there are.
func (x *answers) values(b *builder, measure, period int, p place) error {
	m := &b.ask.Measures[measure]
	end := x.end.Add(-m.offset(period))
	if p.shape != nil {
		c := x.cubes[*p.shape].value
		g := c.group(b.ask.By)
		values := c.values(m, g, end)
		there := func() []int {
			if m.Kind == Age {
				return c.there(g, 0, m.Window)
			}
			return c.there(g, m.Window, 0)
		}
		for _, i := range there() {
			b.set(g.keys[i], measure, period, values[i])
		}
		return nil
	}
	page := x.pages[p.entry.sheet].value
	s := &sum{}
	for row, key := range page.keys {
		if !page.there(p.entry, row) {
			continue
		}
		v, err := page.value(m, p.entry, row, end, s)
		if err != nil {
			return err
		}
		b.set(key, measure, period, v)
	}
	return nil
}

// builder collects the rows of an ask.
type builder struct {
	ask  *Ask
	rows []Row
	at   map[string]int
}

// add makes a row with what a series without events has, unless it is there.
func (b *builder) add(labels leadline.Labels, key string) {
	if _, ok := b.at[key]; ok {
		return
	}
	b.at[key] = len(b.rows)
	b.rows = append(b.rows, b.ask.empty(labels, key))
}

func (b *builder) set(key string, measure, period int, v float64) {
	i, ok := b.at[key]
	switch {
	case !ok: // it was there seasons ago only
	case period == 0:
		b.rows[i].Values[measure] = v
	default:
		b.rows[i].Past[measure][period-1] = v
	}
}

// Empty has what a series without events has: counts of 0 and nothing else.
func (a *Ask) Empty(labels leadline.Labels) Row { return a.empty(labels, labels.Key()) }

func (a *Ask) empty(labels leadline.Labels, key string) Row {
	row := Row{Labels: labels, Key: key, Values: make([]float64, len(a.Measures)), Past: make([][]float64, len(a.Measures))}
	for i := range a.Measures {
		m := &a.Measures[i]
		row.Values[i] = m.nothing()
		if m.Baseline != nil {
			row.Past[i] = make([]float64, m.Baseline.Periods)
			for k := range row.Past[i] {
				row.Past[i][k] = math.NaN()
			}
		}
	}
	return row
}
