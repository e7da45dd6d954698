package spool

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"leadline"
)

// Open opens the spool in a folder, which it creates, and reads what an earlier process left: segments are handed
// out again, keys are known again. Writes that were cut off were never acknowledged and are dropped. A second process
// in the same folder is refused.
func Open(opts Options) (*Spool, error) {
	s, c, err := open(opts, openFile)
	if err != nil {
		return nil, err
	}
	s.pool.start()
	go c.run()
	return s, nil
}

func open(opts Options, opener opener) (*Spool, *committer, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, nil, err
	}
	if err := errors.Join(os.MkdirAll(opts.Dir, 0o750), syncDir(filepath.Dir(opts.Dir))); err != nil {
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	lock, err := lockDir(filepath.Join(opts.Dir, "lock"))
	if err != nil {
		return nil, nil, fmt.Errorf("spool: %w", err)
	}
	s := &Spool{
		opts:     opts,
		lock:     lock,
		pool:     newPool(opts, opener),
		done:     make(chan struct{}),
		wake:     make(chan struct{}, 1),
		enough:   make(chan struct{}, 1),
		changed:  make(chan struct{}),
		finished: make(chan struct{}),
		files:    seenFiles{dir: opts.Dir, span: opts.Window / buckets, open: opener},
	}
	s.buffers.New = func() any { return new([]byte) }
	s.turns.weigh(1, 1)
	c := newCommitter(s)
	if err := errors.Join(c.recover(opener), s.pool.reserve()); err != nil {
		err = errors.Join(err, s.pool.close(), unlock(lock), s.closeSegments())
		return nil, nil, fmt.Errorf("open spool %s: %w", opts.Dir, err)
	}
	return s, c, nil
}

// recover fills the list of segments, the pool and the set of keys from the folder.
func (c *committer) recover(opener opener) error {
	s := c.spool
	cut, err := s.files.load(c.seen, s.files.bucketOf(time.Now()))
	if err != nil {
		return err
	}
	if cut > 0 {
		s.opts.Log.Warn("end of a key file was not written whole", "bytes", cut)
	}
	names, err := filepath.Glob(filepath.Join(s.opts.Dir, "*"+slotSuffix))
	if err != nil {
		return err
	}
	data := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(data)
	for _, name := range names {
		s.pool.known(strings.TrimSuffix(filepath.Base(name), slotSuffix))
		if err := c.recoverFile(name, opener, data); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	segments := 0
	for i := range s.lines {
		live := s.lines[i].live
		slices.SortFunc(live, func(a, b *Segment) int { return cmp.Compare(a.head.sequence, b.head.sequence) })
		for _, g := range live {
			s.used.Add(g.bytes)
			s.waiting.Add(int64(g.records))
			c.seq = max(c.seq, g.head.sequence+1)
		}
		segments += len(live)
	}
	c.account()
	if segments > 0 {
		s.opts.Log.Info("spool has segments from before", "segments", segments, "records", s.Waiting(), "bytes", s.Used(), "oldest", s.OldestAge())
	}
	return nil
}

// recoverFile takes a file as a segment, as a spare, or, where its bytes make no sense, moves it aside.
func (c *committer) recoverFile(name string, opener opener, data *[]byte) error {
	info, err := os.Stat(name)
	if err != nil {
		return err
	}
	f, err := opener(name)
	if err != nil {
		return err
	}
	slot := &slot{file: f, path: name, size: info.Size()}
	c.spool.pool.expect(slot.size)
	g, err := c.recoverSegment(slot, data)
	switch {
	case errors.Is(err, ErrCorrupt):
		aside, asideErr := slot.setAside()
		if asideErr != nil {
			return errors.Join(err, asideErr)
		}
		c.spool.opts.Log.Error("segment can't be read, its records are lost to the tables", "error", err, "kept_as", aside)
	case err != nil:
		return errors.Join(err, slot.Close())
	case g == nil:
		return c.spool.pool.put(slot)
	default:
		line := &c.spool.lines[g.head.lane]
		line.live = append(line.live, g)
	}
	return nil
}

// recoverSegment reads a live segment and its keys. One that was never frozen ends where its frames stop making
// sense, and is frozen there. It gives nil for a spare file.
func (c *committer) recoverSegment(slot *slot, data *[]byte) (*Segment, error) {
	top, err := readUpTo(slot, make([]byte, framesAt), 0)
	if err != nil {
		return nil, err
	}
	head, live, err := parseHeader(top)
	if err != nil || !live {
		return nil, err
	}
	want := max(0, slot.size-framesAt)
	sealed, frozen := parseSeal(top[min(sealAt, len(top)):], &head)
	if frozen {
		want = min(want, sealed.bytes)
	}
	*data = slices.Grow((*data)[:0], int(want))[:want]
	frames, err := readUpTo(slot, *data, framesAt)
	if err != nil {
		return nil, err
	}
	g := &Segment{spool: c.spool, slot: slot, head: head, bucket: min(c.spool.files.bucketOf(head.created), c.seen.bucket)}
	g.extent = verify(frames, head.chain())
	switch {
	case frozen && g.extent != sealed:
		return nil, fmt.Errorf("%w: %d of %d records are whole", ErrCorrupt, g.records, sealed.records)
	case frozen:
	case g.records == 0:
		return nil, slot.clear()
	default:
		if err := writeSync(slot, g.border(&head), sealAt); err != nil {
			return nil, err
		}
	}
	g.Token = token(&head, g.extent)
	for key := range records(frames[:g.bytes]) {
		if key != (leadline.Key{}) {
			c.seen.add(&key, g.bucket)
		}
	}
	return g, nil
}

// readUpTo fills b as far as the file goes.
func readUpTo(f file, b []byte, at int64) ([]byte, error) {
	n, err := f.ReadAt(b, at)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return b[:n], err
}
