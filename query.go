package leadline

import (
	"fmt"
	"time"
)

// Query is one read of ClickHouse. It runs read-only, bounded in time and bytes.
type Query struct {
	Name    string         // shows up as log_comment in system.query_log
	SQL     string         // server-side parameters as {name:Type}
	Params  map[string]any // string, int64, float64, time.Time or []string
	Timeout time.Duration  // 0 means 5 s

	MaxBytes int64 // that it may read; 0, and more, mean 64 GiB
	Threads  int   // of ClickHouse; 0 means as many as it has cores
}

// Table is a whole answer: small, ordered, every value a string, int64, float64, bool, time.Time or a slice of them.
type Table struct {
	Columns []string
	Rows    [][]any
}

// Column is the position of a column, or an error that names those there are.
func (t *Table) Column(name string) (int, error) {
	for i, c := range t.Columns {
		if c == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("no column %q among %q", name, t.Columns)
}
