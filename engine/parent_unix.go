//go:build unix

package engine

import (
	"io"
	"os"
	"time"
)

// leash is the descriptor whose other end only the parent holds. It is apart from standard input, which the library
// reads.
const leash = 3

// grace is what the engine gets to end by itself when its parent is gone.
const grace = time.Second

// leaveWithParent ends the process soon after the parent's end, even if the library is stuck and does not see that
// standard input has ended.
func leaveWithParent() {
	_, _ = io.Copy(io.Discard, os.NewFile(leash, "leash"))
	<-time.After(grace)
	os.Exit(1)
}
