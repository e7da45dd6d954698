package store

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
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
		// A part stays what one insert made, and mutations, which SYSTEM STOP MERGES would stop, go on.
		db.Exec(t, "ALTER TABLE "+table+" MODIFY SETTING max_bytes_to_merge_at_max_space_in_pool = 1, max_bytes_to_merge_at_min_space_in_pool = 1")
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

// spoilt is a batch some of whose parts are lost after their tokens were logged.
type spoilt struct {
	*leadline.Batch
	partner string
	from    time.Time
	lost    []string // tables
	day     string   // of the partition that is lost; "" for all
	twice   bool     // the part of the second token, too
	was     map[string][]string
}

// remember notes which parts there are before the insert that is to be lost.
func (c *spoilt) remember(t *testing.T, db *chtest.DB) {
	t.Helper()
	c.was = map[string][]string{}
	for _, table := range c.lost {
		c.was[table] = folders(t, db, table, c.day)
	}
}

// doomed are the parts that have come since.
func (c *spoilt) doomed(t *testing.T, db *chtest.DB) []string {
	t.Helper()
	var parts []string
	for _, table := range c.lost {
		mine := without(folders(t, db, table, c.day), c.was[table])
		if len(mine) == 0 {
			t.Errorf("%s: nothing to lose in %s", c.partner, table)
		}
		parts = append(parts, mine...)
	}
	return parts
}

func (c *spoilt) check(t *testing.T, db *chtest.DB, log *bytes.Buffer, again int) {
	t.Helper()
	if got := sums(t, db, c.partner); got != "1200\t1200\t1\t1\t400" {
		t.Errorf("%s, lost %v on %q: %s", c.partner, c.lost, c.day, got)
	}
	if got := strings.Count(log.String(), "token="+c.partner+"/"); got != again {
		t.Errorf("%s, lost %v on %q: %d inserts again, want %d: %s", c.partner, c.lost, c.day, got, again, log)
	}
}

