package spool

import (
	"errors"
	"os"
)

const (
	chunk = 4 << 20   // a file in use grows by so many zeros at once: about 1 ms
	piece = 256 << 10 // and one that is prepared by so many, so that an fsync beside it does not wait for more
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
		if err := s.extend(chunk); err != nil {
			return err
		}
	}
	return nil
}

// extend adds n zeros, at most a chunk of them.
func (s *slot) extend(n int) error {
	written, err := s.WriteAt(zeros[:n], s.size)
	s.size += int64(written)
	return err
}

// clear makes the file spare, durably.
func (s *slot) clear() error { return writeSync(s, zeros[:headerBytes], 0) }

func (s *slot) remove() error { return errors.Join(s.Close(), os.Remove(s.path)) }

// setAside keeps the file under another name.
func (s *slot) setAside() (path string, err error) {
	path = s.path + ".corrupt"
	if err := os.Rename(s.path, path); err != nil {
		return "", err
	}
	return path, s.Close()
}
