package engine_test

import (
	"bufio"
	"bytes"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"leadline/engine"
)

// settle gives the other side time to read what was sent: a reset throws away what was not.
func settle() { time.Sleep(100 * time.Millisecond) }

// misdeed is something that a client does to an address.
type misdeed struct {
	name string
	do   func(on port)
}

type port struct {
	t       *testing.T
	address string
}

var nativeMisdeeds = []misdeed{
	{"reset before the hello", func(on port) { reset(on.t, dial(on.t, on.address)) }},
	{"reset idle", func(on port) { reset(on.t, login(on.t, on.address)) }},
	{"reset in a SELECT", func(on port) { reset(on.t, nativeSelect(on.t, on.address)) }},
	{"close with answers unread", func(on port) { nativeSelect(on.t, on.address).Close() }},
	{"reset in an INSERT", func(on port) { c := nativeInsert(on.t, on.address); settle(); reset(on.t, c) }},
	{"close in an INSERT", func(on port) { nativeInsert(on.t, on.address).Close() }},
	{"close in a block", func(on port) {
		c := nativeInsert(on.t, on.address)
		send(on.t, c, append(bytes.Clone(emptyBlock[:len(emptyBlock)-2]), 1, 5, 1, 'n', 5, 'I', 'n'))
		c.Close()
	}},
	{"garbage in an INSERT", func(on port) {
		c := nativeInsert(on.t, on.address)
		send(on.t, c, append([]byte{2, 0}, bytes.Repeat([]byte{0xff}, 50)...))
		answer(c)
	}},
	{"killed in a SELECT", func(on port) { killClient(on.t, "native-select", on.address) }},
	{"killed in an INSERT", func(on port) { killClient(on.t, "native-insert", on.address) }},
	{"ones", func(on port) { answerTo(on.t, on.address, bytes.Repeat([]byte{0xff}, 100)) }},
	{"half a hello", func(on port) { answerTo(on.t, on.address, []byte("\x00\x03abc")) }},
	{"half a hello and a reset", func(on port) {
		c := dial(on.t, on.address)
		send(on.t, c, []byte("\x00\x03abc"))
		settle()
		reset(on.t, c)
	}},
	{"another protocol", func(on port) { answerTo(on.t, on.address, []byte("GET /ping HTTP/1.1\r\n\r\n")) }},
	{"a string without end", func(on port) { answerTo(on.t, on.address, []byte("\x00\xff\xff\xff\xff\xff\xff\xff\x7fabc")) }},
	{"random bytes", func(on port) { answerTo(on.t, on.address, randomBytes(1)) }},
	{"random bytes after a zero", func(on port) { answerTo(on.t, on.address, append([]byte{0}, randomBytes(2)...)) }},
	{"a wrong password", func(on port) { wantRefused(on.t, on.address, "leadline", "wrong", "") }},
	{"a wrong password, then garbage", func(on port) {
		answerTo(on.t, on.address, append(engine.AppendHello(nil, "leadline", "wrong"), bytes.Repeat([]byte{0xff}, 100)...))
	}},
	{"user default", func(on port) { wantRefused(on.t, on.address, "default", "", "") }},
	{"no user", func(on port) { wantRefused(on.t, on.address, "", "", "") }},
	{"another server's mark", func(on port) { wantRefused(on.t, on.address, " INTERSERVER SECRET ", "", "") }},
	{"an SSH key's mark", func(on port) { wantRefused(on.t, on.address, " SSH KEY AUTHENTICATION leadline", "", "") }},
	{"an unknown database", func(on port) { wantRefused(on.t, on.address, "leadline", writerPassword, "nowhere") }},
	{"garbage after the hello", func(on port) {
		c := login(on.t, on.address)
		send(on.t, c, bytes.Repeat([]byte{0xff}, 100))
		answer(c)
	}},
	{"half a query", func(on port) {
		c := login(on.t, on.address)
		send(on.t, c, queryPacket(big)[:30])
		c.Close()
	}},
	{"half an addendum", func(on port) {
		c := newerLogin(on.t, on.address)
		send(on.t, c, []byte("\xd0\x0fa")) // a string of 2000 bytes, and the first of them
		c.Close()
	}},
	{"no addendum", func(on port) { newerLogin(on.t, on.address).Close() }},
}

