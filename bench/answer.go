package main

import (
	"bytes"
	"fmt"
	"strconv"
)

// answer is what the generator wants to know of an HTTP/1.1 answer.
type answer struct {
	status int
	body   []byte
	close  bool // the server will not read another request from this connection
}

var (
	headEnd   = []byte("\r\n\r\n")
	chunksEnd = []byte("0\r\n\r\n")
)

// parseAnswer reads an answer from all that has come; complete is false while something is missing. There is one
// request under way on a connection, so nothing can follow an answer. The generator shares the machine with what it
// measures and does no more than it needs.
func parseAnswer(b []byte) (a answer, complete bool, err error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		return a, false, nil
	}
	head, body := b[:end+2], b[end+4:]
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.")) {
		return a, false, fmt.Errorf("no HTTP answer: %.64q", b)
	}
	if a.status, err = strconv.Atoi(string(head[9:12])); err != nil {
		return a, false, fmt.Errorf("status of %.64q: %w", b, err)
	}
	length := -1
	for line := range bytes.Lines(head) {
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok {
			continue
		}
		switch len(name) { // most lines are of no interest
		case len("Content-Length"):
			if bytes.EqualFold(name, []byte("Content-Length")) {
				if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
					return a, false, fmt.Errorf("content length: %w", err)
				}
			}
		case len("Connection"):
			a.close = a.close || bytes.EqualFold(name, []byte("Connection")) && bytes.EqualFold(bytes.TrimSpace(value), []byte("close"))
		}
	}
	if length < 0 { // chunked, as ClickHouse answers
		a.body = body
		return a, bytes.HasSuffix(body, chunksEnd), nil
	}
	a.body = body[:min(length, len(body))]
	return a, len(body) >= length, nil
}
