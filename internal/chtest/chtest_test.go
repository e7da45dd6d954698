package chtest_test

import (
	"testing"

	"leadline/internal/chtest"
)

func TestMain(m *testing.M) { chtest.Main(m) }

func TestEveryTestHasItsOwnDatabase(t *testing.T) {
	t.Parallel()
	f := func() {
		t.Helper()
		db := chtest.New(t)
		db.Exec(t, "CREATE TABLE x (n Int64) ENGINE = MergeTree ORDER BY n")
		db.Exec(t, "INSERT INTO x SELECT number FROM numbers(5)")
		if got := db.Query(t, "SELECT count(), max(n) FROM x"); got != "5\t4" {
			t.Errorf("got %q", got)
		}
	}
	f()
	f()
}
