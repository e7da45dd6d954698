package engine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOutputKeepsWhatExplains(t *testing.T) {
	t.Parallel()
	f := func(written string, want []string, dying bool) {
		t.Helper()
		// In pieces of any size.
		for _, n := range []int{1, 7, len(written)} {
			o := newOutput()
			for rest := written; rest != ""; {
				part := rest[:min(n, len(rest))]
				rest = rest[len(part):]
				fmt.Fprint(o, part)
			}
			if diff := cmp.Diff(want, o.last()); diff != "" {
				t.Errorf("in pieces of %d (-want +got):\n%s", n, diff)
			}
			select {
			case <-o.fatal:
				if !dying {
					t.Error("it is taken for fatal")
				}
			default:
				if dying {
					t.Error("it is not taken for fatal")
				}
			}
		}
	}
	f("Logging warning to x\n\n2026 [ 1 ] {} <Warning> Pool: paused\none\ntwo", []string{"one", "two"}, false)
	f("old <Error> Something: failed\n"+
		"2026 [ 1 ] {} <Fatal> ClientBase: Code: 210. DB::NetException: Connection reset by peer\n"+
		"2026 [ 1 ] {} <Fatal> ClientBase: \n"+
		"2026 [ 1 ] {} <Fatal> ClientBase: 3. ? @ 0x0000000012100929\n"+
		"2026 [ 1 ] {} <Fatal> ClientBase: ########## Short fault info ############\n"+
		"2026 [ 1 ] {} <Fatal> ClientBase: Signal description: Aborted\n",
		[]string{"2026 [ 1 ] {} <Fatal> ClientBase: Code: 210. DB::NetException: Connection reset by peer", "2026 [ 1 ] {} <Fatal> ClientBase: Signal description: Aborted"}, true)
	f(strings.Repeat("x", 3*keptWidth)+"\n", []string{strings.Repeat("x", keptWidth)}, false)

	o := newOutput()
	for i := range 1000 {
		fmt.Fprintf(o, "line %d\n", i)
	}
	if got := o.last(); len(got) != keptLines || got[keptLines-1] != "line 999" {
		t.Errorf("got %q", got)
	}
}
