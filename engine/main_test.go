package engine_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"leadline/engine"
	"leadline/internal/chtest"
)

// The test binary is also the child of an engine, a parent that is killed, and a client that is killed.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case "parent":
			playParent(os.Args[2])
		case "client":
			playClient(os.Args[2], os.Args[3])
		}
	}
	chtest.Main(m)
}

func options(dir string) engine.Options {
	return engine.Options{
		Dir:             dir,
		Native:          "127.0.0.1:0",
		HTTP:            "127.0.0.1:0",
		WriterPassword:  writerPassword,
		AnalystPassword: analystPassword,
	}
}

// begin starts an engine of the test's own.
func begin(tb testing.TB, o engine.Options) *engine.Engine {
	tb.Helper()
	e, err := engine.Start(tb.Context(), o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { e.Close() })
	return e
}

// record is a log to look into.
type record struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (r *record) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.Write(p)
}

func (r *record) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.b.String()
}

func (r *record) logger() *slog.Logger { return slog.New(slog.NewTextHandler(r, nil)) }

// playParent starts an engine in dir, says its pid and where it is, and waits to be killed.
func playParent(dir string) {
	e, err := engine.Start(context.Background(), options(dir))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println(e.Pid(), e.HTTPAddr())
	<-time.After(5 * time.Minute) // an end, in case nobody kills it
	os.Exit(1)
}
