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
	Dir             string
	SegmentBytes    int64         // a segment is frozen at this size; default 64 MiB
	MaxRecords      int           // or at so many records; default 64,000
	OverflowRecords int           // the same in the overflow lane: few, so that the fair lane waits little; default 10,000
	LateAfter       time.Duration // a segment of that age takes turns with the fresh ones, see Next; default 5 s
	MaxBytes        int64         // of all records that are not done; default 4 GiB
	Window          time.Duration // for so long a key is remembered; default 48 h
	MaxKeyBytes     int64         // of memory for keys, 11 each; beyond it the oldest go before their time; default 1 GiB
	Log             *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	o.SegmentBytes = cmp.Or(o.SegmentBytes, 64<<20)
	o.MaxRecords = cmp.Or(o.MaxRecords, 64_000)
	o.OverflowRecords = cmp.Or(o.OverflowRecords, 10_000)
	o.LateAfter = cmp.Or(o.LateAfter, 5*time.Second)
	o.MaxBytes = cmp.Or(o.MaxBytes, 4<<30)
	o.Window = cmp.Or(o.Window, 48*time.Hour)
	o.MaxKeyBytes = cmp.Or(o.MaxKeyBytes, 1<<30)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	switch {
	case o.Dir == "":
		return o, errors.New("spool needs a folder")
	case o.SegmentBytes < 0, o.MaxRecords < 0, o.OverflowRecords < 0, o.MaxBytes < 0:
		return o, errors.New("spool sizes can't be negative")
	case o.LateAfter < 0:
		return o, errors.New("spool LateAfter can't be negative")
	case o.MaxKeyBytes < 1<<20:
		return o, fmt.Errorf("spool MaxKeyBytes %d is too little: at least 1 MiB", o.MaxKeyBytes)
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

	used, waiting       atomic.Int64 // bytes of frames and records that are not done
	keyCount, keyMemory atomic.Int64
	keysFrom, keysSince atomic.Int64 // bucket and Unix ns of the oldest keys, once some were forgotten early

	mu       sync.Mutex
	calls    []*call       // wait for the committer
	done     chan struct{} // closed when those are answered
	wake     chan struct{} // calls the committer
	enough   chan struct{} // tells it that so many wait that it need not wait for more
	changed  chan struct{} // closed and replaced when Next should look again
	lines    [lanes]line
	turns    turns
	refused  error // why a freeze that Next asked for was not possible
	broken   error // for good: nothing can be appended any more
	closed   bool
	finished chan struct{} // closed when the committer has ended

	doneMu sync.Mutex // held by Done and Close
	files  seenFiles

	buffers   sync.Pool // *[]byte, to read segments with
	closeOnce sync.Once
	closeErr  error
}

// call is one Append on its way through the committer.
type call struct {
	lane  Lane
	recs  []Record
	fresh int  // of them are no duplicates; the committer's
	ask   bool // only says whether recs[0] is there
	err   error
	state atomic.Int32
}

const (
	waiting = iota
	taken
	given // up, by its context
)

var callPool = sync.Pool{New: func() any { return new(call) }}

// Append stores, in a lane, the records that are not there yet and returns when all of them are durable: after an fsync that it
// shares with every other Append of that moment. The records of one call are stored whole or not at all, also in a
// power cut. A record whose key is there already is marked Duplicate.
//
// When it returns an error nothing was acknowledged, and the keys may come again: ErrFull, ErrClosed, the context's
// (only while the call still waits for its turn: nothing was stored), or a write error, after which a crash may still
// bring the records back.
func (s *Spool) Append(ctx context.Context, lane Lane, recs []Record) error {
	if lane >= lanes {
		return fmt.Errorf("append to lane %d: there are %d", lane, lanes)
	}
	if len(recs) == 0 {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c := callPool.Get().(*call)
	c.lane, c.recs = lane, recs
	return s.send(ctx, c)
}

// Knows reports whether a record of this key was made durable within the window.
func (s *Spool) Knows(ctx context.Context, key leadline.Key) (bool, error) {
	recs := []Record{{Key: key}}
	c := callPool.Get().(*call)
	c.recs, c.ask = recs, true
	err := s.send(ctx, c)
	return recs[0].Duplicate, err
}

// send hands a call to the committer and waits for it.
func (s *Spool) send(ctx context.Context, c *call) error {
	c.state.Store(waiting)

	s.mu.Lock()
	if s.closed || s.broken != nil {
		defer s.mu.Unlock()
		return cmp.Or(s.broken, ErrClosed)
	}
	s.calls = append(s.calls, c)
	done, n := s.done, len(s.calls)
	s.mu.Unlock()
	switch n {
	case 1:
		signal(s.wake)
	case commitCalls:
		signal(s.enough)
	}

	if ctx.Done() == nil {
		<-done // a select costs 0.1 µs more
	} else if !c.await(ctx, done) {
		return ctx.Err() // the committer still has c, so it can't be used again
	}
	err := c.err
	c.recs, c.err, c.ask = nil, nil, false
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

// signal says something once, however often it is said before somebody hears it.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// notify lets every Next look again. s.mu is held.
func (s *Spool) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Waiting is the number of records that are acknowledged and not done.
func (s *Spool) Waiting() int64 { return s.waiting.Load() }

// Used is the bytes that they take.
func (s *Spool) Used() int64 { return s.used.Load() }

// Fill is how much of Options.MaxBytes is used, 0…1.
func (s *Spool) Fill() float64 { return float64(s.used.Load()) / float64(s.opts.MaxBytes) }

// OldestAge is how long ago the first record came that is not done; 0 when there is none.
func (s *Spool) OldestAge() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	var age time.Duration
	for i := range s.lines {
		if oldest := s.lines[i].oldest(); !oldest.IsZero() {
			age = max(age, time.Since(oldest))
		}
	}
	return age
}

// KeyCount is the number of keys in memory.
func (s *Spool) KeyCount() int { return int(s.keyCount.Load()) }

// Memory is what they take, in bytes.
func (s *Spool) Memory() int64 { return s.keyMemory.Load() }

// Window is for how long a key is remembered at present: Options.Window, or less since the oldest keys had to go for
// Options.MaxKeyBytes.
func (s *Spool) Window() time.Duration {
	since := s.keysSince.Load()
	if since == 0 {
		return s.opts.Window
	}
	return min(s.opts.Window, max(0, time.Since(time.Unix(0, since))))
}

// Err says why nothing can be appended any more; nil while all is well. What was acknowledged is on disk, and a new
// Open reads it.
func (s *Spool) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

func (s *Spool) closeSegments() error {
	var errs []error
	for i := range s.lines {
		for _, g := range s.lines[i].live {
			errs = append(errs, g.slot.Close())
		}
	}
	return errors.Join(errs...)
}

// Close answers the calls that wait and lets the folder go. Segments that are handed out and not done come again
// after the next Open.
func (s *Spool) Close() error {
	s.closeOnce.Do(func() {
		s.mu.Lock()
		s.closed = true
		s.notify()
		s.mu.Unlock()
		signal(s.wake)
		<-s.finished

		s.doneMu.Lock()
		defer s.doneMu.Unlock()
		errs := []error{s.files.close(), s.pool.close()}
		errs = append(errs, s.closeSegments())
		s.closeErr = errors.Join(append(errs, unlock(s.lock))...)
	})
	return s.closeErr
}
