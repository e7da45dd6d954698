package measure

import (
	"context"
	"fmt"
	"time"
)

// window is a time that slides along a flow, and what it holds by series of a rule: the tallies that came in, less those
// that went out.
type window struct {
	flow    *flow
	part    uint32
	onto    *projection
	measure *Measure // where the window begins, if at a moment of its own; nil for a sight
	width   time.Duration
	shift   time.Duration // how much before the slot's end it ends: a season of a baseline
	newest  bool          // only when the newest event was: nothing is subtracted
	sight   *sight        // of expected series, with the bounds of its own
	shapes  bool          // histograms, too

	lo, hi     int64 // the cells that it holds
	head, tail *chunk
	sums       []*sum // by series of the rule, nil where nothing was ever
}

// projection maps the series of a flow to those of a rule: those that a cut takes, by some of their labels.
type projection struct {
	flow *flow
	cut  *cut // nil takes all
	by   []int
	onto *names
	of   []int32 // by series of the flow, -1 where it is not taken
}

// series is the number of the rule's series that one of the flow belongs to, -1 for none.
func (p *projection) series(i uint32) int32 {
	for n := len(p.of); n <= int(i); n++ {
		values := p.flow.series.sets[n]
		label := func(name string) string {
			for at, l := range p.flow.labels {
				if l == name {
					return values[at]
				}
			}
			return ""
		}
		if p.cut != nil && !p.cut.takes(label) {
			p.of = append(p.of, -1)
			continue
		}
		own := make([]string, len(p.by))
		for k, at := range p.by {
			own[k] = values[at]
		}
		p.of = append(p.of, p.onto.of(own))
	}
	return p.of[i]
}

// cells are those of the window at an end.
func (w *window) cells(end time.Time) (lo, hi int64) {
	if w.sight != nil {
		hours, minutes := w.sight.parts(end)
		return hours.from / 60, max(hours.to, minutes.to) / 60
	}
	at := end.Add(-w.shift)
	if !w.flow.rolled {
		hi = (at.UnixMicro() - w.flow.base) / w.flow.width
		return hi - w.length(end).Microseconds()/w.flow.width, hi
	}
	return bounds(at, w.length(end))
}

// begun says where a measure's window begins, nil for none or where it has the same length always.
func (m *Measure) begun() func(time.Time) time.Time {
	if m == nil {
		return nil
	}
	return m.Begin
}

// length is how long the window is at an end.
func (w *window) length(end time.Time) time.Duration {
	if w.measure.begun() == nil {
		return w.width
	}
	one := Ask{Measures: []Measure{*w.measure}}
	return one.resolved(end).Measures[0].Window
}

// bounds are the minutes of a window of the rollup.
func bounds(end time.Time, window time.Duration) (lo, hi int64) {
	minutes, hours := tiers(end, window)
	from, to := hours.from, hours.to
	for _, m := range minutes {
		if from == 0 || m.from < from {
			from = m.from
		}
		to = max(to, m.to)
	}
	return from / 60, to / 60
}

// slide moves the window to an end that is not before the last one.
func (w *window) slide(ctx context.Context, h *History, end time.Time) error {
	lo, hi := w.cells(end)
	if w.hi == 0 || lo >= w.hi || lo < w.lo { // the first time, after a gap, or as a window of more than 34 days goes by hours
		if err := w.fill(ctx, h, end, lo, hi); err != nil {
			return err
		}
	}
	for ; w.hi < hi; w.hi++ {
		if err := w.turn(ctx, h, &w.head, w.hi); err != nil {
			return err
		}
		w.add(h, w.head, w.hi)
	}
	if h.sums > maxSums {
		return fmt.Errorf("the windows of all series are more than %d: narrow `by`, or play fewer rules at once", maxSums)
	}
	if w.newest {
		w.lo = lo
	}
	for ; w.lo < lo; w.lo++ {
		if err := w.turn(ctx, h, &w.tail, w.lo); err != nil {
			return err
		}
		w.sub(w.tail, w.lo)
	}
	return nil
}

