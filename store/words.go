package store

import "github.com/ClickHouse/ch-go/proto"

// words is a LowCardinality(String) column: a dictionary of one batch and a key a row. It keeps no string beyond
// Reset, so a batch may use memory that its owner takes back after Write.
type words struct {
	codes  map[string]uint32
	index  proto.ColStr
	keys   []uint32
	wire   proto.ColLowCardinalityRaw
	recent []recent // by place in the row
}

type recent struct {
	word string
	code uint32
}

func (c *words) add(s string) { c.addAt(0, s) }

// addAt adds the word at a place of a row; places are counted up from 0 without gaps. It is mostly the word that the
// row before has there, such as a stage, which saves the look-up.
func (c *words) addAt(place int, s string) {
	if place == len(c.recent) {
		c.recent = append(c.recent, recent{s, c.code(s)})
	} else if c.recent[place].word != s {
		c.recent[place] = recent{s, c.code(s)}
	}
	c.keys = append(c.keys, c.recent[place].code)
}

func (c *words) code(s string) uint32 {
	code, ok := c.codes[s]
	if !ok {
		if c.codes == nil {
			c.codes = map[string]uint32{}
		}
		code = uint32(len(c.codes))
		c.codes[s] = code
		c.index.Append(s)
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
	c.index.Reset()
	c.keys = c.keys[:0]
	clear(c.recent)
	c.recent = c.recent[:0]
}
