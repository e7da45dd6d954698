package measure

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"leadline"
)

// cube is what the rollup says of one shape at one moment: the tallies of every series in the parts of every window. What
// is derived of it is made when it is asked for and remembered; many groups of rules may ask at once.
type cube struct {
	end     time.Time // of the windows: a full minute, the shape's offset taken off
	names   []string
	labels  [][]string     // by series
	series  map[string]int // by joinKey of the labels
	cells   int
	tallies [][]*tally // by series and cell, nil where there is nothing; the last may be left out
	windows map[time.Duration][]int
	ages    map[time.Duration][]int // the cells of a window that say when the newest event was

	mu      sync.Mutex
	groups  map[string]*grouping
	indexes map[string]map[string][]int
}

func newCube(names []string, end time.Time) *cube {
	return &cube{names: names, end: end, series: map[string]int{}, groups: map[string]*grouping{}, indexes: map[string]map[string][]int{}}
}

// join adds the cells of a slab behind those that are there.
func (c *cube) join(s *slab) {
	first := c.cells
	c.cells += len(s.cells)
	for key, at := range s.series {
		i, ok := c.series[key]
		if !ok {
			i = len(c.labels)
			c.series[key] = i
			c.labels = append(c.labels, s.labels[at])
			c.tallies = append(c.tallies, nil)
		}
		for n := range s.cells {
			if x := &s.cell[at][n]; x.there() {
				for len(c.tallies[i]) <= first+n {
					c.tallies[i] = append(c.tallies[i], nil)
				}
				c.tallies[i][first+n] = x
			}
		}
	}
}

// place finds the cells of every window. A settled hour and its minutes may both be there, for different windows.
func (c *cube) place(windows map[time.Duration]demand, near, far, ages *reading) {
	c.windows, c.ages = map[time.Duration][]int{}, map[time.Duration][]int{}
	for w := range windows {
		minutes, hours := tiers(c.end, w)
		var at []int
		for i, x := range near.cells {
			if slices.ContainsFunc(minutes, x.within) {
				at = append(at, i)
			}
		}
		n := len(near.cells)
		c.ages[w] = at
		if far != nil {
			for i, x := range far.cells {
				if x.within(hours) {
					at = append(slices.Clip(at), n+i)
				}
			}
			n += len(far.cells)
		}
		c.windows[w] = at
		if ages != nil && !hours.empty() {
			c.ages[w] = append(slices.Clip(c.ages[w]), n)
		}
	}
}

// tally is what a series has in a cell, nil for nothing.
func (c *cube) tally(series, cell int) *tally {
	if of := c.tallies[series]; cell < len(of) {
		return of[cell]
	}
	return nil
}

// grouping is the series of a cube by the labels of a rule, in the order of their keys.
type grouping struct {
	labels  []leadline.Labels
	keys    []string
	of      []int   // by series
	members [][]int // series
	there   map[[2]time.Duration][]int
}

// group sorts the series by some of the labels. Without any there is one group, also where there is no series.
func (c *cube) group(by []string) *grouping {
	name := strings.Join(by, ",")
	c.mu.Lock()
	defer c.mu.Unlock()
	if g := c.groups[name]; g != nil {
		return g
	}
	at := make([]int, len(by))
	for i, b := range by {
		at[i] = slices.Index(c.names, b)
	}
	found := map[string]int{}
	g := &grouping{of: make([]int, len(c.labels)), there: map[[2]time.Duration][]int{}}
	add := func(values []string) int {
		labels := make(leadline.Labels, len(by))
		for i, b := range by {
			labels[b] = values[i]
		}
		g.labels = append(g.labels, labels)
		g.keys = append(g.keys, labels.Key())
		g.members = append(g.members, nil)
		return len(g.keys) - 1
	}
	if len(by) == 0 {
		found[""] = add(nil)
	}
	values := make([]string, len(by))
	for s, labels := range c.labels {
		for i, a := range at {
			values[i] = labels[a]
		}
		key := joinKey(values)
		i, ok := found[key]
		if !ok {
			i = add(values)
			found[key] = i
		}
		g.of[s] = i
		g.members[i] = append(g.members[i], s)
	}
	g.sort()
	c.groups[name] = g
	return g
}

