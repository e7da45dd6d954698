package engine

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net/url"
	"time"
)

// The bounds of a client's hello, in bytes. The names and passwords of this engine's users are far shorter.
const (
	maxHello       = 4096
	maxHelloString = 1024
)

// clientHello is the code of the first packet, serverException that of the answer which refuses it.
// https://clickhouse.com/docs/native-protocol/client, …/server
const (
	clientHello     = 0
	serverException = 2
)

var (
	errHalfHello   = errors.New("the client's hello is not complete")
	errBrokenHello = errors.New("this is not a client's hello")
)

// hello is what a client says of itself.
type hello struct {
	revision                 uint64 // of the protocol
	database, user, password string
}

// parseHello reads the first packet of the native protocol: code, client's name, major, minor and protocol version,
// database, user, password. errHalfHello asks for more bytes.
func parseHello(b []byte) (hello, error) {
	r := helloReader{rest: b}
	if code := r.number(); r.err == nil && code != clientHello {
		return hello{}, errBrokenHello
	}
	r.text()
	r.number()
	r.number()
	h := hello{revision: r.number(), database: r.text(), user: r.text(), password: r.text()}
	return h, r.err
}

// parseAddendum reads what a client of a newer protocol sends after the engine's hello: quota key, how it would like to
// frame packets to and from it, version of the parallel replicas' protocol. The numbers are those of the constants
// DBMS_MIN_…_ADDENDUM, …_CHUNKED_PACKETS and …_VERSIONED_PARALLEL_REPLICAS_PROTOCOL in ClickHouse's ProtocolDefines.h.
func parseAddendum(b []byte, revision uint64) error {
	r := helloReader{rest: b}
	if revision >= 54458 {
		r.text()
	}
	if revision >= 54470 {
		r.text()
		r.text()
	}
	if revision >= 54471 {
		r.number()
	}
	return r.err
}

// helloReader takes values off the front of rest until one is not there.
type helloReader struct {
	rest []byte
	err  error
}

func (r *helloReader) number() uint64 {
	if r.err != nil {
		return 0
	}
	v, n := binary.Uvarint(r.rest)
	switch {
	case n < 0:
		r.err = errBrokenHello
	case n == 0:
		r.err = errHalfHello
	}
	if r.err != nil {
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *helloReader) text() string {
	n := r.number()
	switch {
	case r.err != nil:
	case n > maxHelloString:
		r.err = errBrokenHello
	case n > uint64(len(r.rest)):
		r.err = errHalfHello
	}
	if r.err != nil {
		return ""
	}
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}

// serveNative relays one client of the native protocol, after its hello. A wrong password or an unknown database in a
// hello ends the engine, so both are checked here.
func (e *Engine) serveNative(ctx context.Context, s *session) {
	s.readWithin(s.guard.limits.hello)
	var said hello
	raw, err := s.readWhole(func(b []byte) (err error) {
		said, err = parseHello(b)
		return err
	})
	if err != nil {
		s.guard.turned[whyHello].Add(1)
		return
	}
	s.readWithin(0)
	if !e.knows(said.user, said.password) {
		s.guard.turned[whyPassword].Add(1)
		s.refuse(authenticationFailed, fmt.Sprintf("%s: Authentication failed: the users of Leadline's ClickHouse are %s and %s, each with a password", said.user, writerUser, analystUser))
		return
	}
	there, err := e.hasDatabase(ctx, said.database)
	if err != nil {
		s.guard.turned[whyAway].Add(1)
		return // the client takes it for a server that is away, and tries again
	}
	if !there {
		s.guard.turned[whyDatabase].Add(1)
		s.refuse(unknownDatabase, fmt.Sprintf("Database %s does not exist", said.database))
		return
	}
	server, err := s.dial()
	if err != nil {
		s.guard.turned[whyAway].Add(1)
		return
	}
	_ = s.relay(server, func() error { // how the client ended makes no difference
		if _, err := server.Write(raw); err != nil {
			return err
		}
		s.readWithin(s.guard.limits.hello)
		raw, err := s.readWhole(func(b []byte) error { return parseAddendum(b, said.revision) })
		if err != nil {
			return err
		}
		s.readWithin(0)
		if _, err := server.Write(raw); err != nil {
			return err
		}
		_, err = io.Copy(server, s.client)
		return err
	})
}

// readWhole reads until parse does not ask for more, which may be at once, and perhaps some bytes that follow.
func (s *session) readWhole(parse func([]byte) error) ([]byte, error) {
	b := make([]byte, 0, maxHello)
	for {
		if err := parse(b); !errors.Is(err, errHalfHello) {
			return b, err
		}
		if len(b) == cap(b) {
			return nil, errBrokenHello
		}
		n, err := s.client.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// isUser tells the users that may pass. It is a list of those who may, not of those who may not, so that no spelling of
// default passes, nor the names by which ClickHouse knows other kinds of clients.
func isUser(name string) bool { return name == writerUser || name == analystUser }

func (e *Engine) knows(user, password string) bool {
	want := e.options.AnalystPassword
	if user == writerUser {
		want = e.options.WriterPassword
	}
	return isUser(user) && subtle.ConstantTimeCompare([]byte(password), []byte(want)) == 1
}

// hasDatabase asks the engine; the empty name is the default database.
func (e *Engine) hasDatabase(ctx context.Context, name string) (bool, error) {
	if name == "" {
		return true, nil
	}
	address := e.http.target.Load()
	if address == nil {
		return false, errAway
	}
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	parameters := url.Values{
		"query": {"SELECT count() FROM system.databases WHERE name = {name:String} SETTINGS log_queries = 0"},
		"cancel_http_readonly_queries_on_client_close": {"0"}, // ask ends its side at once
		"param_name": {name},
	}
	body, err := get(ctx, *address, "/?"+parameters.Encode(), e.options.WriterPassword)
	return string(body) == "1\n", err
}

// The codes of ClickHouse's exceptions that the guard answers with.
const (
	unknownDatabase      = 81
	authenticationFailed = 516
)

// refuse answers a hello with an exception: code, name, message, stack trace, nested.
func (s *session) refuse(code uint32, message string) {
	b := []byte{serverException}
	b = binary.LittleEndian.AppendUint32(b, code)
	b = appendText(b, "DB::Exception")
	b = appendText(b, "DB::Exception: "+message)
	b = appendText(b, "")
	b = append(b, 0)
	_ = s.client.SetWriteDeadline(time.Now().Add(s.guard.limits.linger))
	_, _ = s.client.Write(b)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// appendHello appends the hello of a client from before the protocol asked for more than a hello.
func appendHello(b []byte, user, password string) []byte {
	const major, minor, revision = 20, 3, 54433
	b = append(b, clientHello)
	b = appendText(b, "leadline")
	b = binary.AppendUvarint(b, major)
	b = binary.AppendUvarint(b, minor)
	b = binary.AppendUvarint(b, revision)
	for _, s := range []string{"", user, password} {
		b = appendText(b, s)
	}
	return b
}
