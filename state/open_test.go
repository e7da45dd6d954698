package state_test

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"leadline/state"
)

func open(t *testing.T, path string) *state.DB {
	t.Helper()
	db, err := state.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func fresh(t *testing.T) *state.DB {
	t.Helper()
	return open(t, filepath.Join(t.TempDir(), "state.db"))
}

func update(t *testing.T, db *state.DB, f func(*state.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func view(t *testing.T, db *state.DB, f func(*state.Tx) error) {
	t.Helper()
	if err := db.View(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func TestOpenIsPrivateAndRepeatable(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "with space & ?", "state.db")
	if err := os.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	db := open(t, path)
	update(t, db, func(tx *state.Tx) error { return tx.PutSetting("a", []byte("1")) })
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", suffix, info.Mode().Perm())
		}
	}
	if err := errors.Join(db.Close(), db.Close()); err != nil {
		t.Fatal(err)
	}
	db = open(t, path)
	view(t, db, func(tx *state.Tx) error {
		v, ok, err := tx.Setting("a")
		if string(v) != "1" || !ok {
			t.Errorf("after reopening: %q %v", v, ok)
		}
		return err
	})
}

func TestOpenSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	f := func(want string, spoil func(path string)) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "state.db")
		spoil(path)
		db, err := state.Open(path)
		if err == nil {
			db.Close()
			t.Fatalf("opened, want an error with %q", want)
		}
		if !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("got  %v\nwant %s", err, want)
		}
	}
	raw := func(path, query string) {
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		if _, err := db.ExecContext(t.Context(), query); err != nil {
			t.Fatal(err)
		}
	}
	filled := func(path string) {
		db := open(t, path)
		update(t, db, func(tx *state.Tx) error { return tx.PutSetting("big", make([]byte, 100_000)) })
		db.Close()
	}
	f("newer Leadline", func(path string) { filled(path); raw(path, "PRAGMA user_version = 99") })
	f("another program's", func(path string) { raw(path, "CREATE TABLE t (a)") })
	f("damaged", func(path string) { os.WriteFile(path, []byte(strings.Repeat("this is no database ", 100)), 0o600) })
	f("damaged", func(path string) { // a torn page in the middle
		filled(path)
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		copy(data[8192:], strings.Repeat("\xff", 40_000))
		os.WriteFile(path, data, 0o600)
	})
	f("no such file or directory", func(path string) { os.Remove(filepath.Dir(path)) })
}

func TestOpenOfALockedFileNamesTheHolder(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	open(t, path).Close()
	holder, err := sql.Open("sqlite", path+"?_txlock=exclusive&_pragma=locking_mode(EXCLUSIVE)")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	tx, err := holder.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	_, err = state.Open(path)
	if err == nil || !strings.Contains(err.Error(), "another process has held it") {
		t.Errorf("got %v", err)
	}
}

func TestUpdateIsWholeOrAbsent(t *testing.T) {
	t.Parallel()
	db := fresh(t)
	err := db.Update(t.Context(), func(tx *state.Tx) error {
		return errors.Join(tx.PutSetting("a", nil), os.ErrInvalid)
	})
	if !errors.Is(err, os.ErrInvalid) {
		t.Errorf("got %v", err)
	}
	view(t, db, func(tx *state.Tx) error {
		_, ok, err := tx.Setting("a")
		if ok {
			t.Error("a failed update left something")
		}
		return err
	})
	err = db.View(t.Context(), func(tx *state.Tx) error { return tx.PutSetting("a", nil) })
	if err == nil {
		t.Error("a view wrote")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := db.Update(ctx, func(*state.Tx) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
