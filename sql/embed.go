package sql

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

//go:embed migrations/*.sql query/*.sql
var files embed.FS

// Migration is one numbered step of the schema, as it stands in its file.
type Migration struct {
	Number   int    // 1 and up, without gaps
	Name     string // the file's name without number and ending
	SQL      string // the file's text, its {words} not yet replaced
	Checksum string // SHA-256 of SQL in hex
}

var migrationName = regexp.MustCompile(`^(\d{3})_([a-z0-9_]+)\.sql$`)

// Migrations returns all migrations in the order of their numbers. It is an error when a file's name does not have the
// form NNN_name.sql or when the numbers don't run from 1 without gaps.
func Migrations() ([]Migration, error) { return migrations(files) }

func migrations(fsys fs.FS) ([]Migration, error) {
	entries, err := fs.ReadDir(fsys, "migrations") // sorted by name, so by number
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	var all []Migration
	for _, e := range entries {
		m := migrationName.FindStringSubmatch(e.Name())
		if m == nil {
			return nil, fmt.Errorf("migrations/%s: the name is not of the form 001_name.sql", e.Name())
		}
		number, err := strconv.Atoi(m[1])
		if err != nil || number != len(all)+1 {
			return nil, fmt.Errorf("migrations/%s: the number should be %03d", e.Name(), len(all)+1)
		}
		text, err := fs.ReadFile(fsys, path.Join("migrations", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("migrations/%s: %w", e.Name(), err)
		}
		sum := sha256.Sum256(text)
		all = append(all, Migration{number, m[2], string(text), hex.EncodeToString(sum[:])})
	}
	return all, nil
}

// engineWord is {engine} or, for one of MergeTree's relatives, {engine:Aggregating}.
var engineWord = regexp.MustCompile(`\{engine(?::([A-Za-z]+))?\}`)

var clusterName = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// Statements returns the migration's statements in order, ready to be sent to a single server (cluster "") or to any
// node of the named cluster.
func (m Migration) Statements(cluster string) ([]string, error) {
	if cluster != "" && !clusterName.MatchString(cluster) {
		return nil, fmt.Errorf("cluster name %q: only letters, digits, _, . and - are allowed", cluster)
	}
	engine := "${1}MergeTree"
	words := strings.NewReplacer(" {on_cluster}", "", "{local}", "")
	if cluster != "" {
		engine = "Replicated" + engine
		words = strings.NewReplacer("{on_cluster}", "ON CLUSTER '"+cluster+"'", "{local}", "_local", "{cluster}", "'"+cluster+"'")
	}
	parts, err := Split(m.SQL)
	if err != nil {
		return nil, fmt.Errorf("migrations/%03d_%s.sql:%w", m.Number, m.Name, err)
	}
	var out []string
	for _, s := range parts {
		s = words.Replace(engineWord.ReplaceAllString(s, engine))
		if !strings.Contains(s, "{cluster}") {
			out = append(out, s)
		}
	}
	return out, nil
}

// Query returns the text of query/<name>.sql.
func Query(name string) string {
	text, err := fs.ReadFile(files, "query/"+name+".sql")
	if err != nil {
		panic("BUG: no file sql/query/" + name + ".sql")
	}
	return string(text)
}

// Queries returns the names that Query knows, sorted.
func Queries() []string {
	entries, err := fs.ReadDir(files, "query")
	if err != nil {
		panic("BUG: " + err.Error())
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".sql")
	}
	return names
}
