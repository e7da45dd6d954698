package measure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"leadline"
)

const (
	rangeTimeout = 60 * time.Second // of one range query
	slowRange    = 10 * time.Second // the next one reaches less far
	firstReach   = time.Hour        // of the first one of a flow; the next ones reach as far as it showed to be right
	longReach    = 24 * time.Hour
	heavyChunk   = 32 << 20
	lightChunk   = 8 << 20
)

// flow is a range query: what a source had in each cell of time, by its labels. Windows that slide add the cells that come
// and subtract those that go.
type flow struct {
	source Source
	rolled bool       // of the rollup, in cells of a minute; else of the events themselves
	labels []string   // that tell its series apart, sorted
	equal  []equality // rolled: the rows that are read
	parts  []part     // rolled: one, the whole; else one a predicate and field
	shapes bool       // rolled: histograms, too
	least  uint16     // rolled: the first bucket of them that matters
	most   uint16     // rolled: the last one that matters by itself; those behind it only count together
	items  bool       // Schema: the events that were taken count too
	table  string     // rolled: counted by the minutes of this table, which is none of the rollup's; "" for those

	base, width int64 // cell n is [base + n·width, base + (n+1)·width), in µs
	tiered      int64 // rolled: cells before this one are read from the hourly tier
	top         int64 // no cell from here on is ever needed
	reach       int64 // cells that the next chunk spans

	series *names
	chunks []*chunk
}

// part is one predicate of the events themselves, and the field whose histogram is wanted, if any.
type part struct {
	where  Predicate
	column string // Schema: instead of where, "" for all items
	of     string
}

func (p part) condition(from Source, into params) string {
	if from == Schema {
		return p.column
	}
	return p.where.sql(from, into)
}

// same reports whether two parts read the same.
func (p part) same(o part) bool {
	if p.of != o.of || p.column != o.column || (p.where.tree == nil) != (o.where.tree == nil) {
		return false
	}
	return p.where.tree == nil || p.where.tree.String() == o.where.tree.String()
}

// ranged says what one range query asks for: the cells lo ≤ cell < hi.
type ranged struct {
	lo, hi int64
	whole  bool // all as one cell, lo
	hourly bool // rolled: of the hourly tier
	newest bool // when the newest event was is all that matters
}

func (f *flow) query(r ranged) leadline.Query {
	p := params{}
	var sql string
	if f.rolled {
		sql = f.rollupSQL(p, r)
	} else {
		sql = f.eventsSQL(p, r)
	}
	return leadline.Query{Name: "leadline history", SQL: sql, Params: p, Timeout: rangeTimeout}
}

const noShape = "CAST(map(), 'Map(UInt16, UInt64)')"

// rollupSQL packs the rows of the rollup. With histograms they go as they are, several of a cell too: to add them up here
// takes a third of the time that it takes there.
func (f *flow) rollupSQL(p params, r ranged) string {
	t, rows, events, failed := byMinute, views[f.source].rows, "sum(events)", "sum(failed)"
	switch {
	case f.table != "":
		t.table, rows, events, failed = f.table, "1", "toUInt64(count())", "toUInt64(0)"
	case r.hourly || r.lo < f.tiered:
		t = byHour
	}
	conditions := []string{rows, t.time + " >= " + second(r.lo*60), t.time + " < " + second(r.hi*60)}
	for _, e := range f.equal {
		conditions = append(conditions, e.label+" = {"+p.add(e.value)+":String}")
	}
	cell := "toUInt64(intDiv(toUnixTimestamp(" + t.time + "), 60))"
	if r.whole {
		cell = fmt.Sprintf("toUInt64(%d)", r.lo)
	}
	newest := fmt.Sprintf("toUInt64(toUnixTimestamp(%s) + %d) * 1000000", t.time, t.length)
	from := " FROM " + t.table + " WHERE " + strings.Join(conditions, " AND ")
	if f.shapes && !r.newest {
		histogram := "histogram"
		switch {
		case f.least == f.most: // one threshold: two buckets are all that it takes
			histogram = fmt.Sprintf("mapFilter((k, v) -> v > 0, map(toUInt16(%[1]d), histogram[%[1]d], toUInt16(%[1]d + 1), "+
				"arraySum((k, v) -> if(k > %[1]d, v, 0), mapKeys(histogram), mapValues(histogram))))", f.least)
		case f.least > 0:
			histogram = fmt.Sprintf("mapFilter((k, v) -> k >= %d, histogram)", f.least)
		}
		columns := append(slices.Clone(f.labels), cell+" AS cell", "events AS e", "failed AS f", newest+" AS n", histogram+" AS h")
		return f.pack("e, f, n, h", "SELECT "+strings.Join(columns, ", ")+from)
	}
	columns := append(slices.Clone(f.labels), cell+" AS cell", events+" AS e", failed+" AS f", "max("+newest+") AS n", noShape+" AS h")
	return f.pack("e, f, n, h", "SELECT "+strings.Join(columns, ", ")+from+" GROUP BY "+strings.Join(append(slices.Clone(f.labels), "cell"), ", "))
}

