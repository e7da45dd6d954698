package spool

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// file is what the spool needs of an open file. Sync returns when the written bytes, and the size that is needed to
// read them, are on disk.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Sync() error
}

// opener opens a file for reading and writing and creates it where it is missing.
type opener func(path string) (file, error)

type osFile struct{ *os.File }

func openFile(path string) (file, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

// Sync makes the written bytes durable.
func (f osFile) Sync() error { return syncData(f.File) }

// syncDir makes new names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// noSpace tells a full disk from a broken one.
func noSpace(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

// writeSync writes b and makes it durable.
func writeSync(f file, b []byte, at int64) error {
	if _, err := f.WriteAt(b, at); err != nil {
		return err
	}
	return f.Sync()
}

// lockDir keeps a second process out until unlock.
func lockDir(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close() //nolint:errcheck // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%s is held by another process: stop it, or give this one a folder of its own", path)
		}
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return f, nil
}

// unlock does not leave it to Close: a child that is just being started holds the file a moment longer, and with it
// the lock.
func unlock(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
