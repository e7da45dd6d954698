package ingest

import (
	"runtime"
	"syscall"
)

// niceness is the engine's too: nobody waits for a batch as a sender waits for an acknowledgement. At full priority a batch
// kept the committer from a core after its fsync: beside a loud partner the others' p95 was then 1.8 to 2.0 times what it
// had been, with it 1.14 to 1.35 (go run ./bench -scenarios fairness).
const niceness = 10

// inBackground gives the calling goroutine, until it ends, a thread of its own of lower priority (setpriority(2): Linux counts a
// thread as a process).
func inBackground() error {
	runtime.LockOSThread()
	return syscall.Setpriority(syscall.PRIO_PROCESS, syscall.Gettid(), niceness)
}
