package engine_test

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"net/http"
	"testing"

	"leadline/engine"
)

// Tens of megabytes in each direction and framing, with sums that a lost, doubled or misplaced byte would change.
func TestDataPassesUnchanged(t *testing.T) {
	t.Parallel()
	const rows = 3_000_000
	var data bytes.Buffer
	for i := range uint64(rows) {
		_ = binary.Write(&data, binary.LittleEndian, i)
	}
	e := begin(t, options(t.TempDir()))
	ask(t, e, "CREATE TABLE default.x (n UInt64) ENGINE = Memory")
	want := ask(t, e, "SELECT count(), sum(n), groupBitXor(cityHash64(n)) FROM (SELECT number AS n FROM numbers(3000000))")

	client := http.Client{Transport: &http.Transport{}, Timeout: patience}
	defer client.CloseIdleConnections()
	do := func(sql string, body io.Reader) []byte {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+e.HTTPAddr()+"/", body)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("leadline", writerPassword)
		query := request.URL.Query()
		query.Set("query", sql)
		request.URL.RawQuery = query.Encode()
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %.500s %v", sql, response.Status, answer, err)
		}
		return answer
	}
	f := func(body io.Reader) {
		t.Helper()
		do("INSERT INTO default.x FORMAT RowBinary", body)
		if got := ask(t, e, "SELECT count(), sum(n), groupBitXor(cityHash64(n)) FROM default.x"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		ask(t, e, "TRUNCATE TABLE default.x")
	}
	f(bytes.NewReader(data.Bytes()))                                                        // with a length
	f(io.MultiReader(bytes.NewReader(data.Bytes())))                                        // in chunks
	f(bufio.NewReaderSize(io.MultiReader(bytes.NewReader(data.Bytes())), 1<<20))            // in other chunks
	f(io.MultiReader(bytes.NewReader(data.Bytes()[:1]), bytes.NewReader(data.Bytes()[1:]))) // one of them tiny
	if got := do("SELECT number FROM numbers(3000000) FORMAT RowBinary", http.NoBody); !bytes.Equal(got, data.Bytes()) {
		t.Errorf("%d bytes came, not the %d that were asked for", len(got), data.Len())
	}
}

// BenchmarkSelect reads 100 MB through the guard and past it: the difference is the guard's.
func BenchmarkSelect(b *testing.B) {
	e, err := engine.Start(b.Context(), options(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	_, private := e.Private()
	f := func(name, address string) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(100_000_000)
			for b.Loop() {
				c := dial(b, address)
				send(b, c, httpHead("GET", "SELECT repeat('x', 999) FROM numbers(100000)", "Connection: close"))
				if n, err := io.Copy(io.Discard, c); err != nil || n < 100_000_000 {
					b.Fatal(n, err)
				}
				c.Close()
			}
		})
	}
	f("guarded", e.HTTPAddr())
	f("direct", private)
}
