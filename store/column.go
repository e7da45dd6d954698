package store

import (
	"encoding/binary"

	"github.com/ClickHouse/ch-go/proto"
)

// texts is a String column that holds its rows as they go over the wire: length, bytes. (ch-go's own keeps positions
// beside the bytes and copies everything once more to send it.) They lie in pieces, because one that grows is copied again
// and again and in the end half empty.
type texts struct {
	pieces [][]byte // those in use, then those of earlier batches
	last   int      // in use
	rows   int
}

const textPiece = 1 << 20

func (c *texts) add(s string) {
	p := c.room(len(s))
	*p = append(binary.AppendUvarint(*p, uint64(len(s))), s...)
}

func (c *texts) addBytes(b []byte) {
	p := c.room(len(b))
	*p = append(binary.AppendUvarint(*p, uint64(len(b))), b...)
}

// room gives the piece for the next row, which has n bytes and lies in no other.
func (c *texts) room(n int) *[]byte {
	n += binary.MaxVarintLen64
	c.rows++
	if c.last < len(c.pieces) {
		p := &c.pieces[c.last]
		if len(*p)+n <= cap(*p) {
			return p
		}
		if len(*p) > 0 {
			c.last++
		}
	}
	if c.last == len(c.pieces) {
		c.pieces = append(c.pieces, nil)
	}
	p := &c.pieces[c.last]
	if cap(*p) < n {
		*p = make([]byte, 0, max(n, textPiece))
	}
	return p
}

// used are the pieces that hold rows.
func (c *texts) used() [][]byte { return c.pieces[:min(c.last+1, len(c.pieces))] }

// place is where a row begins.
type place struct{ piece, at int }

// next reads the row at a place back, and says where the one behind it is.
func (c *texts) next(p place) (row []byte, behind place) {
	if p.at == len(c.pieces[p.piece]) {
		p = place{p.piece + 1, 0}
	}
	b := c.pieces[p.piece][p.at:]
	n, head := binary.Uvarint(b)
	end := head + int(n)
	return b[head:end:end], place{p.piece, p.at + end}
}

// Type is part of proto.ColInput.
func (c *texts) Type() proto.ColumnType { return proto.ColumnTypeString }

// Rows is part of proto.ColInput.
func (c *texts) Rows() int { return c.rows }

// EncodeColumn is part of proto.ColInput; ch-go calls it when it compresses.
func (c *texts) EncodeColumn(b *proto.Buffer) {
	for _, p := range c.used() {
		b.PutRaw(p)
	}
}

// WriteColumn is part of proto.ColInput; the column stays as it is until the block is sent.
func (c *texts) WriteColumn(w *proto.Writer) {
	for _, p := range c.used() {
		w.ChainWrite(p)
	}
}

// Reset empties the column and keeps its memory.
func (c *texts) Reset() {
	for i := range c.used() {
		c.pieces[i] = c.pieces[i][:0]
	}
	c.last, c.rows = 0, 0
}

// list is an Array column: add a row's elements to of, then end the row.
type list[C elements] struct {
	of   C
	ends proto.ColUInt64
}

type elements interface {
	proto.ColInput
	proto.Resettable
}

func (c *list[C]) end() { c.ends = append(c.ends, uint64(c.of.Rows())) }

// row says which elements are a row's.
func (c *list[C]) row(i int) (begin, end int) {
	if i > 0 {
		begin = int(c.ends[i-1])
	}
	return begin, int(c.ends[i])
}

// Type is part of proto.ColInput.
func (c *list[C]) Type() proto.ColumnType { return proto.ColumnTypeArray.Sub(c.of.Type()) }

// Rows is part of proto.ColInput.
func (c *list[C]) Rows() int { return len(c.ends) }

// Prepare hands proto.Preparable on to the elements.
func (c *list[C]) Prepare() error {
	if p, ok := any(c.of).(proto.Preparable); ok {
		return p.Prepare()
	}
	return nil
}

// EncodeState hands proto.StateEncoder on to the elements.
func (c *list[C]) EncodeState(b *proto.Buffer) {
	if s, ok := any(c.of).(proto.StateEncoder); ok {
		s.EncodeState(b)
	}
}

// EncodeColumn is part of proto.ColInput.
func (c *list[C]) EncodeColumn(b *proto.Buffer) {
	c.ends.EncodeColumn(b)
	c.of.EncodeColumn(b)
}

// WriteColumn is part of proto.ColInput.
func (c *list[C]) WriteColumn(w *proto.Writer) {
	c.ends.WriteColumn(w)
	c.of.WriteColumn(w)
}

// Reset empties the column and keeps its memory.
func (c *list[C]) Reset() {
	c.ends.Reset()
	c.of.Reset()
}

// The columns of times hold plain numbers and name their type themselves, so that a table with another precision is
// converted by the server and never misread.
type (
	minutes struct{ proto.ColUInt32 }
	days    struct{ proto.ColUInt16 }
	millis  struct{ proto.ColInt64 }
	micros  struct{ proto.ColInt64 }
)

// Type is part of proto.ColInput.
func (c *minutes) Type() proto.ColumnType { return "DateTime('UTC')" }

// Type is part of proto.ColInput.
func (c *days) Type() proto.ColumnType { return "Date" }

// Type is part of proto.ColInput.
func (c *millis) Type() proto.ColumnType { return "DateTime64(3, 'UTC')" }

// Type is part of proto.ColInput.
func (c *micros) Type() proto.ColumnType { return "DateTime64(6, 'UTC')" }

func (c *minutes) addMicros(us int64) { c.Append(minuteOf(us)) }
func (c *millis) addMicros(us int64)  { c.Append(us / 1e3) }

func minuteOf(us int64) uint32 { return uint32(us / 60e6 * 60) }
