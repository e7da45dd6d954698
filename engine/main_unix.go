//go:build unix

package engine

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"github.com/ebitengine/purego"
)

// Main is the child's side of the engine, behind the hidden verb `leadline engine LIBRARY [ARGUMENT…]`. It loads
// libchdb from LIBRARY, runs clickhouse-local with the arguments and returns the process's exit code when that ends,
// which is when standard input ends.
func Main(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "leadline engine: no library given: this verb is for Leadline itself")
		return 2
	}
	lib, err := purego.Dlopen(args[0], purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		fmt.Fprintln(os.Stderr, "leadline engine: load libchdb:", err)
		return 1
	}
	go leaveWithParent()

	var cmdline func(argc int32, argv unsafe.Pointer) uintptr
	var resultError func(uintptr) string
	purego.RegisterLibFunc(&cmdline, lib, "chdb_query_cmdline")
	purego.RegisterLibFunc(&resultError, lib, "chdb_result_error")

	giveWay()
	args = append([]string{"clickhouse"}, args[1:]...)
	argv := make([]*byte, len(args)+1)
	for i, a := range args {
		argv[i] = &append([]byte(a), 0)[0]
	}
	result := cmdline(int32(len(args)), unsafe.Pointer(&argv[0]))
	runtime.KeepAlive(argv)
	if msg := resultError(result); msg != "" {
		fmt.Fprintln(os.Stderr, "leadline engine:", msg)
		return 1
	}
	return 0
}

// niceness makes the intake's threads, which somebody waits for, run before merges and inserts, for which nobody does:
// one of the engine gets a tenth of what one of theirs gets while all cores are busy (sched(7): a factor of 1.25 a step).
// SCHED_IDLE halves the slowest acknowledgements once more, but a busy neighbour would then starve the engine.
const niceness = 10

// giveWay lowers the priority of the calling thread, and with it that of every thread that the library starts from it.
func giveWay() {
	runtime.LockOSThread()
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness); err != nil {
		fmt.Fprintln(os.Stderr, "leadline engine: runs at full priority:", err)
	}
}
