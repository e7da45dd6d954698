package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

const (
	dialTimeout  = 3 * time.Second // per address; also the wait for a free reading connection
	connLifetime = 5 * time.Minute // so that a host that came back gets its share again
	readers      = 8               // reading connections at most
	writers      = 2               // writing connections: one sends while the other waits for its answer
)

// ErrClosed is returned by calls after Close.
var ErrClosed = errors.New("store is closed")

// Options say which ClickHouse to use and how.
type Options struct {
	Addrs    []string // host:port of the native protocol; used in turn
	Database string   // created by Migrate where it is missing
	Username string
	Password string
	Cluster  string      // "" for a single server, else the cluster's name in the servers' remote_servers
	TLS      *tls.Config // nil for plain TCP
	Compress bool        // LZ4 on the wire: not worth its CPU on loopback, +1 µs an event
	Host     string      // what the column host says; "" means os.Hostname
	Log      *slog.Logger
}

// DB is a ClickHouse database. Its methods may be called by several goroutines.
type DB struct {
	opt     Options
	read    driver.Conn
	writers chan *writer
	uneven  uneven
	hours   hours
	turn    atomic.Uint32   // which address the next writer dials first
	life    context.Context // ends with Close
	end     context.CancelFunc
}

// Open checks the options and prepares the connections. It dials nothing yet, so that Leadline starts and takes events
// while ClickHouse is away; Ping tells whether it is there. Values of ctx stay with the DB, its end does not close it.
func Open(ctx context.Context, opt Options) (*DB, error) {
	if len(opt.Addrs) == 0 || opt.Database == "" {
		return nil, errors.New("open store: need an address and a database")
	}
	if opt.Host == "" {
		host, err := os.Hostname()
		if err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
		opt.Host = host
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	read, err := opt.dial(opt.Database, readers)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	db := &DB{opt: opt, read: read, writers: make(chan *writer, writers)}
	db.life, db.end = context.WithCancel(context.WithoutCancel(ctx))
	for range writers {
		db.writers <- newWriter()
	}
	return db, nil
}

// Close ends what is under way, an insert included, and closes all connections.
func (d *DB) Close() error {
	if d.closed() {
		return nil
	}
	d.end()
	for range writers {
		(<-d.writers).drop()
	}
	if err := d.read.Close(); err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

func (d *DB) closed() bool { return d.life.Err() != nil }

// Ping reports whether a server answers.
func (d *DB) Ping(ctx context.Context) error {
	if d.closed() {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	if err := d.read.Ping(ctx); err != nil {
		return fmt.Errorf("ping ClickHouse at %v: %w", d.opt.Addrs, err)
	}
	return nil
}

// dial prepares a pool for reading and for migrations.
func (o *Options) dial(database string, conns int) (driver.Conn, error) {
	opt := &clickhouse.Options{
		Addr:                 o.Addrs,
		Auth:                 clickhouse.Auth{Database: database, Username: o.Username, Password: o.Password},
		TLS:                  o.TLS,
		DialTimeout:          dialTimeout,
		ConnOpenStrategy:     clickhouse.ConnOpenRoundRobin,
		ConnMaxLifetime:      connLifetime,
		MaxOpenConns:         conns,
		MaxIdleConns:         conns,
		FreeBufOnConnRelease: true, // idle connections kept 170 MiB of their largest blocks
	}
	if o.Compress {
		opt.Compression = &clickhouse.Compression{Method: clickhouse.CompressionLZ4}
	}
	return clickhouse.Open(opt)
}
