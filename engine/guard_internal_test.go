package engine

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"
)

// The engine is not dialled for a client that has not introduced itself, and its absence is no riddle.
func TestGuardDialsLate(t *testing.T) {
	t.Parallel()
	e := &Engine{options: Options{WriterPassword: "secret", AnalystPassword: "other"}}
	whole := map[string]string{
		"native": string(appendHello(nil, writerUser, "secret")),
		"http":   "GET /ping HTTP/1.1\r\n\r\n",
	}
	f := func(name, sent string, target bool, want string, wantDial bool) {
		t.Helper()
		engine := listen(t)
		dialled := make(chan struct{}, 1)
		go func() {
			if c, err := engine.Accept(); err == nil {
				dialled <- struct{}{}
				_ = c.Close()
			}
		}()
		serve := serveHTTP
		if name == "native" {
			serve = e.serveNative
		}
		g := newGuard(t.Context(), listen(t), serve, usualLimits, slog.New(slog.DiscardHandler))
		defer g.wait()
		defer g.stop()
		if target {
			g.aim(engine.Addr().String())
		}
		client, err := net.Dial("tcp", g.addr())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		_ = client.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(client, sent)
		_ = client.(*net.TCPConn).CloseWrite()
		got, _ := io.ReadAll(client)
		if !strings.HasPrefix(string(got), want) || want == "" && len(got) > 0 {
			t.Errorf("%s: %.30q: got %q, want %q", name, sent, got, want)
		}
		select {
		case <-dialled:
			if !wantDial {
				t.Errorf("%s: %.30q: the engine was dialled", name, sent)
			}
		default:
			if wantDial {
				t.Errorf("%s: %.30q: the engine was not dialled", name, sent)
			}
		}
	}
	for name, hello := range whole {
		f(name, hello, true, "", true)
		f(name, hello[:len(hello)-1], true, "", false)
		f(name, "", true, "", false)
	}
	f("native", whole["native"], false, "", false)
	f("http", whole["http"], false, "HTTP/1.1 503 ", false)
	f("native", "nonsense", true, "", false)
	f("http", "nonsense", true, "HTTP/1.1 400 ", false)
}

func listen(t *testing.T) *net.TCPListener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.(*net.TCPListener)
}
