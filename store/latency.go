package store

import (
	"github.com/ClickHouse/ch-go/proto"

	"leadline/latency"
)

// rollup holds the columns for latency_1m or latency_1h, which differ in the column of time only.
type rollup struct {
	counter latency.Counter
	input   proto.Input

	time                           minutes
	day                            days
	stage, partner, campaign       words
	events, failed, wait, duration proto.ColUInt64
	histogram                      histograms
}

// newRollup makes columns of which that of time is called minute or hour.
func newRollup(time string) *rollup {
	c := new(rollup)
	c.input = proto.Input{
		{Name: time, Data: &c.time},
		{Name: "day", Data: &c.day},
		{Name: "stage", Data: &c.stage},
		{Name: "partner", Data: &c.partner},
		{Name: "campaign", Data: &c.campaign},
		{Name: "events", Data: &c.events},
		{Name: "failed", Data: &c.failed},
		{Name: "wait_us", Data: &c.wait},
		{Name: "duration_us", Data: &c.duration},
		{Name: "histogram", Data: &c.histogram},
	}
	return c
}

// count makes the rows, by minute, of the events of some days.
func (c *rollup) count(of *events, take func(day uint32) bool) {
	for e := range of.ways() {
		if take(dayOf(e.ReceivedAt.UnixMicro())) {
			c.counter.Add(e)
		}
	}
	for r := range c.counter.Rows() {
		c.time.Append(r.Minute)
		c.day.Append(uint16(r.Day))
		c.stage.add(r.Stage)
		c.partner.add(r.Partner)
		c.campaign.add(r.Campaign)
		c.events.Append(r.Events)
		c.failed.Append(r.Failed)
		c.wait.Append(r.Wait)
		c.duration.Append(r.Duration)
		c.histogram.add(r.Buckets, r.Counts)
	}
}

// reset forgets the batch and keeps the memory.
func (c *rollup) reset() {
	c.counter.Reset()
	c.input.Reset()
}

// histograms is a Map column from bucket to events.
type histograms struct {
	ends    proto.ColUInt64
	buckets proto.ColUInt16
	counts  proto.ColUInt64
}

func (c *histograms) add(buckets []uint16, counts []uint32) {
	c.buckets = append(c.buckets, buckets...)
	for _, n := range counts {
		c.counts = append(c.counts, uint64(n))
	}
	c.ends = append(c.ends, uint64(len(c.buckets)))
}

// addColumn adds the rows of a column that was read.
func (c *histograms) addColumn(ends []uint64, buckets []uint16, counts []uint64) {
	before := uint64(len(c.buckets))
	c.buckets = append(c.buckets, buckets...)
	c.counts = append(c.counts, counts...)
	for _, end := range ends {
		c.ends = append(c.ends, before+end)
	}
}

// Type is part of proto.ColInput.
func (c *histograms) Type() proto.ColumnType { return "Map(UInt16, UInt64)" }

// Rows is part of proto.ColInput.
func (c *histograms) Rows() int { return len(c.ends) }

// EncodeColumn is part of proto.ColInput.
func (c *histograms) EncodeColumn(b *proto.Buffer) {
	c.ends.EncodeColumn(b)
	c.buckets.EncodeColumn(b)
	c.counts.EncodeColumn(b)
}

// WriteColumn is part of proto.ColInput.
func (c *histograms) WriteColumn(w *proto.Writer) {
	c.ends.WriteColumn(w)
	c.buckets.WriteColumn(w)
	c.counts.WriteColumn(w)
}

// Reset empties the column and keeps its memory.
func (c *histograms) Reset() {
	c.ends.Reset()
	c.buckets.Reset()
	c.counts.Reset()
}
