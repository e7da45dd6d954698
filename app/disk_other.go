//go:build !(linux || darwin)

package app

// diskFree is not known on this platform.
func diskFree(string) int64 { return 0 }
