package engine

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// request is the head of an HTTP request, and where its body ends.
type request struct {
	head    []byte // as it came
	length  int64  // of the body
	chunked bool
	framed  bool // one of the two was given
}

// refusal is the answer to a request that does not reach the engine.
type refusal struct {
	status  int
	message string
}

func (r *refusal) Error() string { return r.message }

func badRequest(what string) error { return &refusal{http.StatusBadRequest, "bad request: " + what} }

// peekHead returns the head of a request with its empty line, without taking it out of the reader, whose size bounds it.
func peekHead(r *bufio.Reader) ([]byte, error) {
	end := []byte("\r\n\r\n")
	for {
		seen, _ := r.Peek(r.Buffered())
		if i := bytes.Index(seen, end); i >= 0 {
			return bytes.Clone(seen[:i+len(end)]), nil
		}
		if err := checkBeginning(seen); err != nil {
			return nil, err
		}
		if len(seen) == r.Size() {
			return nil, &refusal{http.StatusRequestHeaderFieldsTooLarge, "the request's head is longer than 64 KiB: send the query in the body"}
		}
		if _, err := r.Peek(len(seen) + 1); err != nil {
			return nil, err
		}
	}
}

// checkBeginning tells what cannot become a request, so that other protocols have their answer at once.
func checkBeginning(seen []byte) error {
	const longest = len("OPTIONS")
	method, _, whole := bytes.Cut(seen, []byte(" "))
	if whole && !methods[string(method)] || !whole && len(seen) > longest {
		return errNotHTTP
	}
	if line, _, whole := bytes.Cut(seen, []byte("\r\n")); whole {
		_, err := parseLine(string(line))
		return err
	}
	return nil
}

// parseRequest checks a head, the framing of the body and the user it speaks for.
func parseRequest(head []byte) (request, error) {
	for i, c := range head {
		switch {
		case c == '\n' && (i == 0 || head[i-1] != '\r'), c == '\r' && head[i+1] != '\n':
			return request{}, badRequest("a line that does not end with CR LF")
		case c == '\n' && i+1 < len(head) && (head[i+1] == ' ' || head[i+1] == '\t'):
			return request{}, badRequest("a header of more than one line")
		case c < ' ' && c != '\r' && c != '\n' && c != '\t', c == 0x7f:
			return request{}, badRequest("a control character")
		}
	}
	r := textproto.NewReader(bufio.NewReader(bytes.NewReader(head)))
	line, err := r.ReadLine()
	if err != nil {
		return request{}, badRequest("no request line")
	}
	target, err := parseLine(line)
	if err != nil {
		return request{}, err
	}
	header, err := r.ReadMIMEHeader()
	if err != nil {
		return request{}, badRequest("a broken header")
	}
	parsed, err := frame(http.Header(header))
	if err != nil {
		return request{}, err
	}
	if !parsed.framed && (strings.HasPrefix(line, "POST") || strings.HasPrefix(line, "PUT")) {
		return request{}, &refusal{http.StatusLengthRequired, "a body needs Content-Length or Transfer-Encoding: chunked"}
	}
	parsed.head = head
	return parsed, admitUser(target, http.Header(header))
}

// methods are those that ClickHouse knows.
var methods = map[string]bool{"GET": true, "HEAD": true, "POST": true, "PUT": true, "DELETE": true, "OPTIONS": true}

var errNotHTTP = badRequest("this is the HTTP port, and that is no request of HTTP/1.1")

func parseLine(line string) (*url.URL, error) {
	method, rest, _ := strings.Cut(line, " ")
	target, version, _ := strings.Cut(rest, " ")
	if !methods[method] || !strings.HasPrefix(target, "/") || version != "HTTP/1.1" && version != "HTTP/1.0" {
		return nil, errNotHTTP
	}
	if strings.Contains(target, "#") {
		return nil, badRequest("a fragment in the target") // the engine would not see what follows it
	}
	u, err := url.ParseRequestURI(target)
	if err != nil {
		return nil, badRequest("a broken target")
	}
	return u, nil
}

// frame finds the length of the body. Two answers to that question are none: the engine might take the other.
func frame(header http.Header) (request, error) {
	lengths, encodings := header.Values("Content-Length"), header.Values("Transfer-Encoding")
	switch {
	case len(lengths)+len(encodings) > 1:
		return request{}, badRequest("more than one length of the body")
	case len(encodings) == 1:
		if !strings.EqualFold(encodings[0], "chunked") {
			return request{}, badRequest("a transfer encoding other than chunked")
		}
		return request{chunked: true, framed: true}, nil
	case len(lengths) == 1:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return request{}, badRequest("a broken Content-Length")
		}
		return request{length: int64(n), framed: true}, nil
	}
	return request{}, nil
}

// open endpoints answer without a user.
var openPaths = map[string]bool{"/ping": true, "/replicas_status": true, "/play": true, "/dashboard": true}

// admitUser refuses a request that does not name one of the engine's users, in any of the ways that ClickHouse reads.
// Without a name it would speak for default.
func admitUser(target *url.URL, header http.Header) error {
	names := header.Values("X-ClickHouse-User")
	for _, value := range header.Values("Authorization") {
		scheme, encoded, _ := strings.Cut(value, " ")
		decoded, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !strings.EqualFold(scheme, "Basic") {
			return unauthorized("only basic authorization is known here")
		}
		name, _, _ := strings.Cut(string(decoded), ":")
		names = append(names, name)
	}
	query, err := url.ParseQuery(strings.ReplaceAll(target.RawQuery, ";", "%3B")) // it ends a statement, not a parameter
	if err != nil {
		return badRequest("a broken query string")
	}
	names = append(names, query["user"]...)
	if len(names) == 0 && !openPaths[target.Path] {
		return unauthorized("no user")
	}
	for _, name := range names {
		if !isUser(name) {
			return unauthorized("no such user")
		}
	}
	return nil
}

func unauthorized(what string) error {
	return &refusal{http.StatusUnauthorized, what + ": name " + writerUser + " or " + analystUser + " and the password, by basic authorization, " +
		"in X-ClickHouse-User and X-ClickHouse-Key, or as parameters user and password"}
}
