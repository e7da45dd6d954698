// Package chtest gives tests the real ClickHouse: one embedded engine a test binary, started by the first test that asks
// for it, and a database of its own for every test.
//
//	func TestMain(m *testing.M) { chtest.Main(m) }
//
//	func TestWrite(t *testing.T) {
//		t.Parallel()
//		db := chtest.New(t)
//		db.Exec(t, "CREATE TABLE x (n Int64) ENGINE = MergeTree ORDER BY n")
//		…
//	}
//
// Without libchdb the tests fail and say which command to run; they are never skipped.
package chtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"leadline/engine"
)

const (
	writerPassword  = "writer-secret"
	analystPassword = "analyst-secret"
	startWithin     = time.Minute
	queryWithin     = time.Minute
)

// shared is the engine of this test binary.
var shared struct {
	once   sync.Once
	dir    string
	engine *engine.Engine
	err    error
}

var databases atomic.Int64

// Main is the TestMain of a package whose tests use New or Engine. It plays the engine's child when it is called as one,
// stops the engine after the tests, and fails if a goroutine is left then, but for those that the options name.
func Main(m *testing.M, options ...goleak.Option) {
	if len(os.Args) > 1 && os.Args[1] == "engine" {
		os.Exit(engine.Main(os.Args[2:]))
	}
	code := m.Run()
	if err := stop(); err != nil {
		fmt.Fprintln(os.Stderr, "chtest:", err)
		code = max(code, 1)
	}
	if code == 0 {
		if err := goleak.Find(options...); err != nil {
			fmt.Fprintln(os.Stderr, "chtest:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func start(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	if shared.dir, shared.err = os.MkdirTemp("", "leadline-chtest-"); shared.err != nil {
		return
	}
	shared.engine, shared.err = engine.Start(ctx, engine.Options{
		Dir:             shared.dir,
		Native:          "127.0.0.1:0",
		HTTP:            "127.0.0.1:0",
		WriterPassword:  writerPassword,
		AnalystPassword: analystPassword,
		Log:             slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
}

func stop() error {
	var err error
	if shared.engine != nil {
		err = shared.engine.Close()
	}
	if shared.dir != "" {
		err = errors.Join(err, os.RemoveAll(shared.dir))
	}
	return err
}

// Engine returns the engine of this test binary.
func Engine(tb testing.TB) *engine.Engine {
	tb.Helper()
	shared.once.Do(func() { start(context.WithoutCancel(tb.Context())) })
	if shared.err != nil {
		tb.Fatalf("chtest: %v", shared.err)
	}
	return shared.engine
}

// DB is a database that only one test uses. Username may do everything, the user analyst may read it.
type DB struct {
	Native, HTTP       string // host:port
	Database           string
	Username, Password string
	AnalystPassword    string
}

// New creates a database for one test.
func New(tb testing.TB) *DB {
	tb.Helper()
	e := Engine(tb)
	d := &DB{
		Native:          e.NativeAddr(),
		HTTP:            e.HTTPAddr(),
		Username:        "leadline",
		Password:        writerPassword,
		AnalystPassword: analystPassword,
	}
	name := fmt.Sprintf("leadline_%d", databases.Add(1))
	d.Exec(tb, "CREATE DATABASE "+name)
	// It goes with the engine's folder. Dropping it here could end the engine: a client that is just connecting would
	// name a database that the guard has seen and the engine no longer has.
	d.Database = name
	return d
}

// Exec runs one statement in the database.
func (d *DB) Exec(tb testing.TB, sql string) {
	tb.Helper()
	d.Query(tb, sql)
}

// Query runs one statement in the database and returns the answer, as TSV unless the statement says otherwise, without
// the last newline.
func (d *DB) Query(tb testing.TB, sql string) string {
	tb.Helper()
	answer, err := d.query(context.WithoutCancel(tb.Context()), sql) // a test's context has ended when it cleans up
	if err != nil {
		tb.Fatalf("chtest: %v\n%s", err, sql)
	}
	return answer
}

func (d *DB) query(ctx context.Context, sql string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, queryWithin)
	defer cancel()
	// An answer that breaks off would otherwise be taken for a short one.
	address := url.URL{Scheme: "http", Host: d.HTTP, Path: "/", RawQuery: url.Values{
		"database": {d.Database}, "wait_end_of_query": {"1"}, "async_insert": {"0"},
	}.Encode()}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), strings.NewReader(sql))
	if err != nil {
		return "", err
	}
	request.Header.Set("X-ClickHouse-User", d.Username)
	request.Header.Set("X-ClickHouse-Key", d.Password)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	answer := strings.TrimSuffix(string(body), "\n")
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s", response.Status, answer)
	}
	return answer, nil
}
