package spool

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
)

const (
	chunk      = 4 << 20 // a file grows by so many zeros at once: about 1 ms
	spareSlots = 4       // files kept for reuse
	slotSuffix = ".segment"
)

var zeros [chunk]byte

// slot is a segment file, whoever's segment lives in it.
type slot struct {
	file
	path string
	size int64 // written at least once, so overwriting it touches no metadata
}

// grow fills the file with zeros up to a size.
func (s *slot) grow(to int64) error {
	for s.size < to {
		n, err := s.WriteAt(zeros[:], s.size)
		s.size += int64(n)
		if err != nil {
			return err
		}
	}
	return nil
}

// clear makes the file spare, durably.
func (s *slot) clear() error { return writeSync(s, zeros[:headerBytes], 0) }

func (s *slot) remove() error { return errors.Join(s.Close(), os.Remove(s.path)) }

// pool holds the spare slots. The last one is never taken: it is the disk space that Done may need to remember keys
// when nothing else is left, for only Done gives space back.
type pool struct {
	dir     string
	open    opener
	maxSize int64 // a larger slot, made by a huge append, is not kept

	mu    sync.Mutex
	spare []*slot
	next  int // number of the next new file
}

// take gives a spare slot or makes a new one.
func (p *pool) take() (*slot, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.spare); n > 1 {
		s := p.spare[n-1]
		p.spare = p.spare[:n-1]
		return s, nil
	}
	return p.create()
}

func (p *pool) create() (*slot, error) {
	path := filepath.Join(p.dir, fmt.Sprintf("%08d%s", p.next, slotSuffix))
	p.next++
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
	defer p.mu.Unlock()
	if len(p.spare) > spareSlots || s.size > p.maxSize {
		return s.remove()
	}
	p.spare = append(p.spare, s)
	return nil
}

// reserve makes sure that there is a slot to shed. A disk that is full already is left as it is.
func (p *pool) reserve() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.spare) > 0 {
		return nil
	}
	s, err := p.create()
	if err != nil {
		return err
	}
	if err := errors.Join(s.grow(chunk), s.Sync()); err != nil && !noSpace(err) {
		return errors.Join(err, s.remove())
	}
	p.spare = append(p.spare, s)
	return nil
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

func (p *pool) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, s := range p.spare {
		errs = append(errs, s.Close())
	}
	p.spare = nil
	return errors.Join(errs...)
}
