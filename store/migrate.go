package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"leadline"
	"leadline/sql"
)

// statementTimeout bounds one statement of a migration.
const statementTimeout = 5 * time.Minute

// Step is one migration with the final text of its statements. Number 0 makes the database and the list of migrations.
type Step struct {
	Number     int
	Name       string
	Statements []string
	checksum   string
}

// String names the step as its file is named.
func (s Step) String() string { return fmt.Sprintf("%03d_%s", s.Number, s.Name) }

// Plan returns the steps that Migrate would do and changes nothing. It refuses what Migrate refuses.
func (d *DB) Plan(ctx context.Context) ([]Step, error) {
	conn, err := d.admin("default")
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return d.plan(ctx, conn)
}

// Migrate brings the database up to date and returns the steps that it did: none when there was nothing to do. It
// creates the database and only ever goes forward; statements are written so that a step which was interrupted can run
// again. It refuses to touch a database that a newer Leadline has migrated, or one in which a migration was applied
// with another text.
func (d *DB) Migrate(ctx context.Context) ([]Step, error) {
	bootstrap, err := d.admin("default")
	if err != nil {
		return nil, err
	}
	defer func() { _ = bootstrap.Close() }()
	steps, err := d.plan(ctx, bootstrap)
	if err != nil || len(steps) == 0 {
		return nil, err
	}
	conn, err := d.admin(d.opt.Database) // dials when it is used, so the database may still be missing
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	for i, s := range steps {
		on := conn
		if s.Number == 0 {
			on = bootstrap
		}
		if err := d.apply(ctx, on, s); err != nil {
			return steps[:i], err
		}
	}
	return steps, nil
}

func (d *DB) admin(database string) (driver.Conn, error) {
	if d.closed() {
		return nil, ErrClosed
	}
	conn, err := d.opt.dial(database, 1)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	return conn, nil
}

// plan compares the migrations of this binary with those that the database has.
func (d *DB) plan(ctx context.Context, conn driver.Conn) ([]Step, error) {
	all, err := sql.Migrations()
	if err != nil {
		panic("BUG: " + err.Error()) // they are part of the binary
	}
	var steps []Step
	applied := map[int]Step{}
	switch known, err := d.listExists(ctx, conn); {
	case err != nil:
		return nil, err
	case !known:
		steps = append(steps, d.bootstrap())
	default:
		if applied, err = d.applied(ctx, conn); err != nil {
			return nil, err
		}
	}
	for _, was := range applied {
		if was.Number > len(all) {
			return nil, fmt.Errorf("migrate: database %s is newer than this Leadline %s: it has migration %s, the last known one is %03d: use the newer Leadline",
				d.opt.Database, leadline.Version, was, len(all))
		}
	}
	for _, m := range all {
		s := Step{Number: m.Number, Name: m.Name, checksum: m.Checksum}
		if was, ok := applied[m.Number]; ok {
			if was.checksum != s.checksum {
				return nil, fmt.Errorf("migrate: migration %s of database %s was applied with another text (checksum %.12s, now %.12s): put the old text back and make the change a new migration",
					was, d.opt.Database, was.checksum, s.checksum)
			}
			continue
		}
		if s.Statements, err = m.Statements(d.opt.Cluster); err != nil {
			return nil, fmt.Errorf("migrate: %w", err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

// bootstrap is the step that the runner itself needs. On a cluster every node has the whole list.
func (d *DB) bootstrap() Step {
	cluster, engine := "", "MergeTree"
	if d.opt.Cluster != "" {
		cluster = " ON CLUSTER '" + d.opt.Cluster + "'"
		engine = "ReplicatedMergeTree('/clickhouse/leadline/{database}/leadline_migrations', '{shard}-{replica}')"
	}
	return Step{Name: "database", Statements: []string{
		"CREATE DATABASE IF NOT EXISTS " + quote(d.opt.Database) + cluster,
		"CREATE TABLE IF NOT EXISTS " + d.list() + cluster + `
(
    number     UInt32             COMMENT 'Number of the migration',
    name       String             COMMENT 'Name of its file',
    checksum   String             COMMENT 'SHA-256 of its text in hex',
    leadline   String             COMMENT 'Version of Leadline that applied it',
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3) COMMENT 'When it was applied'
)
ENGINE = ` + engine + `
ORDER BY number
COMMENT 'Migrations that this database has'`,
	}}
}

func (d *DB) list() string { return quote(d.opt.Database) + ".leadline_migrations" }

func (d *DB) listExists(ctx context.Context, conn driver.Conn) (bool, error) {
	var n uint64
	err := conn.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = {database:String} AND name = 'leadline_migrations'",
		clickhouse.Named("database", d.opt.Database)).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("migrate: look for the list of migrations: %w", err)
	}
	return n > 0, nil
}

func (d *DB) applied(ctx context.Context, conn driver.Conn) (map[int]Step, error) {
	rows, err := conn.Query(ctx, "SELECT DISTINCT number, name, checksum FROM "+d.list())
	if err != nil {
		return nil, fmt.Errorf("migrate: read the list of migrations: %w", err)
	}
	defer func() { _ = rows.Close() }()
	applied := map[int]Step{}
	for rows.Next() {
		var number uint32
		var s Step
		if err := rows.Scan(&number, &s.Name, &s.checksum); err != nil {
			return nil, fmt.Errorf("migrate: read the list of migrations: %w", err)
		}
		s.Number = int(number)
		applied[s.Number] = s
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("migrate: read the list of migrations: %w", err)
	}
	return applied, nil
}

func (d *DB) apply(ctx context.Context, conn driver.Conn, s Step) error {
	begin := time.Now()
	for i, text := range s.Statements {
		if err := exec(ctx, conn, text); err != nil {
			return fmt.Errorf("migrate: %s, statement %d of %d: %w", s, i+1, len(s.Statements), err)
		}
	}
	if s.Number > 0 {
		err := exec(ctx, conn, "INSERT INTO leadline_migrations (number, name, checksum, leadline) SELECT {number:UInt32}, {name:String}, {checksum:String}, {leadline:String}",
			clickhouse.Named("number", s.Number), clickhouse.Named("name", s.Name), clickhouse.Named("checksum", s.checksum), clickhouse.Named("leadline", leadline.Version))
		if err != nil {
			return fmt.Errorf("migrate: %s is done but could not be listed: %w", s, err)
		}
	}
	d.opt.Log.InfoContext(ctx, "migration applied", "migration", s.String(), "took", time.Since(begin))
	return nil
}

func exec(ctx context.Context, conn driver.Conn, text string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	return conn.Exec(ctx, text, args...)
}

// quote makes any name an identifier.
func quote(name string) string {
	return "`" + strings.NewReplacer(`\`, `\\`, "`", "\\`").Replace(name) + "`"
}
