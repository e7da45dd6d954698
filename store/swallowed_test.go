package store

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/engine"
	"leadline/internal/chtest"
)

// ownEngine is an engine whose folder its test may spoil.
type ownEngine struct {
	dir    string
	engine *engine.Engine
}

func newOwnEngine(t *testing.T) *ownEngine {
	t.Helper()
	o := &ownEngine{dir: t.TempDir()}
	o.start(t)
	t.Cleanup(func() {
		if err := o.engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return o
}

func (o *ownEngine) start(t *testing.T) {
	t.Helper()
	var err error
	o.engine, err = engine.Start(context.Background(), engine.Options{Dir: o.dir, Native: "127.0.0.1:0", HTTP: "127.0.0.1:0", WriterPassword: "w", AnalystPassword: "a"})
	if err != nil {
		t.Fatal(err)
	}
}

// lose stops the engine, deletes folders of parts, and starts it again: what a kill leaves behind between the token and
// the part.
func (o *ownEngine) lose(t *testing.T, folders []string) {
	t.Helper()
	if err := o.engine.Close(); err != nil {
		t.Fatal(err)
	}
	for _, f := range folders {
		if !filepath.IsAbs(f) {
			f = filepath.Join(o.dir, f)
		}
		if _, err := os.Stat(f); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(f); err != nil {
			t.Fatal(err)
		}
	}
	o.start(t)
}

// at is a database of the engine, with what the store logs.
func (o *ownEngine) at(t *testing.T, database string) (*DB, *chtest.DB, *bytes.Buffer) {
	t.Helper()
	db := &chtest.DB{Native: o.engine.NativeAddr(), HTTP: o.engine.HTTPAddr(), Database: database, Username: "leadline", Password: "w"}
	log := new(bytes.Buffer)
	d := open(t, db, func(opt *Options) {
		opt.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	done, err := d.Migrate(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range append([]string{"erasures"}, tables...) {
		if len(done) > 0 {
			db.Exec(t, "ALTER TABLE "+table+" REMOVE TTL") // tests write on any date
		}
		db.Exec(t, "SYSTEM STOP MERGES "+table) // a part stays what one insert made
	}
	return d, db, log
}

// folders lists the parts of a table, of one partition unless day is "".
func folders(t *testing.T, db *chtest.DB, table, day string) []string {
	t.Helper()
	answer := db.Query(t, fmt.Sprintf("SELECT path FROM system.parts WHERE database = currentDatabase() AND table = '%s' AND active AND (partition = '%s' OR '%[2]s' = '') ORDER BY path", table, day))
	return strings.Fields(answer)
}

// without are the elements of a that b lacks.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return slices.Contains(b, s) })
}

// A token is logged and its part is not there. In every table the retry has to find out which partitions lack their rows,
// and to leave alone those that have them.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	o := newOwnEngine(t)
	midnight := noon.Add(12*time.Hour - 300*time.Millisecond)
	const first, second = "2026-11-21", "2026-11-22"
	type spoilt struct {
		database string
		from     time.Time
		lost     []string // tables
		day      string   // of the partition that is lost; "" for all
		twice    bool     // the part of the second token, too
		b        *leadline.Batch
	}
	var cases []*spoilt
	add := func(from time.Time, day string, twice bool, lost ...string) {
		cases = append(cases, &spoilt{database: fmt.Sprint("leadline_swallowed_", len(cases)), from: from, lost: lost, day: day, twice: twice})
	}
	add(noon, "", false)
	add(noon, "", false, tables...)
	add(midnight, "", true, tables...)
	for _, table := range tables {
		add(noon, "", true, table)
		if table != "rejected" { // a request is not received at two times
			add(midnight, first, false, table)
			add(midnight, second, true, table)
		}
	}

	var parts []string
	was := map[string][]string{} // folders before the insert that is to be lost
	remember := func(db *chtest.DB, c *spoilt) {
		for _, table := range c.lost {
			was[c.database+table] = folders(t, db, table, c.day)
		}
	}
	doom := func(db *chtest.DB, c *spoilt) {
		for _, table := range c.lost {
			mine := without(folders(t, db, table, c.day), was[c.database+table])
			if len(mine) == 0 {
				t.Errorf("%s: nothing to lose in %s", c.database, table)
			}
			parts = append(parts, mine...)
		}
	}
	for _, c := range cases {
		d, db, _ := o.at(t, c.database)
		other := half("acme", c.from)
		other.Token = "other"
		for i := range other.Events {
			other.Events[i].ID = "other" + other.Events[i].ID
		}
		write(t, d, other)
		remember(db, c)
		c.b = half("acme", c.from)
		for i := range c.b.Rejected {
			c.b.Rejected[i].Code = "o'code"
		}
		write(t, d, c.b)
		doom(db, c)
	}
	o.lose(t, parts)
	parts = nil

	check := func(c *spoilt, db *chtest.DB, log *bytes.Buffer, again int) {
		t.Helper()
		if got := sums(t, db, "acme"); got != "1200\t1200\t1\t1\t1\t1\t400" {
			t.Errorf("%+v: %s", *c, got)
		}
		if got := strings.Count(log.String(), "inserted again"); got != again {
			t.Errorf("%+v: %d times inserted again: %s", *c, got, log)
		}
	}
	for _, c := range cases {
		d, db, log := o.at(t, c.database)
		again(c.b)
		remember(db, c)
		write(t, d, c.b)
		check(c, db, log, len(c.lost))
		if c.twice {
			doom(db, c)
		}
		write(t, d, c.b) // and all is there
		check(c, db, log, len(c.lost))
	}
	o.lose(t, parts)
	for _, c := range cases {
		d, db, log := o.at(t, c.database)
		want := 0
		if c.twice {
			want = len(c.lost)
		}
		write(t, d, c.b)
		check(c, db, log, want)
	}
}
