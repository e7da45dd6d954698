package engine_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"leadline/engine"
)

const (
	writerPassword  = "it is the writer"
	analystPassword = "it is the analyst"
	patience        = 20 * time.Second
)

// big is a query whose answer never fits between the engine and a client.
const big = "SELECT number, repeat(toString(number), 20) FROM system.numbers LIMIT 200000000"

func dial(tb testing.TB, address string) *net.TCPConn {
	tb.Helper()
	conn, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		tb.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func send(tb testing.TB, conn net.Conn, b []byte) {
	tb.Helper()
	if _, err := conn.Write(b); err != nil {
		tb.Fatal(err)
	}
}

// receive returns what comes next.
func receive(tb testing.TB, conn net.Conn) []byte {
	tb.Helper()
	b := make([]byte, 64<<10)
	n, err := conn.Read(b)
	if err != nil {
		tb.Fatal(err)
	}
	return b[:n]
}

// reset closes with a reset instead of an end.
func reset(tb testing.TB, conn *net.TCPConn) {
	tb.Helper()
	if err := conn.SetLinger(0); err != nil {
		tb.Fatal(err)
	}
	conn.Close()
}

// login opens a native connection of the writer.
func login(tb testing.TB, address string) *net.TCPConn {
	tb.Helper()
	conn := dial(tb, address)
	send(tb, conn, engine.AppendHello(nil, "leadline", writerPassword))
	if answer := receive(tb, conn); answer[0] != 0 {
		tb.Fatalf("no hello: %q", answer)
	}
	return conn
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// emptyBlock is a data packet without rows: the end of external tables, or of an insert.
var emptyBlock = []byte{2, 0, 1, 0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0}

// queryPacket is a query in the revision of engine.AppendHello.
func queryPacket(sql string) []byte {
	b := []byte{1, 0 /* id */, 1 /* initial query */}
	for _, s := range []string{"", "", "0.0.0.0:0"} {
		b = appendText(b, s)
	}
	b = append(b, 1 /* tcp */)
	for _, s := range []string{"user", "host", "test"} {
		b = appendText(b, s)
	}
	b = binary.AppendUvarint(append(b, 20, 3), 54433)
	b = append(b, 0 /* quota key */, 0 /* patch */, 0 /* end of settings */, 2 /* complete */, 0 /* no compression */)
	b = appendText(b, sql)
	return append(b, emptyBlock...)
}

// httpHead is the head of a writer's request.
func httpHead(method, sql string, header ...string) []byte {
	head := fmt.Sprintf("%s /?query=%s HTTP/1.1\r\nHost: test\r\nX-ClickHouse-User: leadline\r\nX-ClickHouse-Key: %s\r\n", method, url.QueryEscape(sql), writerPassword)
	for _, h := range header {
		head += h + "\r\n"
	}
	return []byte(head + "\r\n")
}

// query runs a statement over HTTP and returns status and answer.
func query(tb testing.TB, address, user, password, sql string) (int, string) {
	tb.Helper()
	request, err := http.NewRequestWithContext(tb.Context(), http.MethodPost, "http://"+address+"/?wait_end_of_query=1", strings.NewReader(sql))
	if err != nil {
		tb.Fatal(err)
	}
	request.SetBasicAuth(user, password)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	response, err := client.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(bytes.TrimSpace(body))
}

func ask(tb testing.TB, e *engine.Engine, sql string) string {
	tb.Helper()
	status, answer := query(tb, e.HTTPAddr(), "leadline", writerPassword, sql)
	if status != http.StatusOK {
		tb.Fatalf("%s: %d %s", sql, status, answer)
	}
	return answer
}

// eventually waits until ok.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	timeout := time.After(patience)
	for !ok() {
		select {
		case <-ticker.C:
		case <-timeout:
			tb.Fatalf("not within %v: %s", patience, what)
		}
	}
}
