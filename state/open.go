package state

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// applicationID marks the file as one of ours in its header: "LEAD".
const applicationID = 0x4c454144

// busyTimeout is how long a transaction waits for another process's.
const busyTimeout = 5 * time.Second

// readers bounds the concurrent View calls; more wait.
const readers = 4

// DB is the open state file. Its methods may be called from many goroutines.
type DB struct {
	path        string
	write, read *sql.DB
}

// Open opens the state file, creates it where there is none (mode 0600) and brings its schema up to this binary's.
// The error says what is wrong with the file (locked, written by a newer Leadline, damaged, not ours) and what to do.
func Open(path string) (*DB, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*busyTimeout) //nolint:forbidigo // opening a local file has no caller to outlive
	defer cancel()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	err = errors.Join(f.Chmod(0o600), f.Close()) // -wal and -shm take the file's mode
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	d := &DB{path: path}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open state %s: %w", path, explain(err)), d.Close())
	}
	return d, nil
}

func (d *DB) open(ctx context.Context) (err error) {
	if d.write, err = sql.Open("sqlite", dsn(d.path, "_txlock=immediate")); err != nil {
		return err
	}
	d.write.SetMaxOpenConns(1) // one writer at a time costs nothing: SQLite has one as well
	if err := d.check(ctx); err != nil {
		return err
	}
	if err := d.migrate(ctx); err != nil {
		return err
	}
	if d.read, err = sql.Open("sqlite", dsn(d.path, "_pragma=query_only(1)")); err != nil {
		return err
	}
	d.read.SetMaxOpenConns(readers)
	return d.read.PingContext(ctx)
}

func dsn(path, more string) string {
	u := url.URL{Scheme: "file", Opaque: url.PathEscape(path)}
	return u.String() + fmt.Sprintf("?_pragma=busy_timeout(%d)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)&%s",
		busyTimeout.Milliseconds(), more)
}

// check reads the whole file once: it is small, and a damaged page found now is not found at the next page at night.
func (d *DB) check(ctx context.Context) error {
	var id int64
	if err := d.write.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return err
	}
	var tables int
	if err := d.write.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema").Scan(&tables); err != nil {
		return err
	}
	if id != applicationID && tables > 0 {
		return errors.New("it is another program's SQLite file: name a different path")
	}
	var verdict string
	if err := d.write.QueryRowContext(ctx, "PRAGMA quick_check(1)").Scan(&verdict); err != nil {
		return err
	}
	if verdict != "ok" {
		return &damage{verdict}
	}
	return nil
}

// migrate applies the schema files above the file's user_version, all in one transaction.
func (d *DB) migrate(ctx context.Context) error {
	files, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return err
	}
	tx, err := d.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // is a no-op after the commit
	var version int
	if err := tx.QueryRowContext(ctx, "PRAGMA user_version").Scan(&version); err != nil {
		return err
	}
	if version > len(files) {
		return fmt.Errorf("its schema has version %d, this Leadline knows %d: start the newer Leadline that wrote it, or restore the copy made before", version, len(files))
	}
	if version == len(files) {
		return nil
	}
	for _, name := range files[version:] {
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, string(text)); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("PRAGMA user_version = %d; PRAGMA application_id = %d", len(files), applicationID)); err != nil {
		return err
	}
	return tx.Commit()
}

// Close ends all use of the file. It may be called twice.
func (d *DB) Close() error {
	var errs []error
	for _, db := range []*sql.DB{d.read, d.write} { // the last to close folds the journal into the file
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

type damage struct{ what string }

func (e *damage) Error() string { return e.what }

// explain turns SQLite's result codes into what an operator can do.
func explain(err error) error {
	if e, ok := errors.AsType[*damage](err); ok {
		return fmt.Errorf("the file is damaged: move it and its -wal away and restore a backup, or start anew without it: %w", e)
	}
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("another process has held it for more than %s: end that process (fuser names it): %w", busyTimeout, err)
	case sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT:
		return explain(&damage{err.Error()})
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("the disk is full: make room: %w", err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("no right to write the file or its directory: %w", err)
	default:
		return err
	}
}
