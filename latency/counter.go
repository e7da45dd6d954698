package latency

import (
	"hash/maphash"
	"iter"

	"leadline"
)

// Whole is the name under which an event's whole way is counted beside its stages.
const Whole = "e2e"

// Counter counts the stages of one batch. It refers to the batch's strings until Reset and keeps its memory beyond.
// The zero Counter is ready.
//
// Add only notes which bucket a stage fell into; Rows sorts the notes by row, then fills one histogram at a time.
// Counting at once, in some thousand histograms, is three times as dear: each step would miss the processor's cache.
type Counter struct {
	groups  map[groupKey]uint32
	keys    []groupKey
	newest  [1024]uint32 // by a hash of names: a group that is mostly the one looked for, at half the price of groups
	stages  []string     // by stage number; 0 is Whole
	recent  []uint32     // the number of the stage that stood at this place in the event before
	tallies []tally      // by group number × width + stage number
	width   uint32       // stages that a group has room for
	notes   []note
	sorted  []uint16 // the notes' buckets by tally, while Rows reads them out
	ends    []uint32 // where a tally's part of sorted ends
	shape   histogram
	row     Row
}

type groupKey struct {
	day, minute uint32
	group
}

// tally is one row without its histogram.
type tally struct{ events, failed, wait, duration uint64 }

// note says that one time belongs in this bucket of this row.
type note struct {
	group         uint32
	stage, bucket uint16
}

const firstWidth = 8 // the stages that Leadline times, Whole, and one

// Reset forgets the batch.
func (c *Counter) Reset() {
	clear(c.groups)
	clear(c.keys)
	clear(c.stages)
	c.keys, c.stages, c.recent = c.keys[:0], c.stages[:0], c.recent[:0]
	c.tallies, c.notes = c.tallies[:0], c.notes[:0]
	c.row = Row{Buckets: c.row.Buckets[:0], Counts: c.row.Counts[:0]}
}

// Add counts an event whose last stage has ended.
func (c *Counter) Add(e *leadline.Event) {
	received := Micros(e.ReceivedAt)
	stored := min(received+whole(e.Segments), Last)
	g := c.group(groupKey{uint32(received / 86_400e6), uint32(stored / 60e6 * 60), group{e.Partner, e.Campaign}})

	var way Border
	var wait, work, failed uint64
	for i := range e.Segments {
		s := &e.Segments[i]
		w, d := way.Pass(s)
		f := uint64(0)
		if s.Status != leadline.StatusOK {
			f = 1
		}
		c.count(g, c.stage(i, s.Stage), w, d, f)
		wait, work, failed = wait+w, work+d, failed|f
	}
	c.count(g, 0, wait, work, failed)
}

func (c *Counter) count(g, stage uint32, wait, work, failed uint64) {
	t := &c.tallies[g*c.width+stage]
	t.events++
	t.failed += failed
	t.wait += wait
	t.duration += work
	c.notes = append(c.notes, note{g, uint16(stage), Bucket(wait + work)})
}

var seed = maphash.MakeSeed()

func (c *Counter) group(key groupKey) uint32 {
	hash := maphash.String(seed, key.Partner) + maphash.String(seed, key.Campaign)
	g := &c.newest[hash%uint64(len(c.newest))]
	if int(*g) >= len(c.keys) || c.keys[*g] != key {
		*g = c.lookUp(key)
	}
	return *g
}

func (c *Counter) lookUp(key groupKey) uint32 {
	g, ok := c.groups[key]
	if !ok {
		if c.groups == nil {
			c.groups = map[groupKey]uint32{}
		}
		if len(c.stages) == 0 {
			c.stages, c.width = append(c.stages, Whole), max(c.width, firstWidth)
		}
		g = uint32(len(c.keys))
		c.groups[key] = g
		c.keys = append(c.keys, key)
		for range c.width {
			c.tallies = append(c.tallies, tally{})
		}
	}
	return g
}

// stage is the number of the stage at a place of the event: mostly the one that the event before has there.
func (c *Counter) stage(place int, name string) uint32 {
	if place < len(c.recent) && c.stages[c.recent[place]] == name {
		return c.recent[place]
	}
	s := c.find(name)
	if place == len(c.recent) {
		c.recent = append(c.recent, s)
	} else {
		c.recent[place] = s
	}
	return s
}

func (c *Counter) find(name string) uint32 {
	for i, s := range c.stages {
		if s == name && i > 0 {
			return uint32(i)
		}
	}
	if len(c.stages) == int(c.width) {
		c.widen()
	}
	c.stages = append(c.stages, name)
	return uint32(len(c.stages) - 1)
}

// widen makes room for twice as many stages in every group.
func (c *Counter) widen() {
	old, width := c.tallies, int(c.width)
	c.width *= 2
	c.tallies = make([]tally, 2*len(old))
	for g := range c.keys {
		copy(c.tallies[2*g*width:], old[g*width:(g+1)*width])
	}
}

// Rows yields what was counted, in no order. A row is valid until the next one.
func (c *Counter) Rows() iter.Seq[*Row] {
	return func(yield func(*Row) bool) {
		c.sort()
		begin := uint32(0)
		for i := range c.tallies {
			t, end := &c.tallies[i], c.ends[i]
			if t.events == 0 {
				continue
			}
			for _, b := range c.sorted[begin:end] {
				c.shape.add(b)
			}
			begin = end
			key := &c.keys[i/int(c.width)]
			c.row = Row{
				Day: key.day, Minute: key.minute, Stage: c.stages[i%int(c.width)], group: key.group,
				Events: t.events, Failed: t.failed, Wait: t.wait, Duration: t.duration,
				Buckets: c.row.Buckets[:0], Counts: c.row.Counts[:0],
			}
			c.row.Buckets, c.row.Counts = c.shape.drain(c.row.Buckets, c.row.Counts)
			if !yield(&c.row) {
				return
			}
		}
	}
}

// sort brings the buckets of each tally together: the tallies know how many there are.
func (c *Counter) sort() {
	c.sorted, c.ends = resize(c.sorted, len(c.notes)), resize(c.ends, len(c.tallies))
	sum := uint32(0)
	for i := range c.tallies {
		c.ends[i] = sum
		sum += uint32(c.tallies[i].events)
	}
	for _, n := range c.notes {
		end := &c.ends[n.group*c.width+uint32(n.stage)]
		c.sorted[*end] = n.bucket
		*end++
	}
}

// resize gives s n elements of any value.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
