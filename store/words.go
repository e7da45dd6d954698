package store

import (
	"encoding/binary"
	"unsafe"

	"github.com/ClickHouse/ch-go/proto"
)

// words is a LowCardinality(String) column: a dictionary of one batch and a key a row. It keeps no string that it was given:
// its own lie in index until Reset.
type words struct {
	codes  map[string]uint32
	list   []string // by code
	index  proto.ColStr
	keys   []uint32
	wire   proto.ColLowCardinalityRaw
	recent [256]recent // by slot
}

// recent is the newest word of its slot, with its code + 1; 0 while there is none.
type recent struct {
	word string
	next uint32
}

// add adds a row. Its word is mostly a recent one, which saves the look-up in the dictionary.
func (c *words) add(s string) {
	r := &c.recent[slot(s)]
	if r.next == 0 || r.word != s {
		code := c.code(s)
		*r = recent{c.list[code], code + 1}
	}
	c.keys = append(c.keys, r.next-1)
}

// row reads a word back.
func (c *words) row(i int) string { return c.list[c.keys[i]] }

// slot spreads words by their ends, in which names that belong together differ.
func slot(s string) uint8 {
	var x uint64
	switch n := len(s); {
	case n >= 8:
		x = binary.LittleEndian.Uint64([]byte(s[n-8:]))
	case n > 0:
		x = uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	return uint8(x * 0x9e3779b97f4a7c15 >> 56) // 2⁶⁴ / golden ratio: Knuth, The Art of Computer Programming, 6.4
}

func (c *words) code(s string) uint32 {
	code, ok := c.codes[s]
	if !ok {
		if c.codes == nil {
			c.codes = map[string]uint32{}
		}
		code = uint32(len(c.list))
		c.index.Append(s)
		at := c.index.Pos[code]
		s = unsafe.String(unsafe.SliceData(c.index.Buf[at.Start:at.End]), at.End-at.Start)
		c.codes[s] = code
		c.list = append(c.list, s)
	}
	return code
}

// Prepare is called by ch-go before the column is sent: it makes the keys as narrow as the dictionary allows.
func (c *words) Prepare() error {
	c.wire.Index = &c.index
	c.wire.Keys8.Reset()
	c.wire.Keys16.Reset()
	c.wire.Keys32.Reset()
	switch n := len(c.codes); {
	case n <= 1<<8:
		c.wire.Key = proto.KeyUInt8
		for _, k := range c.keys {
			c.wire.Keys8 = append(c.wire.Keys8, uint8(k))
		}
	case n <= 1<<16:
		c.wire.Key = proto.KeyUInt16
		for _, k := range c.keys {
			c.wire.Keys16 = append(c.wire.Keys16, uint16(k))
		}
	default:
		c.wire.Key = proto.KeyUInt32
		c.wire.Keys32 = append(c.wire.Keys32, c.keys...)
	}
	return nil
}

// Type is part of proto.ColInput.
func (c *words) Type() proto.ColumnType { return "LowCardinality(String)" }

// Rows is part of proto.ColInput.
func (c *words) Rows() int { return len(c.keys) }

// EncodeState is part of proto.StateEncoder.
func (c *words) EncodeState(b *proto.Buffer) { c.wire.EncodeState(b) }

// EncodeColumn is part of proto.ColInput.
func (c *words) EncodeColumn(b *proto.Buffer) { c.wire.EncodeColumn(b) }

// WriteColumn is part of proto.ColInput.
func (c *words) WriteColumn(w *proto.Writer) { c.wire.WriteColumn(w) }

// Reset empties the column and its dictionary and keeps their memory.
func (c *words) Reset() {
	clear(c.codes)
	clear(c.list)
	c.list = c.list[:0]
	c.index.Reset()
	c.keys = c.keys[:0]
	clear(c.recent[:])
}
