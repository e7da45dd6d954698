package spool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"leadline"
)

// Errors of Append and Next.
var (
	// ErrFull says that nothing was stored because Options.MaxBytes or the disk is used up. It passes when segments
	// are done.
	ErrFull = errors.New("spool is full")
	// ErrClosed says that the spool was closed before anything was stored or handed out.
	ErrClosed = errors.New("spool is closed")
	// ErrCorrupt says that a segment's bytes no longer match their checksums. Its file is kept under another name, its
	// records will not be handed out.
	ErrCorrupt = errors.New("corrupt segment")
)

// Options say where a spool lives and how much it holds. Zero means the default.
type Options struct {
	Dir          string
	SegmentBytes int64         // a segment is frozen at this size; default 64 MiB
	MaxRecords   int           // or at so many records; default 50,000
	MaxBytes     int64         // of all records that are not done; default 4 GiB
	Window       time.Duration // for so long a key is remembered; default 48 h
	Log          *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 64<<20)
	o.MaxRecords = cmp.Or(o.MaxRecords, 50_000)
	o.MaxBytes = cmp.Or(o.MaxBytes, 4<<30)
	o.Window = cmp.Or(o.Window, 48*time.Hour)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Dir == "":
		return o, errors.New("spool needs a folder")
	case o.SegmentBytes < 0, o.MaxRecords < 0, o.MaxBytes < 0:
		return o, errors.New("spool sizes can't be negative")
	case o.Window < time.Minute:
		return o, fmt.Errorf("spool window %v is too short: at least a minute", o.Window)
	}
	return o, nil
}

// Record is one thing to keep. Data must not change while Append runs.
type Record struct {
	Key       leadline.Key // a hash, see leadline.KeyOf; the zero key is never a duplicate
	Data      []byte
	Duplicate bool // set by Append: the key is durable already, this record was not stored
}

// Spool is a durable log without duplicates. Its methods may be called from many goroutines.
type Spool struct {
	opts Options
	lock *os.File
	pool *pool
	used atomic.Int64 // bytes of frames that are not done

	keyCount, keyMemory atomic.Int64

	mu       sync.Mutex
	calls    []*call       // wait for the committer
	done     chan struct{} // closed when those are answered
	wake     chan struct{} // calls the committer
	changed  chan struct{} // closed and replaced when Next should look again
	live     []*Segment    // frozen and not done, oldest first; after Close also the active one
	first    time.Time     // of the active segment's first record; zero where it has none
	freeze   bool          // Next wants the active segment
	refused  error         // why a freeze that Next asked for was not possible
	broken   error         // for good: nothing can be appended any more
	closed   bool
	finished chan struct{} // closed when the committer has ended

	doneMu sync.Mutex // held by Done and Close
	files  seenFiles

	buffers   sync.Pool // *[]byte, content of segments that are handed out
	closeOnce sync.Once
	closeErr  error
}

// call is one Append on its way through the committer.
type call struct {
	recs  []Record
	err   error
	state atomic.Int32
}

const (
	waiting = iota
	taken
	given // up, by its context
)

var callPool = sync.Pool{New: func() any { return new(call) }}

// Append stores the records that are not there yet and returns when all of them are durable: after an fsync that it
// shares with every other Append of that moment. The records of one call are stored whole or not at all, also in a
// power cut. A record whose key is there already is marked Duplicate.
//
// When it returns an error nothing was acknowledged, and the keys may come again: ErrFull, ErrClosed, the context's
// (only while the call still waits for its turn: nothing was stored), or a write error, after which a crash may still
// bring the records back.
func (s *Spool) Append(ctx context.Context, recs []Record) error {
	if len(recs) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c := callPool.Get().(*call)
	c.recs = recs
	c.state.Store(waiting)

	s.mu.Lock()
	if s.closed || s.broken != nil {
		defer s.mu.Unlock()
		return cmp.Or(s.broken, ErrClosed)
	}
	s.calls = append(s.calls, c)
	done, alone := s.done, len(s.calls) == 1
	s.mu.Unlock()
	if alone {
		s.signal()
	}

	if ctx.Done() == nil {
		<-done // a select costs 0.1 µs more
	} else if !c.await(ctx, done) {
		return ctx.Err() // the committer still has c, so it can't be used again
	}
	err := c.err
	c.recs, c.err = nil, nil
	callPool.Put(c)
	return err
}

// await waits for the committer, or gives up if that has not taken the call yet.
func (c *call) await(ctx context.Context, done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	case <-ctx.Done():
		if c.state.CompareAndSwap(waiting, given) {
			return false
		}
		<-done
		return true
	}
}

func (s *Spool) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// notify lets every Next look again. s.mu is held.
func (s *Spool) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Fill is how much of Options.MaxBytes is used, 0…1.
func (s *Spool) Fill() float64 { return float64(s.used.Load()) / float64(s.opts.MaxBytes) }

// OldestAge is how long ago the first record came that is not done; 0 when there is none.
func (s *Spool) OldestAge() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	oldest := s.first
	if len(s.live) > 0 {
		oldest = s.live[0].head.created
	}
	if oldest.IsZero() {
		return 0
	}
	return max(0, time.Since(oldest))
}

// KeyCount is the number of keys in memory.
func (s *Spool) KeyCount() int { return int(s.keyCount.Load()) }

// Memory is what they take, in bytes.
func (s *Spool) Memory() int64 { return s.keyMemory.Load() }

// Err says why nothing can be appended any more; nil while all is well. What was acknowledged is on disk, and a new
// Open reads it.
func (s *Spool) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// Close answers the calls that wait and lets the folder go. Segments that are handed out and not done come again
// after the next Open.
func (s *Spool) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.notify()
		s.mu.Unlock()
		s.signal()
		<-s.finished

		s.doneMu.Lock()
		defer s.doneMu.Unlock()
		errs := []error{s.files.close(), s.pool.close()}
		for _, g := range s.live {
			errs = append(errs, g.slot.Close())
		}
		s.closeErr = errors.Join(append(errs, unlock(s.lock))...)
	})
	return s.closeErr
}
