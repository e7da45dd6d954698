package store

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/sql"
)

func names(steps []Step) string {
	var s []string
	for _, step := range steps {
		s = append(s, step.String())
	}
	return strings.Join(s, " ")
}

func allSteps(t *testing.T) string {
	t.Helper()
	all, err := sql.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{{Name: "database"}}
	for _, m := range all {
		want = append(want, Step{Number: m.Number, Name: m.Name})
	}
	return names(want)
}

func TestMigrateTwice(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	d := open(t, db, nil)
	ctx := context.Background()

	plan, err := d.Plan(ctx)
	if err != nil || names(plan) != allSteps(t) {
		t.Fatalf("plan %s, %v", names(plan), err)
	}
	if n := db.Query(t, "SELECT count() FROM system.tables WHERE database = currentDatabase()"); n != "0" {
		t.Errorf("the plan made %s tables", n)
	}
	if text := strings.Join(plan[1].Statements, ";\n"); strings.ContainsAny(text, "{}") || !strings.Contains(text, "ENGINE = MergeTree\n") {
		t.Errorf("the plan is not final:\n%s", text)
	}
	done, err := d.Migrate(ctx)
	if err != nil || names(done) != allSteps(t) {
		t.Fatalf("did %s, %v", names(done), err)
	}
	for _, f := range []func(context.Context) ([]Step, error){d.Migrate, d.Plan} {
		if again, err := f(ctx); err != nil || len(again) > 0 {
			t.Errorf("again %s, %v", names(again), err)
		}
	}
}

func TestMigrateMakesTheDatabase(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	name := "it's `odd` " + db.Database
	d := open(t, db, func(o *Options) { o.Database = name })
	t.Cleanup(func() { db.Exec(t, "DROP DATABASE "+quote(name)+" SYNC") })
	ctx := context.Background()
	if _, err := d.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	if err := d.Write(ctx, newRush(1, noon, 1).batch(3)); err != nil {
		t.Fatal(err)
	}
	if n := db.Query(t, "SELECT count() FROM "+quote(name)+".journeys"); n != "3" {
		t.Errorf("%s journeys", n)
	}
}

func TestMigrateGoesOnAfterAnInterruption(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	db.Exec(t, "DELETE FROM leadline_migrations WHERE number = 2")
	db.Exec(t, "DROP VIEW all_spans")
	db.Exec(t, "DELETE FROM leadline_migrations WHERE number = 1")
	done, err := d.Migrate(context.Background())
	if err != nil || names(done) != "001_events 002_rejected" {
		t.Fatalf("did %s, %v", names(done), err)
	}
	db.Exec(t, "SELECT * FROM all_spans")
}

func TestMigrateRefuses(t *testing.T) {
	t.Parallel()
	f := func(spoil, want string) {
		t.Helper()
		d, db := migrated(t)
		db.Exec(t, spoil)
		for _, f := range []func(context.Context) ([]Step, error){d.Migrate, d.Plan} {
			if _, err := f(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("error %v, want %q", err, want)
			}
		}
	}
	f("ALTER TABLE leadline_migrations UPDATE checksum = 'abc' WHERE number = 1 SETTINGS mutations_sync = 2",
		"migration 001_events of database leadline_")
	f("INSERT INTO leadline_migrations (number, name) VALUES (99, 'future')",
		"is newer than this Leadline dev: it has migration 099_future, the last known one is 0")
}

func TestMigrateSaysWhichStatementFailed(t *testing.T) {
	t.Parallel()
	d := open(t, chtest.New(t), func(o *Options) { o.Cluster = "none" })
	if _, err := d.Migrate(context.Background()); err == nil || !strings.Contains(err.Error(), "migrate: 000_database, statement 1 of 2: ") {
		t.Errorf("error %v", err)
	}
}

// No replicas can be had here, but ClickHouse's own parser reads every statement that a cluster would get.
func TestClusterStatementsParse(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	d := open(t, db, func(o *Options) { o.Cluster = "main" })
	plan, err := d.Plan(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, s := range plan {
		for _, text := range s.Statements {
			all.WriteString(db.Query(t, "SELECT formatQuery("+literal(text)+") FORMAT TSVRaw"))
		}
	}
	for _, want := range []string{
		"CREATE DATABASE IF NOT EXISTS " + db.Database + " ON CLUSTER main",
		"CREATE TABLE IF NOT EXISTS events_local ON CLUSTER main\n", "ENGINE = ReplicatedMergeTree\n",
		"CREATE TABLE IF NOT EXISTS events ON CLUSTER main AS events_local\nENGINE = Distributed('main', currentDatabase(), events_local, sipHash64(trace_id))",
		"ENGINE = Distributed('main', currentDatabase(), rejected_local",
		"ENGINE = ReplicatedAggregatingMergeTree\n", "ENGINE = Distributed('main', currentDatabase(), latency_1h_local, sipHash64(partner, campaign))",
		"ALTER TABLE events_local ON CLUSTER main\n    (ADD COLUMN IF NOT EXISTS `lane`", "ALTER TABLE events ON CLUSTER main\n    (ADD COLUMN IF NOT EXISTS `lane`",
		"CREATE OR REPLACE VIEW all_spans ON CLUSTER main",
		"CREATE VIEW IF NOT EXISTS journeys ON CLUSTER main", "CREATE VIEW IF NOT EXISTS all_spans ON CLUSTER main",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no %q in\n%s", want, all.String())
		}
	}
}

