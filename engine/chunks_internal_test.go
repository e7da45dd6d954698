package engine

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestCopyChunks(t *testing.T) {
	t.Parallel()
	f := func(body string, ok bool) {
		t.Helper()
		var out bytes.Buffer
		w, r := bufio.NewWriter(&out), bufio.NewReader(strings.NewReader(body+"GET /next"))
		err := copyChunks(w, r)
		if (err == nil) != ok {
			t.Errorf("%q: %v", body, err)
		}
		if rest, _ := io.ReadAll(r); ok && (out.String() != body || string(rest) != "GET /next") {
			t.Errorf("%q: got %q, left %q", body, &out, rest)
		}
	}
	f("0\r\n\r\n", true)
	f("3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", true)
	f("3;x=y\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", true)
	f("3\r\nabcd\r\n0\r\n\r\n", false)
	f("-1\r\n\r\n", false)
	f("x\r\n\r\n", false)
	f("\r\n\r\n", false)
	f("3\nabc\n0\n\n", false)
	f("ffffffffffffffffff\r\n", false)
	f(strings.Repeat("0", 2000)+"\r\n\r\n", false)
	f("0\r\n"+strings.Repeat("A: b\r\n", 100)+"\r\n", false)
}

// Whatever the sizes of chunks, reads and buffers, every byte comes out as it went in.
func TestCopyChunksChangesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var body bytes.Buffer
		for _, n := range rapid.SliceOf(rapid.IntRange(1, 5000)).Draw(t, "chunks") {
			chunk := make([]byte, n)
			for i := range chunk {
				chunk[i] = byte(body.Len() + i*i)
			}
			fmt.Fprintf(&body, "%x\r\n%s\r\n", n, chunk)
		}
		body.WriteString("0\r\n\r\n")

		source := io.Reader(bytes.NewReader(body.Bytes()))
		if rapid.Bool().Draw(t, "halves") {
			source = iotest.HalfReader(source)
		}
		if rapid.Bool().Draw(t, "late error") {
			source = iotest.DataErrReader(source)
		}
		var out bytes.Buffer
		w := bufio.NewWriterSize(&out, rapid.IntRange(16, 2000).Draw(t, "writer"))
		r := bufio.NewReaderSize(source, rapid.IntRange(16, 2000).Draw(t, "reader"))
		if err := copyChunks(w, r); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), body.Bytes()) {
			t.Fatalf("%d bytes became %d others", body.Len(), out.Len())
		}
	})
}