func (g *grouping) sort() {
	order := make([]int, len(g.keys))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(g.keys[a], g.keys[b]) })
	sorted := grouping{of: g.of, there: g.there}
	for rank, i := range order {
		sorted.labels = append(sorted.labels, g.labels[i])
		sorted.keys = append(sorted.keys, g.keys[i])
		sorted.members = append(sorted.members, g.members[i])
		for _, s := range g.members[i] {
			g.of[s] = rank
		}
	}
	*g = sorted
}

// there are the groups that have an event in a window, or one whose age is known in another; a window of 0 is none.
func (c *cube) there(g *grouping, window, age time.Duration) []int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if out, ok := g.there[[2]time.Duration{window, age}]; ok {
		return out
	}
	out := []int{}
	for i, members := range g.members {
		if slices.ContainsFunc(members, func(s int) bool { return c.has(s, window, age) }) {
			out = append(out, i)
		}
	}
	g.there[[2]time.Duration{window, age}] = out
	return out
}

func (c *cube) has(series int, window, age time.Duration) bool {
	for _, n := range c.windows[window] {
		if c.tally(series, n) != nil {
			return true
		}
	}
	for _, n := range c.ages[age] {
		if t := c.tally(series, n); t != nil && t.newest > c.end.Add(-age).UnixMicro() {
			return true
		}
	}
	return false
}

// find are the series with some labels.
func (c *cube) find(equal []equality) []int {
	var names, values []string
	for _, e := range equal {
		names, values = append(names, e.label), append(values, e.value)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	name := strings.Join(names, ",")
	index := c.indexes[name]
	if index == nil {
		index = map[string][]int{}
		of := make([]string, len(names))
		for s, labels := range c.labels {
			for i, n := range names {
				of[i] = labels[slices.Index(c.names, n)]
			}
			key := joinKey(of)
			index[key] = append(index[key], s)
		}
		c.indexes[name] = index
	}
	return index[joinKey(values)]
}

// each yields the groups of which a cut takes something, with the sum of it over some cells. The sum is valid until the
// next one.
func (c *cube) each(g *grouping, x *cut, cells []int, yield func(group int, s *sum)) {
	s := sums.Get().(*sum)
	defer sums.Put(s)
	add := func(series int) bool {
		if !x.takes(func(name string) string { return c.labels[series][slices.Index(c.names, name)] }) {
			return false
		}
		some := false
		for _, n := range cells {
			if t := c.tally(series, n); t != nil {
				s.add(t)
				some = true
			}
		}
		return some
	}
	total := func(group int, members []int) {
		some := false
		for _, m := range members {
			some = add(m) || some
		}
		if some {
			yield(group, s)
		}
		s.reset()
	}
	if len(x.equal) == 0 {
		for i, members := range g.members {
			total(i, members)
		}
		return
	}
	found := slices.Clone(c.find(x.equal))
	slices.SortStableFunc(found, func(a, b int) int { return cmp.Compare(g.of[a], g.of[b]) })
	for len(found) > 0 {
		i := g.of[found[0]]
		n := 1
		for n < len(found) && g.of[found[n]] == i {
			n++
		}
		total(i, found[:n])
		found = found[n:]
	}
}

// sums are used again: one takes 12 KB, and thousands of rules need one a measure.
var sums = sync.Pool{New: func() any { return new(sum) }}

// values are a measure's values by group, NaN or 0 where nothing was found.
func (c *cube) values(m *Measure, g *grouping, end time.Time) []float64 {
	cells := c.windows[m.Window]
	if m.Kind == Age {
		cells = c.ages[m.Window]
	}
	out := make([]float64, len(g.keys))
	for i := range out {
		out[i] = m.nothing()
	}
	if m.Kind != Ratio {
		c.each(g, &m.Where.cut, cells, func(i int, s *sum) {
			if m.Kind == Age && s.newest <= c.end.Add(-m.Window).UnixMicro() {
				return // of a longer window
			}
			out[i] = m.value(m.Where.cut.count(s), 0, s, end)
		})
		return out
	}
	num := make([]float64, len(out))
	c.each(g, &m.Where.cut, cells, func(i int, s *sum) { num[i] = m.Where.cut.count(s) })
	c.each(g, &m.Den.cut, cells, func(i int, s *sum) { out[i] = ratio(num[i], m.Den.cut.count(s)) })
	return out
}

// nothing is the value of a measure without events.
func (m *Measure) nothing() float64 {
	if m.Kind == Count {
		return 0
	}
	return math.NaN()
}
