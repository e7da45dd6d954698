package spool

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
)

const (
	spareSlots = 4 // files kept for reuse
	slotSuffix = ".segment"
)

// pool holds the spare slots. The last one is never taken: it is the disk space that Done may need to remember keys
// when nothing else is left, for only Done gives space back.
type pool struct {
	dir     string
	open    opener
	maxSize int64 // a larger slot, made by a huge append, is not kept
	log     *slog.Logger

	wake  chan struct{} // calls the goroutine that prepares; nil where there is none
	ended chan struct{}
	stop  atomic.Bool

	mu    sync.Mutex
	spare []*slot
	next  int   // number of the next new file
	want  int64 // as large are segments
}

func newPool(o Options, open opener) *pool {
	return &pool{dir: o.Dir, open: open, maxSize: o.SegmentBytes + 2*chunk, log: o.Log, want: chunk}
}

// start lets a goroutine prepare files.
func (p *pool) start() {
	p.wake, p.ended = make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(p.ended)
		for range p.wake {
			if err := p.prepare(); err != nil && !noSpace(err) {
				p.log.Warn("no file could be prepared for the next segment, appends will wait for it", "error", err)
			}
		}
	}()
}

// soon has a file prepared.
func (p *pool) soon() { signal(p.wake) }

// expect learns how large segments are.
func (p *pool) expect(size int64) {
	size = min((size+chunk-1)/chunk*chunk, p.maxSize)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.want = max(p.want, size)
}

// prepare sees to it that take finds a file that is there and as large as segments are. Both cost an append some
// milliseconds, and even the fsyncs beside it would wait for megabytes of zeros: so they are written in small pieces,
// each made durable by itself, and to a file that nobody else uses yet.
func (p *pool) prepare() error {
	s, want, err := p.unprepared()
	if s == nil {
		return err
	}
	for s.size < want && !p.stop.Load() {
		if err := errors.Join(s.extend(piece), s.Sync()); err != nil {
			return errors.Join(err, s.remove())
		}
	}
	return p.put(s)
}

// unprepared takes out, or makes, the file that is to be prepared; nil where all is well.
func (p *pool) unprepared() (s *slot, want int64, err error) {
	p.mu.Lock()
	want = p.want
	if i := p.largest(); i >= 0 {
		if s = p.spare[i]; s.size >= want {
			s = nil
		} else {
			p.spare = slices.Delete(p.spare, i, i+1)
		}
		p.mu.Unlock()
		return s, want, nil
	}
	p.mu.Unlock()
	s, err = p.create()
	return s, want, err
}

// largest finds the slot to take, -1 where there is none but the last. p.mu is held.
func (p *pool) largest() int {
	if len(p.spare) < 2 {
		return -1
	}
	best := 0
	for i, s := range p.spare {
		if s.size > p.spare[best].size {
			best = i
		}
	}
	return best
}

// take gives a spare slot or makes a new one.
func (p *pool) take() (*slot, error) {
	p.mu.Lock()
	if i := p.largest(); i >= 0 {
		s := p.spare[i]
		p.spare = slices.Delete(p.spare, i, i+1)
		p.mu.Unlock()
		return s, nil
	}
	p.mu.Unlock()
	return p.create()
}

func (p *pool) create() (*slot, error) {
	p.mu.Lock()
	path := filepath.Join(p.dir, fmt.Sprintf("%08d%s", p.next, slotSuffix))
	p.next++
	p.mu.Unlock()
	f, err := p.open(path)
	if err != nil {
		return nil, err
	}
	s := &slot{file: f, path: path}
	if err := syncDir(p.dir); err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// put takes a cleared slot back.
func (p *pool) put(s *slot) error {
	p.mu.Lock()
	if len(p.spare) > spareSlots || s.size > p.maxSize {
		p.mu.Unlock()
		return s.remove()
	}
	p.spare = append(p.spare, s)
	p.mu.Unlock()
	return nil
}

// reserve makes sure that there is a slot to shed. A disk that is full already is left as it is.
func (p *pool) reserve() error {
	p.mu.Lock()
	there := len(p.spare) > 0
	p.mu.Unlock()
	if there {
		return nil
	}
	s, err := p.create()
	if err != nil {
		return err
	}
	if err := errors.Join(s.grow(chunk), s.Sync()); err != nil && !noSpace(err) {
		return errors.Join(err, s.remove())
	}
	return p.put(s)
}

// shed gives the space of a spare slot back to the disk.
func (p *pool) shed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.spare)
	if n == 0 {
		return false
	}
	s := p.spare[n-1]
	p.spare = p.spare[:n-1]
	return s.remove() == nil
}

// needSpace runs a write; on a full disk it gives up spare slots until the write fits.
func (p *pool) needSpace(write func() error) error {
	for {
		err := write()
		if err == nil || !noSpace(err) || !p.shed() {
			return err
		}
	}
}

// known keeps new files from taking a name that is there.
func (p *pool) known(name string) {
	if n, err := strconv.Atoi(name); err == nil {
		p.next = max(p.next, n+1)
	}
}

// close ends what start began; nobody calls soon any more.
func (p *pool) close() error {
	if p.wake != nil {
		p.stop.Store(true)
		close(p.wake)
		<-p.ended
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, s := range p.spare {
		errs = append(errs, s.Close())
	}
	p.spare = nil
	return errors.Join(errs...)
}