// A token is logged and its part is not there. In every table the retry has to find out which partitions lack their rows,
// and to leave alone those that have them.
func TestSwallowed(t *testing.T) {
	t.Parallel()
	const database, first, second = "leadline_swallowed", "2026-11-21", "2026-11-22"
	o := newOwnEngine(t)
	midnight := noon.Add(12*time.Hour - 300*time.Millisecond)
	var cases []*spoilt
	add := func(from time.Time, day string, twice bool, lost ...string) {
		cases = append(cases, &spoilt{partner: fmt.Sprint("p", len(cases)), from: from, lost: lost, day: day, twice: twice})
	}
	add(noon, "", false)
	add(noon, "", false, tables...)
	add(midnight, "", true, tables...)
	for _, table := range tables {
		add(noon, "", true, table)
		if table != "rejected" { // half rejects at one moment only
			add(midnight, first, false, table)
			add(midnight, second, true, table)
		}
	}

	var parts []string
	d, db, _ := o.at(t, database)
	for _, c := range cases {
		other := half(c.partner, c.from) // of the same partner and campaigns
		other.Token = c.partner + " other"
		for i := range other.Events {
			other.Events[i].ID = "other" + other.Events[i].ID
		}
		write(t, d, other)
		c.remember(t, db)
		c.Batch = half(c.partner, c.from)
		for i := range c.Rejected {
			c.Rejected[i].Code = "o'code"
		}
		for i := range c.Events {
			c.Events[i].ID = `o'\` + c.Events[i].ID
		}
		write(t, d, c.Batch)
		parts = append(parts, c.doomed(t, db)...)
	}
	o.lose(t, parts)
	parts = nil

	d, db, log := o.at(t, database)
	for _, c := range cases {
		again(c.Batch)
		c.remember(t, db)
		write(t, d, c.Batch)
		write(t, d, c.Batch) // all is there
		c.check(t, db, log, len(c.lost))
		if c.twice {
			parts = append(parts, c.doomed(t, db)...)
		}
	}
	o.lose(t, parts)

	d, db, log = o.at(t, database)
	for _, c := range cases {
		write(t, d, c.Batch)
		want := 0
		if c.twice {
			want = len(c.lost)
		}
		c.check(t, db, log, want)
	}
}

// Leads are erased between the insert and its repetition: what they had stays away, and the rollups, which count it still,
// are known to be complete or not.
func TestSwallowedAndErased(t *testing.T) {
	t.Parallel()
	const database, partner = "leadline_swallowed_erased", "acme"
	o := newOwnEngine(t)
	d, db, _ := o.at(t, database)
	batch := func(token string, leads int) *leadline.Batch {
		b := half(partner, past)
		b.Token = token
		for i := range b.Events {
			e := &b.Events[i]
			e.ID, e.LeadKey = token+e.ID, fmt.Sprint(token, i%leads)
		}
		for i := range b.Rejected {
			r := &b.Rejected[i]
			r.Payload, r.LeadKey = []byte(token), fmt.Sprint(token, i%leads)
		}
		return b
	}
	erase := func(lead string) {
		t.Helper()
		if _, err := d.Erase(context.Background(), partner, lead); err != nil {
			t.Fatal(err)
		}
	}
	want := func(rows, rolled int) {
		t.Helper()
		got := db.Query(t, "SELECT count(), countIf(lead_key IN ('whole0', 'lost1', 'gone0')), (SELECT sum(events) FROM latency_1m WHERE stage = 'e2e') FROM events")
		if want := fmt.Sprintf("%d\t0\t%d", rows, rolled); got != want {
			t.Errorf("rows, erased rows, in the rollup: %s, want %s", got, want)
		}
	}

	whole, gone, lost := batch("whole", 3), batch("gone", 1), batch("lost", 4)
	write(t, d, whole)
	erase("whole0")
	write(t, d, gone)
	erase("gone0")
	c := &spoilt{lost: []string{"latency_1m"}}
	c.remember(t, db)
	write(t, d, lost)
	erase("lost1")
	o.lose(t, c.doomed(t, db))
	d, db, _ = o.at(t, database)
	want(400+450, 1200)
	for _, b := range []*leadline.Batch{whole, gone, lost, whole, gone} {
		write(t, d, b)
	}
	want(400+450, 1800)
	if got := db.Query(t, "SELECT count() FROM rejected"); got != "283" { // 133 + 0 + 150
		t.Errorf("rejected: %s", got)
	}
}

// An earlier try whose answer was lost may have logged its token and be about to commit.
func TestSwallowedWaitsForEarlierTries(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	db.Exec(t, "CREATE TABLE slow (n UInt8) ENGINE = MergeTree ORDER BY n")
	ended := make(chan string)
	go func() {
		defer close(ended)
		db.Exec(t, "INSERT INTO slow SELECT sleepEachRow(0.1) FROM numbers(30) SETTINGS insert_deduplication_token = 't/slow/2', max_block_size = 1")
		ended <- db.Query(t, "SELECT count() FROM slow")
	}()
	for end := time.Now().Add(10 * time.Second); db.Query(t, "SELECT count() FROM system.processes WHERE query LIKE 'INSERT INTO slow%'") != "1"; {
		if time.Now().After(end) {
			t.Fatal("the insert never began")
		}
	}
	err := d.with(context.Background(), func(ctx context.Context, w *writer) error {
		if err := w.settled(ctx, "t/other"); err != nil {
			t.Error(err)
		}
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		if err := w.settled(short, "t/slow"); err == nil || Permanent(err) {
			t.Errorf("an earlier try is at work: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	err = d.with(context.Background(), func(ctx context.Context, w *writer) error { return w.settled(ctx, "t/slow") })
	if got := db.Query(t, "SELECT count() FROM slow"); err != nil || got != "30" {
		t.Errorf("when it is said to have ended: %s rows, %v", got, err)
	}
	if got := <-ended; got != "30" {
		t.Errorf("%s rows", got)
	}
}

// Nobody can tell from counts whether a rollup lacks a batch while an erasure or another batch is half done.
func TestSwallowedWaitsForCounts(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	b := half("acme", noon)
	write(t, d, b)
	end := d.uneven.begin()
	if err := d.Write(context.Background(), b); !errors.Is(err, errUneven) || Permanent(err) {
		t.Error(err)
	}
	end()
	write(t, d, b)
	if got := sums(t, db, "acme"); got != allOnce {
		t.Error(got)
	}
}

var kills = flag.Int("kills", 3, "how often TestKilled kills the engine")

// The engine is killed at any moment of a write, again and again: nothing is lost and nothing doubled.
func TestKilled(t *testing.T) {
	t.Parallel()
	const few = 5 // the fewer, the greater the share of the time between token and part
	o := newOwnEngine(t)
	d, db, log := o.at(t, "leadline_killed")
	for i := range *kills {
		b := half(fmt.Sprintf("k%05d", i), noon.Add(12*time.Hour-time.Duration(rand.IntN(2*few))*time.Millisecond))
		b.Events, b.Rejected = b.Events[:few], b.Rejected[:few]
		timer := time.AfterFunc(time.Duration(rand.IntN(20_000))*time.Microsecond, func() {
			if p, err := os.FindProcess(o.engine.Pid()); err == nil {
				_ = p.Kill() // gone already, perhaps
			}
		})
		for tries := 0; ; tries++ {
			err := d.Write(context.Background(), b)
			if err == nil {
				break
			}
			if Permanent(err) || tries == 1000 {
				t.Fatal(err)
			}
			again(b)
			time.Sleep(20 * time.Millisecond) // as a pipeline does
		}
		timer.Stop()
	}
	for tries := 0; ; tries++ { // what may be killed as well
		timer := time.AfterFunc(time.Duration(rand.IntN(20_000))*time.Microsecond, func() {
			if p, err := os.FindProcess(o.engine.Pid()); err == nil && tries < *kills {
				_ = p.Kill() // gone already, perhaps
			}
		})
		_, err := d.SumHours(context.Background(), noon.Add(24*time.Hour))
		timer.Stop()
		if err == nil {
			break
		}
		if tries == 1000 {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Millisecond)
	}
	once := fmt.Sprintf(" GROUP BY partner HAVING n != %d", few)
	got := db.Query(t, "SELECT partner, count() AS n, uniqExact(id) FROM events"+once)
	for _, table := range []string{"latency_1m", "latency_1h"} {
		got += db.Query(t, "SELECT partner, sum(events) AS n FROM "+table+" WHERE stage = 'e2e'"+once)
	}
	got += db.Query(t, "SELECT partner, count() AS n FROM rejected"+once)
	if got != "" {
		t.Errorf("not once: %s", got)
	}
	if n := db.Query(t, "SELECT uniqExact(partner) FROM events"); n != fmt.Sprint(*kills) {
		t.Errorf("%s batches, want %d", n, *kills)
	}
	t.Logf("%d kills, %d inserts again: %s", *kills, strings.Count(log.String(), "inserted again"), log)
}
