package server_test

import (
	"context"
	"log/slog"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp/fasthttputil"

	"leadline"
	"leadline/ingest"
	"leadline/server"
)

// taking is an intake that does nothing.
type taking struct{ server.Intake }

func (taking) Submit(context.Context, ingest.Request) (leadline.Receipt, error) {
	return leadline.Receipt{Accepted: 1}, nil
}

// BenchmarkEvents is one POST /v1/events over one connection in memory: the door without what is behind it.
func BenchmarkEvents(b *testing.B) {
	key, text := leadline.NewAPIKey("acme", "", []string{leadline.ScopeEventsWrite}, time.Now())
	s := server.New(server.Options{Intake: &taking{}, Keys: keys{key.ID: key}, Log: slog.New(slog.DiscardHandler)})
	l := fasthttputil.NewInmemoryListener()
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	conn, err := l.Dial()
	if err != nil {
		b.Fatal(err)
	}
	body := event("one")
	request := []byte("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer " + text +
		"\r\nContent-Length: " + itoa(len(body)) + "\r\n\r\n" + body)
	buf := make([]byte, 4096)
	b.ReportAllocs()
	begin := cpu(b)
	for b.Loop() {
		exchange(b, conn, request, buf)
	}
	b.ReportMetric(float64((cpu(b)-begin).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.StopTimer()
	conn.Close()
	if err := s.Shutdown(context.Background()); err != nil {
		b.Fatal(err)
	}
	<-done
}

func exchange(b *testing.B, conn net.Conn, request, buf []byte) {
	b.Helper()
	if _, err := conn.Write(request); err != nil {
		b.Fatal(err)
	}
	n, err := conn.Read(buf)
	if err != nil || string(buf[:12]) != "HTTP/1.1 202" {
		b.Fatalf("%q %v", buf[:n], err)
	}
}

// cpu is the processor time of this process: on a busy machine it says more than the clock.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}