// turn goes on to the chunk of a cell.
func (w *window) turn(ctx context.Context, h *History, at **chunk, cell int64) (err error) {
	if c := *at; c == nil || cell < c.lo || cell >= c.hi {
		*at, err = w.flow.find(ctx, h, cell)
	}
	return err
}

// maxSums bounds the windows of all series together: 12 KB each.
const maxSums = 40_000

// longFill is the number of cells from which on the beginning of a window is asked as a whole, without cells.
const longFill = 720

// hours are the part of a window that is read from the hourly tier.
func (w *window) hours(end time.Time) (hours span) {
	switch {
	case !w.flow.rolled || w.flow.table != "":
	case w.sight != nil:
		hours, _ = w.sight.parts(end)
	case !w.newest:
		_, hours = tiers(end.Add(-w.shift), w.length(end))
	}
	return hours
}

// fill empties the window and takes up a long one's beginning at once; slide goes on cell by cell.
func (w *window) fill(ctx context.Context, h *History, end time.Time, lo, hi int64) error {
	for _, s := range w.sums {
		if s != nil {
			s.reset()
		}
	}
	w.lo, w.hi = lo, lo
	r := ranged{lo: lo, hi: hi, whole: true, newest: w.newest}
	if hi-lo < longFill {
		return nil
	}
	if hours := w.hours(end); !hours.empty() {
		r.lo, r.hi, r.hourly = hours.from/60, hours.to/60, true
	}
	for ; w.hi < r.lo; w.hi++ {
		if err := w.turn(ctx, h, &w.head, w.hi); err != nil {
			return err
		}
		w.add(h, w.head, w.hi)
	}
	c, err := w.flow.ask(ctx, h, r)
	if err != nil {
		return err
	}
	w.add(h, c, r.lo)
	w.hi = r.hi
	return nil
}

func (w *window) add(h *History, c *chunk, cell int64) {
	for _, n := range c.at(cell) {
		e := &c.entries[n]
		if i := w.series(e); i >= 0 {
			w.sum(h, i).add(w.tally(e))
		}
	}
}

func (w *window) sub(c *chunk, cell int64) {
	for _, n := range c.at(cell) {
		e := &c.entries[n]
		if i := w.series(e); i >= 0 {
			w.sums[i].sub(w.tally(e))
		}
	}
}

// series is the number of the series to which a portion belongs, -1 where it does not count.
func (w *window) series(e *portion) int32 {
	if e.part != w.part {
		return -1
	}
	return w.onto.series(e.series)
}

// tally is what counts of a portion.
func (w *window) tally(e *portion) *tally {
	if w.shapes {
		return &e.tally
	}
	return &tally{events: e.events, failed: e.failed, newest: e.newest}
}

// sum is what the window holds of a series, to add to.
func (w *window) sum(h *History, i int32) *sum {
	for len(w.sums) <= int(i) {
		w.sums = append(w.sums, nil)
	}
	if w.sums[i] == nil {
		w.sums[i] = &sum{}
		h.sums++
	}
	return w.sums[i]
}

// has reports whether there was any event of a series.
func (w *window) has(i int) bool {
	s := w.of(i)
	return s.newest > 0 && (w.newest || s.events > 0)
}

// of is what the window holds of a series.
func (w *window) of(i int) *sum {
	if i >= len(w.sums) || w.sums[i] == nil {
		return &empty
	}
	s := w.sums[i]
	oldest := w.flow.base + w.lo*w.flow.width
	if w.flow.rolled {
		oldest++ // its newest is the end of a minute
	}
	if s.newest < oldest {
		s.newest = 0
	}
	return s
}

// empty is a sum to which nobody adds.
var empty sum

// sub takes a tally out again that was added. The newest event stays: it leaves last.
func (s *sum) sub(t *tally) {
	s.events -= t.events
	s.failed -= t.failed
	s.shape.Sub(t.buckets, t.counts)
}
