package engine

import (
	"bufio"
	"strconv"
	"strings"
)

// copyChunks passes a chunked body on and checks it on the way. What has come is sent whenever the client pauses.
func copyChunks(w *bufio.Writer, r *bufio.Reader) error {
	for {
		line, err := copyLine(w, r)
		if err != nil {
			return err
		}
		digits, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseUint(strings.TrimRight(digits, " \t"), 16, 62)
		if err != nil {
			return badRequest("a broken chunk")
		}
		if n == 0 {
			return copyTrailers(w, r)
		}
		if err := copyBytes(w, r, int64(n)); err != nil {
			return err
		}
		if line, err = copyLine(w, r); err != nil {
			return err
		}
		if line != "" {
			return badRequest("a chunk longer than it says")
		}
	}
}

// copyTrailers passes on what follows the last chunk, up to the empty line.
func copyTrailers(w *bufio.Writer, r *bufio.Reader) error {
	for range 64 {
		line, err := copyLine(w, r)
		if err != nil {
			return err
		}
		if line == "" {
			return w.Flush()
		}
	}
	return badRequest("too many trailers")
}

// copyLine passes a short line on and returns it without its CR LF.
func copyLine(w *bufio.Writer, r *bufio.Reader) (string, error) {
	var line []byte
	for len(line) < maxLine {
		if err := awaitMore(w, r); err != nil {
			return "", err
		}
		c, err := r.ReadByte()
		if err != nil {
			return "", err
		}
		if c != '\n' {
			line = append(line, c)
			continue
		}
		text, ok := strings.CutSuffix(string(line), "\r")
		if !ok || strings.ContainsAny(text, "\r\x00") {
			return "", badRequest("a line that does not end with CR LF")
		}
		_, err = w.WriteString(text + "\r\n")
		return text, err
	}
	return "", badRequest("a chunk's line that is too long")
}

func copyBytes(w *bufio.Writer, r *bufio.Reader, n int64) error {
	for n > 0 {
		if err := awaitMore(w, r); err != nil {
			return err
		}
		b, err := r.Peek(int(min(n, int64(r.Buffered()))))
		if err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return err
		}
		if _, err := r.Discard(len(b)); err != nil {
			return err
		}
		n -= int64(len(b))
	}
	return nil
}

// awaitMore returns when there is something to read, and sends what has been written before it waits.
func awaitMore(w *bufio.Writer, r *bufio.Reader) error {
	if r.Buffered() > 0 {
		return nil
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := r.Peek(1)
	return err
}