var httpMisdeeds = []misdeed{
	{"reset before a request", func(on port) { reset(on.t, dial(on.t, on.address)) }},
	{"reset idle", func(on port) { reset(on.t, pinged(on.t, on.address)) }},
	{"reset in a SELECT", func(on port) { reset(on.t, httpSelect(on.t, on.address)) }},
	{"close with answers unread", func(on port) { httpSelect(on.t, on.address).Close() }},
	{"reset in an INSERT", func(on port) { c := httpInsert(on.t, on.address); settle(); reset(on.t, c) }},
	{"close in an INSERT", func(on port) { httpInsert(on.t, on.address).Close() }},
	{"reset in a chunk", func(on port) { c := httpChunks(on.t, on.address, "8\r\n1\n2"); settle(); reset(on.t, c) }},
	{"a broken chunk", func(on port) { answer(httpChunks(on.t, on.address, "4\r\n1\n2\n\r\nzzz\r\n")) }},
	{"a chunk that is too long", func(on port) { answer(httpChunks(on.t, on.address, "4\r\n1\n2\n3\n4\n")) }},
	{"killed in a SELECT", func(on port) { killClient(on.t, "http-select", on.address) }},
	{"killed in an INSERT", func(on port) { killClient(on.t, "http-insert", on.address) }},
	{"ones", func(on port) { wantStatus(on.t, on.address, bytes.Repeat([]byte{0xff}, 100), 400) }},
	{"random bytes", func(on port) { wantStatus(on.t, on.address, append([]byte("~"), randomBytes(3)...), 400) }},
	{"half a request line", func(on port) { answerTo(on.t, on.address, []byte("GET /pi")) }},
	{"half a request line and a reset", func(on port) {
		c := dial(on.t, on.address)
		send(on.t, c, []byte("GET /pi"))
		settle()
		reset(on.t, c)
	}},
	{"half a head", func(on port) { answerTo(on.t, on.address, []byte("GET /ping HTTP/1.1\r\nHost: x\r\n")) }},
	{"another protocol", func(on port) {
		wantStatus(on.t, on.address, engine.AppendHello(nil, "leadline", writerPassword), 400)
	}},
	{"a head without end", func(on port) {
		wantStatus(on.t, on.address, append([]byte("GET /ping HTTP/1.1\r\nX: "), bytes.Repeat([]byte("x"), 70<<10)...), 431)
	}},
	{"two lengths", func(on port) {
		wantStatus(on.t, on.address, httpHead("POST", "SELECT 1", "Content-Length: 0", "Transfer-Encoding: chunked"), 400)
	}},
	{"no length", func(on port) { wantStatus(on.t, on.address, httpHead("POST", "SELECT 1"), 411) }},
	{"no user", func(on port) { wantStatus(on.t, on.address, []byte("GET /?query=SELECT+1 HTTP/1.1\r\n\r\n"), 401) }},
	{"user default", func(on port) {
		wantStatus(on.t, on.address, []byte("GET /?query=SELECT+1&user=default HTTP/1.1\r\n\r\n"), 401)
	}},
	{"a user behind a fragment", func(on port) {
		wantStatus(on.t, on.address, []byte("GET /?query=SELECT+1#&user=leadline HTTP/1.1\r\n\r\n"), 400)
	}},
	{"a wrong password", func(on port) {
		wantStatus(on.t, on.address, []byte("GET /?query=SELECT+1&user=leadline&password=wrong HTTP/1.1\r\n\r\n"), 403)
	}},
	{"an unknown database", func(on port) {
		wantStatus(on.t, on.address, bytes.Replace(httpHead("GET", "SELECT 1"), []byte("/?"), []byte("/?database=nowhere&"), 1), 404)
	}},
	{"garbage after a request", func(on port) {
		c := pinged(on.t, on.address)
		send(on.t, c, bytes.Repeat([]byte{0xff}, 100))
		if got := answer(c); !bytes.HasPrefix(got, []byte("HTTP/1.1 400 ")) {
			on.t.Errorf("got %q", got)
		}
	}},
	{"half a second request", func(on port) {
		c := pinged(on.t, on.address)
		send(on.t, c, []byte("GET /pi"))
		settle()
		reset(on.t, c)
	}},
}