// eventsSQL counts the events themselves, by cell.
func (f *flow) eventsSQL(p params, r ranged) string {
	span := time.Duration((r.hi - r.lo) * f.width * 1000)
	s := &sheet{source: f.source, windows: []time.Duration{span}, items: f.items}
	p["to"], p[since(span)] = f.base+r.hi*f.width, f.base+r.lo*f.width
	micro := "toUnixTimestamp64Micro(" + s.time() + ")"
	cell := fmt.Sprintf("toUInt64(intDiv(%s - %d, %d))", micro, f.base, f.width)
	if r.whole {
		cell = fmt.Sprintf("toUInt64(%d)", r.lo)
	}
	columns := append(slices.Clone(f.labels), cell+" AS cell")
	var names []string
	for i, part := range f.parts {
		when := cmp.Or(part.condition(f.source, p), "1")
		shape := noShape
		if part.of != "" {
			shape = "sumMapIf(map(" + bucketSQL(strings.TrimSuffix(part.of, "_ms")+"_us") + ", toUInt64(1)), " + when + ")"
		}
		columns = append(columns, fmt.Sprintf("toUInt64(countIf(%[1]s)) AS e%[2]d, toUInt64(0) AS f%[2]d, toUInt64(maxIf(%[3]s, %[1]s)) AS n%[2]d, %[4]s AS h%[2]d", when, i, micro, shape))
		names = append(names, fmt.Sprintf("e%[1]d, f%[1]d, n%[1]d, h%[1]d", i))
	}
	return f.pack(strings.Join(names, ", "), "SELECT "+strings.Join(columns, ", ")+" FROM "+s.from()+" GROUP BY "+strings.Join(append(slices.Clone(f.labels), "cell"), ", "))
}

// pack makes one row a series of the rows of a query.
func (f *flow) pack(columns, inner string) string {
	packed := "arrayStringConcat(groupArray(formatRow('RowBinary', cell, " + columns + "))) AS packed"
	sql := "SELECT " + strings.Join(append(slices.Clone(f.labels), packed), ", ") + " FROM (" + inner + ")"
	if len(f.labels) > 0 {
		sql += fmt.Sprintf(" GROUP BY %s LIMIT %d", strings.Join(f.labels, ", "), maxAnswer)
	}
	return sql
}

// find is the chunk that holds a cell; it is read where it is not there.
func (f *flow) find(ctx context.Context, h *History, cell int64) (*chunk, error) {
	h.clock++
	for _, c := range f.chunks {
		if c.lo <= cell && cell < c.hi {
			c.used = h.clock
			return c, nil
		}
	}
	hi := min(cell+f.reach, f.top)
	if cell < f.tiered {
		hi = min(hi, f.tiered)
	}
	before := h.Waited
	c, err := f.ask(ctx, h, ranged{lo: cell, hi: hi})
	if err != nil {
		return nil, err
	}
	took := h.Waited - before
	switch long := int64(longReach/time.Microsecond) / f.width; {
	case c.bytes > heavyChunk || took > slowRange:
		f.reach = max(1, f.reach/2)
	case c.bytes < lightChunk && took < slowRange/4:
		f.reach = min(4*f.reach, max(1, long))
	}
	c.used = h.clock
	h.held += c.bytes
	f.chunks = append(f.chunks, c)
	h.shed(c)
	return c, nil
}

// ask runs one range query.
func (f *flow) ask(ctx context.Context, h *History, r ranged) (*chunk, error) {
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, rangeTimeout+queryGrace)
	defer cancel()
	t, err := h.reader.querier.Select(ctx, f.query(r))
	h.Queries++
	h.Waited += time.Since(began)
	if err != nil {
		return nil, fmt.Errorf("history of %ss: %w", f.source, err)
	}
	if r.whole {
		r.hi = r.lo + 1
	}
	c, err := f.read(t, r.lo, r.hi)
	if err != nil {
		return nil, fmt.Errorf("history of %ss: %w", f.source, err)
	}
	return c, nil
}

// shed forgets the chunks that were not looked up for the longest time. Windows go on with those that they stand in.
func (h *History) shed(keep *chunk) {
	for h.held > h.budget {
		var oldest *chunk
		var of *flow
		for _, f := range h.flows {
			for _, c := range f.chunks {
				if c != keep && (oldest == nil || c.used < oldest.used) {
					oldest, of = c, f
				}
			}
		}
		if oldest == nil {
			return
		}
		of.chunks = slices.DeleteFunc(of.chunks, func(c *chunk) bool { return c == oldest })
		h.held -= oldest.bytes
	}
}

// gcd of positive durations.
func gcd(a, b time.Duration) time.Duration {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

func sortedEqual(e []equality) []equality {
	out := slices.Clone(e)
	slices.SortFunc(out, func(a, b equality) int { return cmp.Or(cmp.Compare(a.label, b.label), cmp.Compare(a.value, b.value)) })
	return slices.Compact(out)
}
