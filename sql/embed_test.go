package sql

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
)

func TestMigrationNames(t *testing.T) {
	t.Parallel()
	f := func(want string, names ...string) {
		t.Helper()
		fsys := fstest.MapFS{"migrations": {Mode: fs.ModeDir}}
		for _, n := range names {
			fsys["migrations/"+n] = &fstest.MapFile{Data: []byte("SELECT 1")}
		}
		all, err := migrations(fsys)
		if want == "" && (err != nil || len(all) != len(names)) {
			t.Errorf("%v: %v, %v", names, all, err)
		}
		if want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%v: error %v, want %q", names, err, want)
		}
	}
	f("")
	f("", "001_a.sql", "002_b.sql")
	f("migrations/002_b.sql: the number should be 001", "002_b.sql")
	f("migrations/003_c.sql: the number should be 002", "001_a.sql", "003_c.sql")
	f("migrations/001_b.sql: the number should be 002", "001_a.sql", "001_b.sql")
	f("migrations/1_a.sql: the name is not of the form", "1_a.sql")
	f("migrations/001_A.sql: the name is not of the form", "001_A.sql")
	f("migrations/001_a.txt: the name is not of the form", "001_a.txt")
}

func TestMigrations(t *testing.T) {
	t.Parallel()
	all, err := Migrations()
	if err != nil {
		t.Fatal(err)
	}
	if m := all[0]; m.Number != 1 || m.Name != "events" || len(m.Checksum) != 64 {
		t.Errorf("first migration %d %s %s", m.Number, m.Name, m.Checksum)
	}
}

func TestStatements(t *testing.T) {
	t.Parallel()
	m := Migration{Number: 7, Name: "x", SQL: "CREATE TABLE a{local} {on_cluster}\nENGINE = {engine};\nCREATE TABLE a {on_cluster} ENGINE = Distributed({cluster}, a_local);\n"}
	f := func(cluster string, want ...string) {
		t.Helper()
		got, err := m.Statements(cluster)
		if err != nil || strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%q: %q, %v, want %q", cluster, got, err, want)
		}
	}
	f("", "CREATE TABLE a\nENGINE = MergeTree")
	f("main", "CREATE TABLE a_local ON CLUSTER 'main'\nENGINE = ReplicatedMergeTree", "CREATE TABLE a ON CLUSTER 'main' ENGINE = Distributed('main', a_local)")
	m.SQL = "CREATE TABLE a ENGINE = {engine:Aggregating}; CREATE TABLE b ENGINE = {engine:Summing}(n); SELECT {engine}, '{engine:}'"
	f("", "CREATE TABLE a ENGINE = AggregatingMergeTree", "CREATE TABLE b ENGINE = SummingMergeTree(n)", "SELECT MergeTree, '{engine:}'")
	f("main", "CREATE TABLE a ENGINE = ReplicatedAggregatingMergeTree", "CREATE TABLE b ENGINE = ReplicatedSummingMergeTree(n)", "SELECT ReplicatedMergeTree, '{engine:}'")
	if _, err := m.Statements("a'b"); err == nil {
		t.Error("no error for a cluster's name with a quote")
	}
	m.SQL = "SELECT 1;\nSELECT 'x"
	if _, err := m.Statements(""); err == nil || !strings.HasPrefix(err.Error(), "migrations/007_x.sql:2: ") {
		t.Errorf("error %v", err)
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, name := range Queries() {
		parts, err := Split(Query(name))
		if err != nil || len(parts) != 1 || strings.HasSuffix(strings.TrimSpace(parts[0]), ";") {
			t.Errorf("%s.sql: %d statements, %v", name, len(parts), err)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("no panic for an unknown query")
		}
	}()
	Query("absent")
}
