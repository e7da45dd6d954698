package ingest

import (
	"syscall"
	"testing"
)

func TestOnlyTheCallerIsInTheBackground(t *testing.T) {
	t.Parallel()
	nice := func() int { // the system call gives 20 less
		n, err := syscall.Getpriority(syscall.PRIO_PROCESS, syscall.Gettid())
		if err != nil {
			t.Error(err)
		}
		return 20 - n
	}
	before, there := nice(), make(chan int)
	go func() {
		if err := inBackground(); err != nil {
			t.Error(err)
		}
		there <- nice()
	}()
	if got := <-there; got != max(before, niceness) {
		t.Errorf("niceness %d, want %d", got, niceness)
	}
	if got := nice(); got != before {
		t.Errorf("another goroutine's niceness became %d", got)
	}
}
