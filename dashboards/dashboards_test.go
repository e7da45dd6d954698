package dashboards_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/chtest"
	"leadline/internal/storetest"
	"leadline/sql"
	"leadline/store"
)

var update = flag.Bool("update", false, "write the statements of sql/query into the dashboards")

func TestMain(m *testing.M) { chtest.Main(m) }

type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Panels        []panel
	Templating    struct {
		List []struct{ Name, Type, Query string }
	}
}

type panel struct {
	ID                       int
	Title, Description, Type string
	Datasource               datasource
	GridPos                  struct{ X, Y, W, H int }
	FieldConfig              struct{ Defaults struct{ Unit string } }
	Targets                  []struct {
		RefID      string
		RawSQL     string
		Datasource datasource
	}
}

type datasource struct{ Type, UID string }

func load(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob("*.json")
	if err != nil || len(files) == 0 {
		t.Fatal("no dashboards", err)
	}
	all := map[string]dashboard{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(data, &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[file] = d
	}
	return all
}

func TestStructure(t *testing.T) {
	t.Parallel()
	uids := map[string]string{}
	for file, d := range load(t) {
		if d.UID == "" || d.Title == "" || d.SchemaVersion != 39 || uids[d.UID] != "" {
			t.Errorf("%s: uid %q (also %s), title %q, schemaVersion %d", file, d.UID, uids[d.UID], d.Title, d.SchemaVersion)
		}
		uids[d.UID] = file
		if v := d.Templating.List; len(v) == 0 || v[0].Name != "datasource" || v[0].Type != "datasource" || v[0].Query != "grafana-clickhouse-datasource" {
			t.Errorf("%s: no variable datasource: %v", file, v)
		}
		ids := map[int]string{}
		taken := map[[2]int]string{}
		for _, p := range d.Panels {
			where := file + ": " + p.Title
			if p.Title == "" || p.Description == "" || p.FieldConfig.Defaults.Unit == "" {
				t.Errorf("%s (%d): title, description or unit is missing", where, p.ID)
			}
			if ids[p.ID] != "" {
				t.Errorf("%s: id %d is that of %s", where, p.ID, ids[p.ID])
			}
			ids[p.ID] = p.Title
			g := p.GridPos
			if g.X < 0 || g.W < 1 || g.H < 1 || g.X+g.W > 24 {
				t.Errorf("%s: off the grid of 24: %+v", where, g)
			}
			for x := g.X; x < g.X+g.W; x++ {
				for y := g.Y; y < g.Y+g.H; y++ {
					if other := taken[[2]int{x, y}]; other != "" {
						t.Fatalf("%s overlaps %s", where, other)
					}
					taken[[2]int{x, y}] = p.Title
				}
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s: no query", where)
			}
			want := datasource{"grafana-clickhouse-datasource", "${datasource}"}
			for _, target := range p.Targets {
				if p.Datasource != want || target.Datasource != want {
					t.Errorf("%s: datasource %v, %v", where, p.Datasource, target.Datasource)
				}
			}
		}
	}
}

// grafana is a statement of sql/query with the plugin's macros in place of its parameters, and without its comment.
func grafana(name string) string {
	text := strings.NewReplacer(
		"{from:DateTime64(6, 'UTC')}", "$__fromTime_ms",
		"{to:DateTime64(6, 'UTC')}", "$__toTime_ms",
		"{step:UInt32}", "$__interval_s",
	).Replace(sql.Query(name))
	for strings.HasPrefix(text, "--") {
		_, text, _ = strings.Cut(text, "\n")
	}
	return strings.TrimSpace(text)
}

// expand does what the plugin's macros do (grafana/clickhouse-datasource, pkg/macros).
func expand(text string, from, to time.Time, step time.Duration) string {
	milli := func(t time.Time) string { return fmt.Sprintf("fromUnixTimestamp64Milli(%d)", t.UnixMilli()) }
	return strings.NewReplacer(
		"$__fromTime_ms", milli(from),
		"$__toTime_ms", milli(to),
		"$__interval_s", fmt.Sprint(max(int(step.Seconds()), 1)),
	).Replace(text)
}

func TestStatementsAreThoseOfTheQueries(t *testing.T) {
	t.Parallel()
	for file, d := range load(t) {
		if *update {
			rewrite(t, file)
			continue
		}
		for _, p := range d.Panels {
			for _, target := range p.Targets {
				if want := grafana(target.RefID); target.RawSQL != want {
					t.Errorf("%s: %s is not sql/query/%s.sql: run go test ./dashboards -update\n%s", file, p.Title, target.RefID, target.RawSQL)
				}
			}
		}
	}
}

func rewrite(t *testing.T, file string) {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	for _, p := range d["panels"].([]any) {
		for _, target := range p.(map[string]any)["targets"].([]any) {
			target := target.(map[string]any)
			target["rawSql"] = grafana(target["refId"].(string))
		}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every statement finds something in ten minutes of traffic, in the shape that its panel draws.
func TestStatementsRun(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	db := chtest.New(t)
	to := time.Now().Truncate(time.Second)
	from := to.Add(-10 * time.Minute)
	d := seeded(t, db, from)
	for file, dash := range load(t) {
		for _, p := range dash.Panels {
			for _, target := range p.Targets {
				text := expand(target.RawSQL, from, to, 15*time.Second)
				if strings.Contains(text, "$") || strings.Contains(text, "{") {
					t.Errorf("%s: %s: not all is expanded:\n%s", file, p.Title, text)
				}
				table, err := d.Select(ctx, leadline.Query{Name: p.Title, SQL: text})
				if err != nil || len(table.Rows) == 0 {
					t.Errorf("%s: %s: %v, %v", file, p.Title, table, err)
					continue
				}
				checkShape(t, file+": "+p.Title, p.Type, table)
			}
		}
	}
}

func seeded(t *testing.T, db *chtest.DB, from time.Time) *store.DB {
	t.Helper()
	ctx := context.Background()
	d, err := store.Open(ctx, store.Options{Addrs: []string{db.Native}, Database: db.Database, Username: db.Username, Password: db.Password})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if _, err := d.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	b := &leadline.Batch{Token: "seed"}
	for i := range 600 {
		at := from.Add(time.Duration(i) * time.Second)
		e := leadline.Event{ID: fmt.Sprint(i), Partner: fmt.Sprint("partner-", i%3), ReceivedAt: at}
		e.Spend(leadline.StageReceive, 0, time.Millisecond, leadline.StatusOK)
		status := leadline.StatusOK
		if i%10 == 0 {
			status = leadline.StatusTimeout
		}
		e.Spend(leadline.StageGeoIP, time.Millisecond, time.Duration(i)*time.Millisecond, status)
		b.Events = append(b.Events, e)
	}
	b.Rejected = []leadline.Rejected{{ReceivedAt: from.Add(time.Minute), Code: "schema_violation"}}
	if err := storetest.Write(ctx, d, b); err != nil {
		t.Fatal(err)
	}
	return d
}

// checkShape: a time series begins with a rising time and has at least one number; a stat is one number.
func checkShape(t *testing.T, where, kind string, table *leadline.Table) {
	t.Helper()
	if kind == "stat" {
		if n, ok := table.Rows[0][0].(int64); !ok || n != 0 || len(table.Rows) != 1 || len(table.Columns) != 1 {
			t.Errorf("%s: %v", where, table.Rows)
		}
		return
	}
	var last time.Time
	for _, row := range table.Rows {
		at, ok := row[0].(time.Time)
		if !ok || table.Columns[0] != "time" || at.Before(last) {
			t.Fatalf("%s: column %s, %v after %v", where, table.Columns[0], row[0], last)
		}
		last = at
		switch row[len(row)-1].(type) {
		case int64, float64:
		default:
			t.Fatalf("%s: the last column is %T", where, row[len(row)-1])
		}
	}
	if kind != "timeseries" {
		t.Errorf("%s: no check for a panel of type %s", where, kind)
	}
}
