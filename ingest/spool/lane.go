package spool

// Lane says in which of two lines a record waits. Keys know no lanes: a record that comes again in the other one is a
// duplicate all the same.
type Lane uint8

// Lanes. Fair is everybody's; Overflow takes what a sender sends beyond its share while the way out is behind, so that
// only its own records wait longer.
const (
	Fair Lane = iota
	Overflow

	lanes = 2
)

// laneLog is what the committer knows of a lane: the segment that records go to, and what the calls of its batch add
// to it.
type laneLog struct {
	lane    Lane
	limit   int      // records of a segment
	active  *Segment // nil until a record needs one
	frames  []byte
	pending extent
	failed  error // what the flush that runs met
	torn    bool  // frames whose write failed may stand behind the active segment's
}

// full reports whether a segment takes no more frames.
func (l *laneLog) full(g *Segment, segmentBytes int64) bool {
	return g.sealing || g.bytes >= segmentBytes || g.records >= l.limit
}

// fits reports whether the active segment can take a frame behind those that wait.
func (l *laneLog) fits(size int64, records int, segmentBytes int64) bool {
	g := l.active
	return !g.sealing && g.bytes+int64(len(l.frames))+size <= segmentBytes && g.records+l.pending.records+records <= l.limit
}

// encode puts the records that are no duplicates behind the frames that wait.
func (l *laneLog) encode(recs []Record) {
	start := len(l.frames)
	l.frames = beginFrame(l.frames)
	for i := range recs {
		if r := &recs[i]; !r.Duplicate {
			l.frames = appendRecord(l.frames, &r.Key, r.Data)
			l.pending.records++
		}
	}
	l.pending.chain = endFrame(l.frames[start:], l.pending.chain)
}

// emptied forgets what waits.
func (l *laneLog) emptied() {
	l.failed = nil
	if l.frames = l.frames[:0]; cap(l.frames) > keepBytes {
		l.frames = nil
	}
}