func randomBytes(seed uint64) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 300)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// answer reads to the end.
func answer(c net.Conn) []byte {
	var b bytes.Buffer
	_, _ = b.ReadFrom(c)
	return b.Bytes()
}

// answerTo sends all that it has to say, ends its side and reads the answer.
func answerTo(t *testing.T, address string, b []byte) []byte {
	t.Helper()
	c := dial(t, address)
	_, _ = c.Write(b)
	_ = c.CloseWrite()
	return answer(c)
}

func wantStatus(t *testing.T, address string, request []byte, status int) {
	t.Helper()
	c := dial(t, address)
	defer c.Close()
	_, _ = c.Write(request)
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Errorf("%.60q: %v", request, err)
		return
	}
	defer response.Body.Close()
	if response.StatusCode != status {
		t.Errorf("%.60q: got %s, want %d", request, response.Status, status)
	}
}

// wantRefused sends a hello and wants an exception for an answer.
func wantRefused(t *testing.T, address, user, password, database string) {
	t.Helper()
	b := engine.AppendHello(nil, user, password)
	credentials := appendText(appendText(nil, user), password)
	b = append(appendText(b[:len(b)-len(credentials)-1], database), credentials...)
	if got := answerTo(t, address, b); len(got) == 0 || got[0] != 2 || !strings.Contains(string(got), "DB::Exception") {
		t.Errorf("user %q, database %q: got %q, want an exception", user, database, got)
	}
}

// newerLogin logs in with a protocol that has an addendum to the hello.
func newerLogin(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c := dial(t, address)
	// The revision 54475 instead of 54433: both are three bytes long.
	send(t, c, bytes.Replace(engine.AppendHello(nil, "leadline", writerPassword), []byte("\xa1\xa9\x03"), []byte("\xcb\xa9\x03"), 1))
	if got := receive(t, c); got[0] != 0 {
		t.Fatalf("no hello: %q", got)
	}
	return c
}

func nativeSelect(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c := login(t, address)
	send(t, c, queryPacket(big))
	for got := 0; got < 1<<20; {
		got += len(receive(t, c))
	}
	return c
}

func nativeInsert(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c := login(t, address)
	send(t, c, queryPacket("INSERT INTO default.x VALUES"))
	receive(t, c) // the header of the block that it wants
	return c
}

func pinged(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c := dial(t, address)
	send(t, c, []byte("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"))
	for got := []byte(nil); !bytes.HasSuffix(got, []byte("\r\n0\r\n\r\n")); {
		got = append(got, receive(t, c)...)
	}
	return c
}

func httpSelect(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c := dial(t, address)
	send(t, c, httpHead("GET", big))
	for got := 0; got < 1<<20; {
		got += len(receive(t, c))
	}
	return c
}

func httpInsert(t *testing.T, address string) *net.TCPConn {
	t.Helper()
	c := dial(t, address)
	send(t, c, append(httpHead("POST", "INSERT INTO default.x FORMAT TSV", "Content-Length: 1000000"), "1\n2\n"...))
	return c
}

func httpChunks(t *testing.T, address, chunks string) *net.TCPConn {
	t.Helper()
	c := dial(t, address)
	send(t, c, append(httpHead("POST", "INSERT INTO default.x FORMAT TSV", "Transfer-Encoding: chunked"), chunks...))
	return c
}
