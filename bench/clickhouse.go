package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"leadline/engine"
)

// database is a ClickHouse that answers HTTP.
type database struct{ addr, user, password string }

// query returns the answer as text, without its last line's end.
func (d *database) query(ctx context.Context, sql string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+d.addr+"/", strings.NewReader(sql))
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	req.Header.Set("X-ClickHouse-User", d.user)
	req.Header.Set("X-ClickHouse-Key", d.password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	defer resp.Body.Close() //nolint:errcheck // read only
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", fmt.Errorf("query: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("query: status %d: %.300s", resp.StatusCode, body)
	}
	return strings.TrimSuffix(string(body), "\n"), nil
}

// counter counts the rows of a table.
func (d *database) counter(table string) func(ctx context.Context) (int64, error) {
	return func(ctx context.Context) (int64, error) {
		text, err := d.query(ctx, "SELECT count() FROM "+table)
		if err != nil {
			return 0, err
		}
		return strconv.ParseInt(text, 10, 64)
	}
}

const enginePassword = "bench"

// startEngine runs the embedded ClickHouse as Leadline does, as a child of the bench.
func startEngine(ctx context.Context, dir, native, http string) (*engine.Engine, error) {
	return engine.Start(ctx, engine.Options{
		Dir: filepath.Join(dir, "clickhouse"), Native: native, HTTP: http, MaxMemory: 4 << 30,
		WriterPassword: enginePassword, AnalystPassword: enginePassword, Log: slog.New(slog.DiscardHandler),
	})
}

// ports are the engine's own, behind its guard: the guard belongs to Leadline, so peers do not pay for it.
func ports(e *engine.Engine) (native, http string, err error) {
	n, err := argument(e.Pid(), "tcp_port")
	if err != nil {
		return "", "", err
	}
	h, err := argument(e.Pid(), "http_port")
	return net.JoinHostPort("127.0.0.1", n), net.JoinHostPort("127.0.0.1", h), err
}

// startClickHouse is ClickHouse as a peer: what its own HTTP interface takes.
func startClickHouse(ctx context.Context, _ *options, dir string, _ int) (*subject, error) {
	e, err := startEngine(ctx, dir, "127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &subject{server: e.Pid(), stop: func() { e.Close() }} //nolint:errcheck // its data is thrown away
	if _, s.addr, err = ports(e); err != nil {
		s.stop()
		return nil, err
	}
	db := database{s.addr, "leadline", enginePassword}
	for _, sql := range []string{"CREATE DATABASE peer", peerTable} {
		if _, err := db.query(ctx, sql); err != nil {
			s.stop()
			return nil, err
		}
	}
	s.stored = db.counter("peer.events")
	insert := url.Values{"query": {"INSERT INTO peer.events FORMAT JSONEachRow"}, "async_insert": {"1"}, "wait_for_async_insert": {"1"}}
	s.shape = shape{"/?" + insert.Encode(), []string{"X-ClickHouse-User: leadline", "X-ClickHouse-Key: " + enginePassword}, lines((*event).appendRow)}
	return s, nil
}
