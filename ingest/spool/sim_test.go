package spool

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

const sector = 512

// simDisk stands between the spool and real files and knows what an fsync has made durable, so that it can show what
// a power cut at any moment would leave: every sector written since is there or not, by chance.
type simDisk struct {
	tb  testing.TB
	dir string

	mu     sync.Mutex
	files  map[string]*simFile
	fault  func(op string) error // asked before each operation
	after  int                   // operations until crash is called
	crash  func()
	held   chan struct{} // closed when a sync hangs
	resume chan struct{}
}

type simFile struct {
	*os.File
	disk    *simDisk
	size    int64
	durable map[int64][]byte // by sector; what is missing is zero
	pending []simWrite
}

type simWrite struct {
	at   int64
	data []byte
}

func newSimDisk(tb testing.TB) *simDisk {
	tb.Helper()
	return &simDisk{tb: tb, dir: tb.TempDir(), files: map[string]*simFile{}}
}

// open opens a spool on the disk, which is closed at the end of the test.
func (d *simDisk) open(opts Options) *Spool {
	d.tb.Helper()
	s, err := d.tryOpen(opts)
	if err != nil {
		d.tb.Fatal(err)
	}
	d.tb.Cleanup(func() { s.Close() })
	return s
}

// tryOpen opens a spool that prepares no files by itself, so that what happens on the disk comes in one order.
func (d *simDisk) tryOpen(opts Options) (*Spool, error) {
	opts.Dir = d.dir
	s, c, err := open(opts, d.opener)
	if err == nil {
		go c.run()
	}
	return s, err
}

func (d *simDisk) opener(path string) (file, error) {
	if err := d.step("open"); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.files[path]
	sf := &simFile{File: f, disk: d, durable: map[int64][]byte{}}
	if old != nil {
		sf.size, sf.durable, sf.pending = old.size, old.durable, old.pending
	}
	d.files[path] = sf
	return sf, nil
}

// step counts an operation.
func (d *simDisk) step(op string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.after--; d.after == 0 && d.crash != nil {
		d.crash()
		d.crash = nil
	}
	if d.fault != nil {
		return d.fault(op)
	}
	return nil
}

func (f *simFile) WriteAt(b []byte, at int64) (int, error) {
	f.disk.mu.Lock()
	f.pending = append(f.pending, simWrite{at, bytes.Clone(b)})
	f.disk.mu.Unlock()
	if err := f.disk.step("write"); err != nil { // what did reach the disk is by chance, as in a crash
		half := len(b) / 2
		n, _ := f.File.WriteAt(b[:half], at)
		return n, &os.PathError{Op: "write", Path: f.Name(), Err: err}
	}
	if len(b) == chunk { // growing by zeros; a hole does as well and takes no time
		return chunk, f.Truncate(at + chunk)
	}
	return f.File.WriteAt(b, at)
}

func (f *simFile) Sync() error {
	d := f.disk
	d.mu.Lock()
	held, resume := d.held, d.resume
	d.held, d.resume = nil, nil
	d.mu.Unlock()
	if held != nil {
		close(held)
		<-resume
	}
	if err := d.step("sync"); err != nil {
		return &os.PathError{Op: "fdatasync", Path: f.Name(), Err: err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range f.pending {
		f.size = max(f.size, w.at+int64(len(w.data)))
		f.apply(f.durable, w, func() bool { return true })
	}
	f.pending = nil
	return nil
}

// apply writes the sectors of w that keep says.
func (f *simFile) apply(to map[int64][]byte, w simWrite, keep func() bool) {
	for i := 0; i < len(w.data); {
		at := w.at + int64(i)
		off := int(at % sector)
		n := min(sector-off, len(w.data)-i)
		if keep() {
			part := w.data[i : i+n]
			if n == sector && bytes.Equal(part, zeros[:sector]) {
				delete(to, at/sector)
			} else {
				s := make([]byte, sector)
				copy(s, to[at/sector])
				copy(s[off:], part)
				to[at/sector] = s
			}
		}
		i += n
	}
}

// image is what a power cut now would leave. Of what was not synced each sector is there with the given chance.
// d.mu is held.
func (d *simDisk) image(rng *rand.Rand, chance float64) map[string]map[int64][]byte {
	img := map[string]map[int64][]byte{}
	for path, f := range d.files {
		if _, err := os.Stat(path); err != nil {
			continue // removed
		}
		sectors := maps.Clone(f.durable)
		for _, w := range f.pending {
			f.apply(sectors, w, func() bool { return rng.Float64() < chance })
		}
		img[filepath.Base(path)] = sectors
	}
	return img
}

// restart gives a disk that holds an image.
func (d *simDisk) restart(img map[string]map[int64][]byte) *simDisk {
	next := newSimDisk(d.tb)
	for name, sectors := range img {
		path := filepath.Join(next.dir, name)
		f, err := os.Create(path)
		if err != nil {
			d.tb.Fatal(err)
		}
		var size int64
		for i, s := range sectors {
			size = max(size, (i+1)*sector)
			if _, err := f.WriteAt(s, i*sector); err != nil {
				d.tb.Fatal(err)
			}
		}
		f.Close()
		next.files[path] = &simFile{disk: next, size: size, durable: sectors}
	}
	return next
}

// hold makes the next sync hang until release is called.
func (d *simDisk) hold() (release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held, d.resume = make(chan struct{}), make(chan struct{})
	resume := d.resume
	return func() { close(resume) }
}

func (d *simDisk) waitHeld() {
	d.mu.Lock()
	held := d.held
	d.mu.Unlock()
	if held != nil {
		<-held
	}
}

// durableHas looks for bytes in the sectors that are on disk. d.mu is held.
func (f *simFile) durableHas(text string) bool {
	for i, s := range f.durable {
		if bytes.Contains(append(bytes.Clone(s), f.durable[i+1]...), []byte(text)) {
			return true
		}
	}
	return false
}
