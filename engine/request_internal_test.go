package engine

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"net/http"
	"testing"
)

const asWriter = "X-ClickHouse-User: leadline\r\n"

func TestParseRequest(t *testing.T) {
	t.Parallel()
	f := func(head string, want request, wantStatus int) {
		t.Helper()
		got, err := parseRequest([]byte(head))
		var no *refusal
		switch {
		case errors.As(err, &no):
			if no.status != wantStatus {
				t.Errorf("%q: got %d %s, want %d", head, no.status, no.message, wantStatus)
			}
		case wantStatus != 0:
			t.Errorf("%q: got error %v, want %d", head, err, wantStatus)
		case got.length != want.length || got.chunked != want.chunked || string(got.head) != head:
			t.Errorf("%q: got %+v", head, got)
		}
	}
	f("GET /ping HTTP/1.1\r\n\r\n", request{}, 0)
	f("GET /?query=SELECT+1; HTTP/1.1\r\n"+asWriter+"\r\n", request{}, 0)
	f("GET /?query=SELECT+1&user=analyst HTTP/1.0\r\n\r\n", request{}, 0)
	f("POST / HTTP/1.1\r\n"+asWriter+"Content-Length: 12\r\n\r\n", request{length: 12}, 0)
	f("POST / HTTP/1.1\r\n"+asWriter+"transfer-encoding: Chunked\r\n\r\n", request{chunked: true}, 0)
	f("GET / HTTP/1.1\r\nAuthorization: Basic "+base64.StdEncoding.EncodeToString([]byte("leadline:x:y"))+"\r\n\r\n", request{}, 0)

	f("GET / HTTP/1.1\r\n\r\n", request{}, 401)
	f("GET /?user= HTTP/1.1\r\n"+asWriter+"\r\n", request{}, 401)
	f("GET /ping?user=default HTTP/1.1\r\n\r\n", request{}, 401)
	f("GET /?user=leadline&us%65r=default HTTP/1.1\r\n\r\n", request{}, 401)
	f("GET / HTTP/1.1\r\n"+asWriter+"x-clickhouse-user: default\r\n\r\n", request{}, 401)
	f("GET / HTTP/1.1\r\nAuthorization: Basic "+base64.StdEncoding.EncodeToString([]byte("default:"))+"\r\n\r\n", request{}, 401)
	f("GET / HTTP/1.1\r\nAuthorization: Basic !!\r\n\r\n", request{}, 401)
	f("GET / HTTP/1.1\r\nAuthorization: Bearer x\r\n\r\n", request{}, 401)

	f("POST / HTTP/1.1\r\n"+asWriter+"\r\n", request{}, 411)
	f("POST / HTTP/1.1\r\n"+asWriter+"Content-Length: +1\r\n\r\n", request{}, 400)
	f("POST / HTTP/1.1\r\n"+asWriter+"Content-Length: 1\r\nContent-Length: 1\r\n\r\n", request{}, 400)
	f("POST / HTTP/1.1\r\n"+asWriter+"Content-Length: 99999999999999999999\r\n\r\n", request{}, 400)
	f("POST / HTTP/1.1\r\n"+asWriter+"Transfer-Encoding: gzip, chunked\r\n\r\n", request{}, 400)
	f("BREW / HTTP/1.1\r\n\r\n", request{}, 400)
	f("GET / HTTP/2.0\r\n\r\n", request{}, 400)
	f("GET http://x/ HTTP/1.1\r\n\r\n", request{}, 400)
	f("GET /?query=%zz HTTP/1.1\r\n"+asWriter+"\r\n", request{}, 400)
	f("GET /#?user=leadline HTTP/1.1\r\n\r\n", request{}, 400)
	f("GET / HTTP/1.1\r\n"+asWriter+" folded\r\n\r\n", request{}, 400)
	f("GET / HTTP/1.1\r\nno colon\r\n\r\n", request{}, 400)
	f("GET / HTTP/1.1\nHost: x\r\n\r\n", request{}, 400)
	f("GET / HTTP/1.1\r\nHost: \x00\r\n\r\n", request{}, 400)
}

// What passes here means the same to the standard library: where the body ends, and what is asked for.
func FuzzParseRequest(f *testing.F) {
	f.Add([]byte("GET /ping HTTP/1.1\r\nHost: x\r\n\r\n"))
	f.Add([]byte("POST /?query=1 HTTP/1.1\r\nHost: x\r\n" + asWriter + "Content-Length: 12\r\n\r\n"))
	f.Add([]byte("POST / HTTP/1.1\r\nHost: x\r\n" + asWriter + "Transfer-Encoding: chunked\r\n\r\n"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		head, err := peekHead(bufio.NewReaderSize(bytes.NewReader(b), maxHead))
		if err != nil {
			return
		}
		got, err := parseRequest(head)
		if err != nil {
			return
		}
		want, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head)))
		if err != nil {
			return // it is stricter about the host
		}
		length := want.ContentLength
		if got.chunked {
			length++ // from -1, which stands for unknown
		}
		if got.length != length || got.chunked != (len(want.TransferEncoding) == 1) {
			t.Errorf("%q: got %+v, want length %d, encoding %v", head, got, want.ContentLength, want.TransferEncoding)
		}
	})
}
