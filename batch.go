package leadline

import (
	"context"
	"time"
)

// Batch is what one insert takes: all records of one frozen spool segment.
type Batch struct {
	Token    string // hashes the segment's spooled bytes; a retry has the same token and may have other timings
	Events   []Event
	Rejected []Rejected
}

// Block is a batch on its way into a database, in the form that this takes: a batch that is filled piece by piece needs
// no more memory than that. One goroutine at a time may use it, and for one batch after the other.
type Block interface {
	// Begin empties the block for a batch with this token.
	Begin(token string)
	// Add copies events into the block.
	Add(events []Event)
	// Reject adds an item, whose strings and bytes must last until Begin.
	Reject(item Rejected)
	// Leave makes the last stage of every event wait until so long after its receipt, in whole microseconds; one that has
	// taken as long already stays. i counts the events in the order in which they were added. It may be called again,
	// before another try.
	Leave(after func(i int) time.Duration)
	// Write stores the batch, once however often it is called with the same token.
	Write(ctx context.Context) error
}
