package measure

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"leadline/latency"
)

// historyBudget bounds the memory of what was read and may be needed again: a window subtracts what it added before.
const historyBudget = 256 << 20

// Kept is how long ago a history may begin: of what is older the rollup knows hours only.
const Kept = minutesKept

// leastCell is the shortest time that windows, seasons and the interval of a rule may have in common.
const leastCell = time.Second

// History answers asks about one moment after the other, from few range queries: what was counted in each cell of time is
// read once, and windows slide over it. The numbers are whole until the very end, so they are those that Reader.Fetch
// gives for the same moments.
type History struct {
	Queries int           // that were asked so far
	Waited  time.Duration // for their answers

	reader   *Reader
	from, to time.Time
	flows    []*flow
	windows  []*window
	asks     map[*Ask]*replay
	byNames  map[string]*ranking
	budget   int
	held     int
	sums     int // windows of one series each
	clock    int64
	err      error
}

// replay is how one ask is answered.
type replay struct {
	by      *ranking
	values  [][]slider // by measure: now, and the seasons before
	seen    []*window  // a series with events in one of them has a row
	skipped error
	rows    []Row // of custom SQL, at the present end
	rowsErr error
}

// slider is the windows of one value.
type slider struct {
	num, den *window
	there    *window // every event of the series in that time, whatever is measured
	shift    time.Duration
}

// History prepares the answers for the ends from, from + interval, …, before to. Asks must have one interval. Custom SQL is
// asked once an end, and not at all where that would be more than maxQueries times.
func (r *Reader) History(_ context.Context, asks []*Ask, from, to time.Time, maxQueries int) (*History, error) {
	h := &History{
		reader: r, from: from, to: to, asks: map[*Ask]*replay{}, byNames: map[string]*ranking{}, budget: historyBudget,
	}
	live := makePlan(asks)
	for _, a := range asks {
		if a.Interval <= 0 || a.Interval != asks[0].Interval {
			return nil, fmt.Errorf("the asks of a history have one interval: %s has %s", a.Name, a.Interval)
		}
		p := &replay{}
		h.asks[a] = p
		if a.Custom != nil {
			if n := int((to.Sub(from) + a.Interval - 1) / a.Interval); n > maxQueries {
				p.skipped = fmt.Errorf("its SQL would be asked %d times, once a slot: shorten the time, or raise --max-queries above %d", n, maxQueries)
			}
			continue
		}
		p.by = h.ranking(a.By)
		p.skipped = h.plan(a, p, live.ways[a])
	}
	h.open()
	return h, nil
}

// Skipped says why an ask is not answered at all, nil where it is.
func (h *History) Skipped(a *Ask) error { return h.asks[a].skipped }

// plan finds the windows of an ask. Where a window begins at a moment of its own, what it has at the first end says how
// it is read.
func (h *History) plan(a *Ask, p *replay, live way) error {
	first := a.resolved(h.from)
	raw := h.rawCell(first)
	for i := range first.Measures {
		m := &first.Measures[i]
		labels, why := m.rollup(a.By)
		if why != "" && raw < leastCell {
			return fmt.Errorf("windows, seasons and interval have no whole second in common: %s is the longest time that measures all of them", raw)
		}
		var values []slider
		for k := range m.periods() {
			s := slider{shift: m.offset(k)}
			w := window{measure: &a.Measures[i], width: a.Measures[i].Window, shift: s.shift, newest: m.Kind == Age}
			if why == "" {
				h.rolled(a, m, labels, w, &s)
			} else {
				h.counted(a, m, raw, live.periods[i][k].entry.sheet.items, w, &s)
			}
			if k == 0 {
				p.see(s.there)
			}
			values = append(values, s)
		}
		p.values = append(p.values, values)
	}
	for _, s := range sightsOf(a) {
		p.see(h.sighting(a, s))
	}
	return nil
}

// sighting is the window of expected series.
func (h *History) sighting(a *Ask, s sight) *window {
	f := flow{source: s.source, rolled: true, labels: slices.Sorted(slices.Values(a.By)), parts: []part{{}}, width: time.Minute.Microseconds()}
	switch {
	case s.source == Schema:
		f.table = "events"
	case !s.rolled():
		f.table = views[s.source].table
	}
	return h.window(window{flow: h.flow(f), newest: true, sight: &s}, a.By, nil)
}

// rawCell is the longest time of which an ask's windows over the events themselves are multiples.
func (h *History) rawCell(a *Ask) time.Duration {
	cell := a.Interval
	for i := range a.Measures {
		m := &a.Measures[i]
		if _, why := m.rollup(a.By); why == "" {
			continue
		}
		cell = gcd(cell, m.Window)
		if m.fleeting {
			cell = gcd(cell, time.Minute)
		}
		if m.Baseline != nil {
			cell = gcd(cell, m.Baseline.Season)
		}
	}
	return cell
}

// rolled finds the windows of a measure that the rollup answers.
func (h *History) rolled(a *Ask, m *Measure, labels []string, w window, s *slider) {
	equal := sortedEqual(m.Where.cut.equal)
	if m.Kind == Ratio {
		den := sortedEqual(m.Den.cut.equal)
		equal = slices.DeleteFunc(equal, func(e equality) bool { return !slices.Contains(den, e) })
	}
	of := func(x *cut) *window {
		f := flow{source: m.Source, rolled: true, labels: labels, equal: equal, parts: []part{{}}, width: time.Minute.Microseconds()}
		f.shapes, f.least, f.most = m.histogram(x)
		w.flow, w.shapes = h.flow(f), f.shapes
		return h.window(w, a.By, x)
	}
	s.num = of(&m.Where.cut)
	if m.Kind == Ratio {
		s.den = of(&m.Den.cut)
	}
	w.flow = h.flow(flow{source: m.Source, rolled: true, labels: slices.Sorted(slices.Values(a.By)), parts: []part{{}}, width: time.Minute.Microseconds()})
	s.there = h.window(w, a.By, nil)
}