// Old rows go, by whole partitions.
func TestTTL(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	d := open(t, db, nil)
	if _, err := d.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	b := &leadline.Batch{Token: "t"}
	for _, age := range []int{0, 13, 15, 89, 91} {
		at, id := time.Now().AddDate(0, 0, -age), fmt.Sprint(age)
		b.Events = append(b.Events, leadline.Event{ID: id, ReceivedAt: at})
		b.Rejected = append(b.Rejected, leadline.Rejected{ID: id, ReceivedAt: at})
	}
	write(t, d, b)
	f := func(table, want string) {
		t.Helper()
		db.Exec(t, "OPTIMIZE TABLE "+table+" FINAL")
		if got := db.Query(t, "SELECT groupArray(id) FROM (SELECT id FROM "+table+" ORDER BY received_at)"); got != want {
			t.Errorf("%s keeps %s, want %s", table, got, want)
		}
	}
	f("events", "['89','15','13','0']")
	f("rejected", "['13','0']")
}

// Events are LZ4 while their day lasts, and ZSTD(1) when they are merged after it.
func TestYoungEvents(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	d := open(t, db, nil)
	if _, err := d.Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	write(t, d, newRush(1, now.Add(-time.Second), time.Microsecond).batch(500))
	write(t, d, newRush(2, now.AddDate(0, 0, -3), time.Microsecond).batch(500))
	db.Exec(t, "OPTIMIZE TABLE events FINAL")
	got := db.Query(t, `SELECT age, groupUniqArray(default_compression_codec)
		FROM (SELECT if(toDate(partition) >= today() - 1, 'young', 'old') AS age, default_compression_codec FROM system.parts
			WHERE database = currentDatabase() AND table = 'events' AND active)
		GROUP BY age ORDER BY age`)
	if want := "old\t['ZSTD(1)']\nyoung\t['LZ4']"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got = db.Query(t, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND compression_codec LIKE '%ZSTD%'"); got != "" {
		t.Errorf("compressed as ZSTD from the start: %s", got)
	}
}

func TestEverythingIsCommented(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	if _, err := open(t, db, nil).Migrate(context.Background()); err != nil {
		t.Fatal(err)
	}
	bare := db.Query(t, `SELECT table || '.' || name FROM system.columns WHERE database = currentDatabase() AND comment = ''
		UNION ALL SELECT name FROM system.tables WHERE database = currentDatabase() AND comment = ''`)
	if bare != "" {
		t.Errorf("no COMMENT on\n%s", bare)
	}
	bare = db.Query(t, `SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree' AND name != 'leadline_migrations'
		AND NOT (create_table_query LIKE '%TTL %' AND create_table_query LIKE '%non_replicated_deduplication_window = 10000%')`)
	if bare != "" {
		t.Errorf("no TTL or deduplication window on\n%s", bare)
	}
}

// earlier makes a database of the first n migrations, and tells how many are left.
func earlier(t *testing.T, d *DB, db *chtest.DB, n int) (left int) {
	t.Helper()
	all, err := sql.Migrations()
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range d.bootstrap().Statements {
		db.Exec(t, text)
	}
	for _, m := range all[:n] {
		statements, err := m.Statements("")
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range statements {
			db.Exec(t, text)
		}
		db.Exec(t, fmt.Sprintf("INSERT INTO leadline_migrations (number, name, checksum) VALUES (%d, '%s', '%s')", m.Number, m.Name, m.Checksum))
	}
	return len(all) - n
}

// A database of the first two migrations, with an event in it, gets the rest.
func TestMigrateFromEarlier(t *testing.T) {
	t.Parallel()
	db := chtest.New(t)
	d := open(t, db, nil)
	ctx := context.Background()
	left := earlier(t, d, db, 2)
	db.Exec(t, "INSERT INTO events (id, received_at, stage, wait_us, duration_us, status) VALUES ('old', now64(6), ['a'], [1], [2], ['ok'])")
	db.Exec(t, "INSERT INTO rejected (id, received_at) VALUES ('old', now64(6))")
	done, err := d.Migrate(ctx)
	if err != nil || len(done) != left {
		t.Fatalf("did %s, %v", names(done), err)
	}
	write(t, d, &leadline.Batch{
		Token:    "t",
		Events:   []leadline.Event{{ID: "new", Lane: leadline.LaneOverflow, ReceivedAt: time.Now()}},
		Rejected: []leadline.Rejected{{ID: "new", LeadKey: "k", ReceivedAt: time.Now()}},
	})
	f := func(query, want string) {
		t.Helper()
		if got := db.Query(t, query); got != want {
			t.Errorf("%s: got %q, want %q", query, got, want)
		}
	}
	f("SELECT id, lane FROM journeys ORDER BY id", "new\toverflow\nold\t")
	f("SELECT id, lane FROM all_spans", "old\t")
	f("SELECT id, lead_key FROM rejected ORDER BY id", "new\tk\nold\t")
}
