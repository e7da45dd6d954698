package store

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"leadline"
	"leadline/latency"
)

const (
	selectTimeout = 5 * time.Second // where Query.Timeout is 0
	grace         = time.Second     // for the server to say itself that the time is up
	maxRows       = 100_000         // of an answer; more is an error
	maxRead       = 64 << 30        // bytes that a query may read: some seconds of a fast machine
	maxResult     = 512 << 20       // bytes of an answer
)

// Select runs one read and returns its whole answer. The query may not write, nor read what lies outside the database
// (file, url, remote …). It is ended after its time, 100,000 rows, 512 MiB of answer or 64 GiB read, which are errors: half an answer is
// never returned.
//
// Every value is a string, int64, float64, bool, time.Time in UTC, or a slice of them. NULL, an unsigned number above
// the range of int64, and types that have no such form are errors that name the column: cast them in SQL.
func (d *DB) Select(ctx context.Context, q leadline.Query) (*leadline.Table, error) {
	if d.closed() {
		return nil, fmt.Errorf("select %s: %w", q.Name, ErrClosed)
	}
	args, err := params(q.Params)
	if err != nil {
		return nil, fmt.Errorf("select %s: %w", q.Name, err)
	}
	timeout := q.Timeout
	if timeout <= 0 {
		timeout = selectTimeout
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout+grace, fmt.Errorf("no answer within %v", timeout+grace))
	defer cancel()
	table, err := d.query(clickhouse.Context(ownLimit{ctx}, clickhouse.WithSettings(limits(q, timeout))), q.SQL, args)
	if err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
		return nil, fmt.Errorf("select %s: %w", q.Name, err)
	}
	return table, nil
}

// limits are the settings of one read. With readonly=1 the query itself can change none of them.
func limits(q leadline.Query, timeout time.Duration) clickhouse.Settings {
	read := int64(maxRead)
	if q.MaxBytes > 0 {
		read = min(read, q.MaxBytes)
	}
	return clickhouse.Settings{
		"readonly":    1,
		"max_threads": q.Threads, // 0 is ClickHouse's own default

		"max_execution_time":   strconv.FormatFloat(timeout.Seconds(), 'f', 3, 64),
		"max_bytes_to_read":    read,
		"max_result_bytes":     maxResult,
		"max_result_rows":      maxRows,
		"result_overflow_mode": "throw",
		"log_comment":          q.Name,
		// x / sum(y) OVER (…) fails with NOT_FOUND_COLUMN_IN_BLOCK otherwise.
		"optimize_arithmetic_operations_in_aggregate_functions": 0,
	}
}

// ownLimit hides a context's deadline from the driver, which would raise max_execution_time to 5 s above it.
type ownLimit struct{ context.Context }

// Deadline says that there is none.
func (ownLimit) Deadline() (time.Time, bool) { return time.Time{}, false }

// firstParam is the earliest time that can be a parameter: ClickHouse takes a number of fewer than five digits for a year.
var firstParam = time.Unix(10_000, 0).UnixMicro()

// params makes the server-side parameters. Times go as microseconds since 1970, so no time zone can shift them.
func params(in map[string]any) ([]any, error) {
	args := make([]any, 0, len(in))
	for name, v := range in {
		switch x := v.(type) {
		case string, int64, float64, []string:
		case time.Time:
			v = time.UnixMicro(max(latency.Micros(x), firstParam)).UTC()
		default:
			return nil, fmt.Errorf("parameter %s: a %T cannot be one", name, v)
		}
		args = append(args, clickhouse.Named(name, v))
	}
	return args, nil
}

func (d *DB) query(ctx context.Context, text string, args []any) (table *leadline.Table, err error) {
	rows, err := d.read.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() {
		if closeErr := rows.Close(); err == nil && closeErr != nil {
			table, err = nil, closeErr
		}
	}()
	table = &leadline.Table{Columns: rows.Columns()}
	dest := destinations(rows.ColumnTypes())
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		row := make([]any, len(dest))
		for i, p := range dest {
			if row[i], err = value(reflect.ValueOf(p).Elem()); err != nil {
				return nil, fmt.Errorf("column %s: %w", table.Columns[i], err)
			}
		}
		table.Rows = append(table.Rows, row)
	}
	if err := rows.Err(); err != nil {
		return nil, err // Next ends quietly when the server fails half-way
	}
	return table, nil
}

func destinations(types []driver.ColumnType) []any {
	dest := make([]any, len(types))
	for i, t := range types {
		dest[i] = reflect.New(t.ScanType()).Interface()
	}
	return dest
}
