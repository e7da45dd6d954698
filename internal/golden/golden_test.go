package golden_test

import (
	"testing"

	"leadline/internal/golden"
)

func TestBytes(t *testing.T) {
	t.Parallel()
	golden.Bytes(t, []byte("hello\n"), "hello.txt")

	other := &recorder{TB: t}
	golden.Bytes(other, []byte("good bye\n"), "hello.txt")
	if !other.failed {
		t.Error("another text passes")
	}
}

// recorder is a test that fails quietly.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
