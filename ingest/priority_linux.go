package ingest

import (
	"runtime"
	"syscall"
)

// niceness is the engine's too: nobody waits for a batch as a sender waits for an acknowledgement. At full priority a batch
// kept the committer from a core after its fsync: of 400 requests a second beside a loud partner one in thirty then
// waited for 10 to 20 ms, with it one in a hundred.
const niceness = 10

// inBackground gives the calling goroutine, until it ends, a thread of its own of lower priority (setpriority(2): Linux counts a
// thread as a process).
func inBackground() error {
	runtime.LockOSThread()
	return syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), niceness)
}
