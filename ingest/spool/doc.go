// Package spool keeps what was acknowledged on disk until ClickHouse has it: an append log that removes duplicates
// and hands its content out in frozen batches.
//
// Place in the flow: ingest appends what it admitted (Append returns after fsync, which is the 202) and, on the other
// side, takes a segment, enriches and writes it, and calls Done:
//
//	err := s.Append(ctx, spool.Fair, records) // durable, or marked Duplicate, or an error
//	g, err := s.Next(ctx, 200*time.Millisecond)
//	for piece, err := range g.Pieces(1<<20) { … } // one insert, deduplicated by g.Token
//	err = g.Done()                           // the keys are remembered, the file is recycled
//
// A segment is a batch is a deduplication token. Its border is durable before Next hands it out, so a crash between
// the insert and Done hands out the same records under the same token again.
//
// There are two lanes with a segment file each, one set of keys over both, and one goroutine that writes: a round of
// it takes what has come meanwhile, and costs one write and one fsync a lane that is in use. On the way out three
// queues take turns (see Next): fresh segments, those that an outage has left, and the overflow lane.
//
// The folder holds *.segment files (live or spare: the header tells), seen-*.keys files (keys of segments that are
// done, by the time their records came) and lock. Files are preallocated and overwritten in place, so that fdatasync
// of an append has no metadata to write; whatever such a file held before can't be taken for valid, because every
// frame's checksum goes on from the one before and the first goes on from the header's, which is random.
package spool
