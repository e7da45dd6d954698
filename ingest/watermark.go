package ingest

import "time"

// watermarkMargin covers what stored_at loses where its stages are cut to whole microseconds.
const watermarkMargin = time.Millisecond

// Watermark is how far the tables are complete: every event of this process whose stored_at is before it can be read
// there. It stands still while a batch is on its way, at the moment of its first try, because a try that failed may have
// been stored after all; otherwise it is now. A batch put aside does not hold it: ClickHouse refused it, so none of it is
// there, and it gets a new stored_at when it is tried again.
func (p *Pipeline) Watermark() time.Time {
	now := time.Now() // before the look: a batch that sets out after it is stamped later
	if at := p.underway.Load(); at != 0 {
		return time.UnixMicro(at).Add(-watermarkMargin)
	}
	return now.Add(-watermarkMargin)
}

// setOut holds the watermark at the first try of a batch, arrived lets it go.
func (p *Pipeline) setOut()  { p.underway.Store(time.Now().UnixMicro()) }
func (p *Pipeline) arrived() { p.underway.Store(0) }
