//go:build !linux

package spool

import "os"

// syncData is fsync; on Darwin Go makes it F_FULLFSYNC, which also empties the drive's own cache.
func syncData(f *os.File) error { return f.Sync() }
