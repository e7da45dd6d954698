//go:build linux || darwin

package app

import "golang.org/x/sys/unix"

// diskFree is how many bytes an ordinary user may still write to the file system of a folder, 0 where it does not say.
func diskFree(dir string) int64 {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0
	}
	return int64(s.Bavail * uint64(s.Bsize))
}
