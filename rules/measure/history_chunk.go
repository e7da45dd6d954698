package measure

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"leadline"
	"leadline/latency"
)

// chunk is what a flow had in some cells of time, lo ≤ cell < hi. The counts of its tallies are in few large slices.
type chunk struct {
	lo, hi  int64
	first   []uint32 // of a cell, into order; one more than there are cells
	order   []uint32 // into entries, by cell
	entries []portion
	bytes   int
	used    int64 // when it was last looked up, by the history's own count
}

// portion is what one series of a flow had in a cell.
type portion struct {
	series, part uint32
	tally
}

const (
	entryBytes  = 92 // of memory
	bucketBytes = 10
)

// at are the numbers of the entries of a cell.
func (c *chunk) at(cell int64) []uint32 {
	i := cell - c.lo
	return c.order[c.first[i]:c.first[i+1]]
}

// names number label sets in the order in which they are met.
type names struct {
	labels []string // their names
	index  map[string]int32
	sets   [][]string
}

func newNames(labels []string) *names { return &names{labels: labels, index: map[string]int32{}} }

// of is the number of a label set, given by the values of labels.
func (n *names) of(values []string) int32 {
	key := strings.Join(values, "\x00")
	i, ok := n.index[key]
	if !ok {
		i = int32(len(n.sets))
		n.index[key] = i
		n.sets = append(n.sets, slices.Clone(values))
	}
	return i
}

// read makes a chunk of a flow's answer: a row a series, which packs what it had in each cell. A range that was asked
// as a whole is one cell.
func (f *flow) read(t *leadline.Table, lo, hi int64) (*chunk, error) {
	if len(t.Rows) > maxAnswer {
		return nil, fmt.Errorf("more than %d label sets: narrow `by`", maxAnswer)
	}
	c := &chunk{lo: lo, hi: hi, first: make([]uint32, hi-lo+1)}
	n := 0
	for _, row := range t.Rows {
		if text, ok := row[len(row)-1].(string); ok {
			n += f.records(text)
		}
	}
	c.entries = make([]portion, 0, n)
	cells := make([]uint32, 0, n) // of the entries
	values := make([]string, len(f.labels))
	for _, row := range t.Rows {
		if len(row) != len(values)+1 {
			return nil, fmt.Errorf("an answer of %d columns, want %d", len(row), len(values)+1)
		}
		for i := range values {
			text, ok := row[i].(string)
			if !ok {
				return nil, fmt.Errorf("column %s is a %T, want a string", t.Columns[i], row[i])
			}
			values[i] = text
		}
		packed, ok := row[len(values)].(string)
		if !ok {
			return nil, fmt.Errorf("column %s is a %T, want a string", t.Columns[len(values)], row[len(values)])
		}
		u := unpacker{rest: packed}
		series := uint32(f.series.of(values))
		for len(u.rest) > 0 {
			cell := int64(u.uint64())
			if u.short || cell < lo || cell >= hi {
				return nil, errors.New("a packed answer is cut or out of its range")
			}
			for part := range f.parts {
				e := portion{series: series, part: uint32(part)}
				e.events, e.failed, e.newest = int64(u.uint64()), int64(u.uint64()), int64(u.uint64())
				if err := u.histogram(&e.tally); err != nil {
					return nil, err
				}
				if e.there() {
					c.entries, cells = append(c.entries, e), append(cells, uint32(cell-lo))
					c.bytes += entryBytes + bucketBytes*len(e.buckets)
				}
			}
		}
	}
	for _, cell := range cells {
		c.first[cell+1]++
	}
	for i := 1; i < len(c.first); i++ {
		c.first[i] += c.first[i-1]
	}
	c.order = make([]uint32, len(cells))
	next := slices.Clone(c.first)
	for i, cell := range cells {
		c.order[next[cell]] = uint32(i)
		next[cell]++
	}
	c.bytes += 4 * len(c.first)
	return c, nil
}

// records is how many portions a packed answer has at most.
func (f *flow) records(packed string) (n int) {
	for len(packed) > 0 {
		packed = packed[min(8, len(packed)):]
		for range f.parts {
			n++
			packed = packed[min(24, len(packed)):]
			buckets, width := binary.Uvarint([]byte(packed[:min(len(packed), binary.MaxVarintLen64)]))
			packed = packed[min(max(1, width)+10*int(min(buckets, latency.Buckets)), len(packed)):]
		}
	}
	return n
}

// unpacker reads ClickHouse's RowBinary.
type unpacker struct {
	rest    string
	short   bool
	buckets []uint16
	counts  []uint64
}

func (u *unpacker) uint64() uint64 {
	if len(u.rest) < 8 {
		u.short, u.rest = true, ""
		return 0
	}
	v := uint64(u.rest[0]) | uint64(u.rest[1])<<8 | uint64(u.rest[2])<<16 | uint64(u.rest[3])<<24 |
		uint64(u.rest[4])<<32 | uint64(u.rest[5])<<40 | uint64(u.rest[6])<<48 | uint64(u.rest[7])<<56
	u.rest = u.rest[8:]
	return v
}

// histogram reads a Map(UInt16, UInt64) with its keys in order.
func (u *unpacker) histogram(into *tally) error {
	n, width := binary.Uvarint([]byte(u.rest[:min(len(u.rest), binary.MaxVarintLen64)]))
	if u.short || width <= 0 || n > latency.Buckets || len(u.rest) < width+10*int(n) {
		return errors.New("a packed answer is cut")
	}
	u.rest = u.rest[width:]
	if n == 0 {
		return nil
	}
	if cap(u.buckets)-len(u.buckets) < int(n) {
		room := max(int(n), min(1<<16, len(u.rest)/10))
		u.buckets, u.counts = make([]uint16, 0, room), make([]uint64, 0, room)
	}
	from := len(u.buckets)
	for range n {
		b := uint16(u.rest[0]) | uint16(u.rest[1])<<8
		u.rest = u.rest[2:]
		if b >= latency.Buckets || len(u.buckets) > from && b <= u.buckets[len(u.buckets)-1] {
			return fmt.Errorf("histogram: bucket %d is not in its place", b)
		}
		u.buckets, u.counts = append(u.buckets, b), append(u.counts, u.uint64())
	}
	into.buckets, into.counts = u.buckets[from:len(u.buckets):len(u.buckets)], u.counts[from:len(u.counts):len(u.counts)]
	return nil
}
