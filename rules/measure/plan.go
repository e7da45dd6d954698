package measure

import (
	"slices"
	"strings"
	"time"
)

// plan is what the asks of one fetch need read. It knows nothing of slots.
type plan struct {
	asks    []*Ask
	shapes  map[shape]map[time.Duration]demand
	sheets  []*sheet
	customs map[ownQuery]string // and the name of the first ask
	sights  []sight
	ways    map[*Ask]way
	timeout time.Duration
}

// way is where the answers to one ask are.
type way struct {
	periods [][]place // by measure: now, and the seasons before
	sights  []sight   // expected series
}

// place is where one number is: in the cube of a shape, or on a sheet.
type place struct {
	shape *shape
	entry entry
}

// sheetKey is what jobs have in common that one SELECT over the events answers.
type sheetKey struct {
	source Source
	by     string
	offset time.Duration
}

func makePlan(asks []*Ask) *plan {
	p := &plan{
		asks: asks, shapes: map[shape]map[time.Duration]demand{}, customs: map[ownQuery]string{}, ways: make(map[*Ask]way, len(asks)),
		timeout: maxQuery,
	}
	jobs := map[sheetKey][]job{}
	var order []sheetKey
	for _, a := range asks {
		if a.Interval > 0 {
			p.timeout = min(p.timeout, a.Interval)
		}
		if a.Custom != nil {
			if _, ok := p.customs[a.own()]; !ok {
				p.customs[a.own()] = a.Name
			}
			continue
		}
		w := way{periods: make([][]place, len(a.Measures))}
		for i := range a.Measures {
			m := &a.Measures[i]
			labels, why := m.rollup(a.By)
			for k := range m.periods() {
				if why == "" {
					w.periods[i] = append(w.periods[i], place{shape: p.shape(m, labels, k)})
					continue
				}
				w.periods[i] = append(w.periods[i], place{}) // filled in below
				key := sheetKey{m.Source, strings.Join(a.By, ","), m.offset(k)}
				if jobs[key] == nil {
					order = append(order, key)
				}
				jobs[key] = append(jobs[key], job{a, i, k})
			}
		}
		w.sights = sightsOf(a)
		for _, s := range w.sights {
			if !slices.Contains(p.sights, s) {
				p.sights = append(p.sights, s)
			}
		}
		p.ways[a] = w
	}
	for _, key := range order {
		for j, e := range makeSheets(key.source, split(key.by), key.offset, jobs[key]) {
			p.ways[j.ask].periods[j.measure][j.period] = place{entry: e}
			if !slices.Contains(p.sheets, e.sheet) {
				p.sheets = append(p.sheets, e.sheet)
			}
		}
	}
	return p
}

// shape notes that a measure is to be read from the rollup.
func (p *plan) shape(m *Measure, labels []string, period int) *shape {
	s := shape{m.Source, strings.Join(labels, ","), m.offset(period)}
	if p.shapes[s] == nil {
		p.shapes[s] = map[time.Duration]demand{}
	}
	d, ok := p.shapes[s][m.Window]
	if !ok {
		d = m.demand()
	}
	p.shapes[s][m.Window] = d.and(m.demand())
	return &s
}

func (d demand) and(o demand) demand {
	return demand{d.histogram || o.histogram, d.newest || o.newest, d.counts || o.counts, d.fleeting && o.fleeting}
}

// periods is how many windows a measure looks at: its own and those of its baseline.
func (m *Measure) periods() int {
	if m.Baseline == nil {
		return 1
	}
	return 1 + m.Baseline.Periods
}

func (m *Measure) offset(period int) time.Duration {
	if period == 0 {
		return 0
	}
	return time.Duration(period) * m.Baseline.Season
}

func (a *Ask) own() ownQuery { return ownQuery{*a.Custom, strings.Join(a.By, ",")} }