// histogram reports whether a measure needs histograms of what a cut takes, and which buckets of them by themselves.
func (m *Measure) histogram(x *cut) (needed bool, least, most uint16) {
	switch {
	case m.Kind == Quantile:
		return true, 0, latency.Buckets - 1
	case x.pick != longer && x.pick != shorter:
		return false, 0, 0
	case x.us < 0:
		return true, 0, 0
	}
	b := latency.Bucket(uint64(x.us))
	return true, b, b
}

// counted finds the windows of a measure that only the events themselves answer.
func (h *History) counted(a *Ask, m *Measure, cell time.Duration, items bool, w window, s *slider) {
	f := h.flow(flow{source: m.Source, labels: slices.Sorted(slices.Values(a.By)), width: cell.Microseconds(), items: items})
	of := func(x part) *window {
		w.flow, w.part, w.shapes = f, f.part(x), x.of != ""
		return h.window(w, a.By, nil)
	}
	num := part{where: m.Where}
	if m.Source == Schema {
		num.column = map[string]string{UnknownFields: "unknown", Rejected: "rejected"}[m.Of]
	} else if m.Kind == Quantile {
		num.of = m.Of
	}
	s.num = of(num)
	if m.Kind == Ratio {
		s.den = of(part{where: m.Den})
	}
	s.there = of(part{})
}

func (p *replay) see(w *window) {
	if !slices.Contains(p.seen, w) {
		p.seen = append(p.seen, w)
	}
}

// flow is the one that reads what is wanted.
func (h *History) flow(want flow) *flow {
	for _, f := range h.flows {
		if f.source != want.source || f.table != want.table || f.items != want.items || f.rolled != want.rolled || f.width != want.width ||
			!slices.Equal(f.labels, want.labels) || !slices.Equal(f.equal, want.equal) {
			continue
		}
		if want.shapes && f.shapes {
			f.least, f.most = min(f.least, want.least), max(f.most, want.most)
		} else if want.shapes {
			f.shapes, f.least, f.most = true, want.least, want.most
		}
		return f
	}
	f := &want
	f.series = newNames(f.labels)
	h.flows = append(h.flows, f)
	return f
}

// part is the number of a flow's part.
func (f *flow) part(p part) uint32 {
	i := slices.IndexFunc(f.parts, p.same)
	if i < 0 {
		i = len(f.parts)
		f.parts = append(f.parts, p)
	}
	return uint32(i)
}

// window is the one that holds what is wanted of a cut, nil for everything, by labels.
func (h *History) window(want window, by []string, x *cut) *window {
	for _, w := range h.windows {
		if w.flow == want.flow && w.part == want.part && w.width == want.width && w.shift == want.shift && w.newest == want.newest && w.shapes == want.shapes && sameBegin(w.measure, want.measure) && sameSight(w.sight, want.sight) &&
			w.onto.onto == &h.ranking(by).names && w.onto.cut.series() == x.series() {
			return w
		}
	}
	w := &want
	w.onto = &projection{flow: w.flow, cut: x, onto: &h.ranking(by).names}
	for _, b := range by {
		w.onto.by = append(w.onto.by, slices.Index(w.flow.labels, b))
	}
	h.windows = append(h.windows, w)
	return w
}

// sameBegin reports whether windows of one width are the same ones: functions cannot be compared.
func sameBegin(a, b *Measure) bool { return a == b || a.begun() == nil && b.begun() == nil }

func sameSight(a, b *sight) bool { return a == b || a != nil && b != nil && *a == *b }

// series says which series a cut takes, in words.
func (x *cut) series() string {
	if x == nil {
		return ""
	}
	var b strings.Builder
	for _, e := range sortedEqual(x.equal) {
		fmt.Fprintf(&b, "%s=%q ", e.label, e.value)
	}
	for _, t := range x.tests {
		b.WriteString("and " + t.String() + " ")
	}
	return b.String()
}

// open says where the flows begin and end.
func (h *History) open() {
	for _, f := range h.flows {
		if f.rolled {
			f.tiered = floor(h.to.Add(-minutesKept).Unix(), 3600) / 60
			f.top = floor(h.to.Unix(), 60)/60 + 1
		} else {
			f.base = h.from.UnixMicro() % f.width // so that cells have numbers above 0
			f.top = (h.to.UnixMicro()-f.base)/f.width + 1
		}
		f.reach = max(1, firstReach.Microseconds()/f.width)
	}
}

// At slides to an end, which is not before the last one. The answers are valid until the next one.
func (h *History) At(ctx context.Context, end time.Time) (Answers, error) {
	if h.err != nil {
		return nil, h.err
	}
	for _, w := range h.windows {
		if h.err = w.slide(ctx, h, end); h.err != nil {
			return nil, h.err
		}
	}
	for a, p := range h.asks {
		if a.Custom != nil && p.skipped == nil {
			p.rows, p.rowsErr = h.reader.Fetch(ctx, []*Ask{a}, end).Rows(a)
			h.Queries++
		}
	}
	return &moment{h, end}, nil
}
