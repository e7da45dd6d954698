package store

import (
	"encoding/binary"

	"github.com/ClickHouse/ch-go/proto"
)

// texts is a String column that holds its rows as they go over the wire: length, bytes. (ch-go's own keeps positions
// beside the bytes and copies everything once more to send it.)
type texts struct {
	wire []byte
	rows int
}

func (c *texts) add(s string) {
	c.wire = append(binary.AppendUvarint(c.wire, uint64(len(s))), s...)
	c.rows++
}

func (c *texts) addBytes(b []byte) {
	c.wire = append(binary.AppendUvarint(c.wire, uint64(len(b))), b...)
	c.rows++
}

// next reads the row at a place of wire back, and says where the one behind it is.
func (c *texts) next(at int) (row []byte, behind int) {
	n, head := binary.Uvarint(c.wire[at:])
	at += head
	behind = at + int(n)
	return c.wire[at:behind:behind], behind
}

// Type is part of proto.ColInput.
func (c *texts) Type() proto.ColumnType { return proto.ColumnTypeString }

// Rows is part of proto.ColInput.
func (c *texts) Rows() int { return c.rows }

// EncodeColumn is part of proto.ColInput; ch-go calls it when it compresses.
func (c *texts) EncodeColumn(b *proto.Buffer) { b.PutRaw(c.wire) }

// WriteColumn is part of proto.ColInput; the column stays as it is until the block is sent.
func (c *texts) WriteColumn(w *proto.Writer) { w.ChainWrite(c.wire) }

// Reset empties the column and keeps its memory.
func (c *texts) Reset() { c.wire, c.rows = c.wire[:0], 0 }

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
