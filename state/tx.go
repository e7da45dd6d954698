package state

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Tx is one transaction. It ends with the function it was given to.
type Tx struct {
	ctx context.Context
	tx  *sql.Tx
}

// Path is the file's.
func (d *DB) Path() string { return d.path }

// Update runs f in a transaction that may write. It is on the disk when Update returns nil, and nothing of it is
// when f or Update returns an error. f runs once, alone, and must not wait for anything outside.
func (d *DB) Update(ctx context.Context, f func(*Tx) error) error {
	return run(ctx, d.write, f)
}

// View runs f over one unchanging state of the file. Writes in it fail.
func (d *DB) View(ctx context.Context, f func(*Tx) error) error {
	return run(ctx, d.read, f)
}

func run(ctx context.Context, db *sql.DB, f func(*Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("state: %w", explain(err))
	}
	defer tx.Rollback() //nolint:errcheck // is a no-op after the commit
	if err := f(&Tx{ctx, tx}); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("state: %w", explain(err))
	}
	return nil
}

// exec runs one statement. what names the noun in its error.
func (t *Tx) exec(what, query string, args ...any) error {
	if _, err := t.tx.ExecContext(t.ctx, query, args...); err != nil {
		return fmt.Errorf("state: %s: %w", what, explain(err))
	}
	return nil
}

// list reads all rows of a query with scan.
func list[T any](t *Tx, what string, scan func(row interface{ Scan(...any) error }) (T, error), query string, args ...any) ([]T, error) {
	rows, err := t.tx.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("state: %s: %w", what, explain(err))
	}
	defer rows.Close() //nolint:errcheck // rows.Err below says it
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("state: %s: %w", what, err)
		}
		out = append(out, v)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("state: %s: %w", what, explain(err))
	}
	return out, nil
}

// one is list for a query with at most one row.
func one[T any](t *Tx, what string, scan func(row interface{ Scan(...any) error }) (T, error), query string, args ...any) (v T, ok bool, err error) {
	all, err := list(t, what, scan, query, args...)
	if err != nil || len(all) == 0 {
		return v, false, err
	}
	return all[0], true, nil
}

// body reads a row whose only column is a noun as JSON.
func body[T any](row interface{ Scan(...any) error }) (v T, err error) {
	var text string
	if err := row.Scan(&text); err != nil {
		return v, err
	}
	err = json.Unmarshal([]byte(text), &v)
	return v, err
}

// column reads a row of one column.
func column[T any](row interface{ Scan(...any) error }) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

// micros and moment store times as microseconds of Unix time, the zero time as 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}
