package main

import (
	"fmt"
	"os"
)

// makeData makes the folder for the data of all that is measured, and remove deletes it. Nothing is deleted before: without
// a journal, ext4 passes over every inode that was deleted in the last minutes before it gives one to a new file
// (recently_deleted in fs/ext4/ialloc.c). After a subject's thousands of files had gone, the next one's inserts spent three
// times as long in the kernel.
func (o *options) makeData() (remove func(), err error) {
	if o.data, err = os.MkdirTemp("", "leadline-bench-"); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	return func() { os.RemoveAll(o.data) }, nil //nolint:errcheck // the system's temporary folder
}

// folder makes one for a subject or a scenario.
func (o *options) folder() (string, error) {
	dir, err := os.MkdirTemp(o.data, "")
	if err != nil {
		return "", fmt.Errorf("bench: %w", err)
	}
	return dir, nil
}
