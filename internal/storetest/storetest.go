// Package storetest opens the store over the real ClickHouse of package chtest.
package storetest

import (
	"context"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/store"
)

// New is a store with its tables in a database of the test's own. They keep rows of any age.
func New(tb testing.TB) (*store.DB, *chtest.DB) {
	tb.Helper()
	ch := chtest.New(tb)
	db := Open(tb, ch)
	if _, err := db.Migrate(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	for _, table := range []string{"events", "rejected", "latency_1m", "latency_1h"} {
		ch.Exec(tb, "ALTER TABLE "+table+" REMOVE TTL")
	}
	return db, ch
}

// Open is a store over a database, closed with the test.
func Open(tb testing.TB, ch *chtest.DB) *store.DB {
	tb.Helper()
	db, err := store.Open(tb.Context(), store.Options{Addrs: []string{ch.Native}, Database: ch.Database, Username: ch.Username, Password: ch.Password, Host: "test"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// SumHours sums up every hour of what was written. It is called once all of that is there.
func SumHours(tb testing.TB, db *store.DB) {
	tb.Helper()
	if _, err := db.SumHours(tb.Context(), time.Now().Add(10*365*24*time.Hour)); err != nil {
		tb.Fatal(err)
	}
}

// Write stores a batch that is at hand.
func Write(ctx context.Context, db *store.DB, batch *leadline.Batch) error {
	b := db.Block()
	b.Begin(batch.Token)
	b.Add(batch.Events)
	for _, r := range batch.Rejected {
		b.Reject(r)
	}
	return b.Write(ctx)
}
