package store

import (
	"context"
	"testing"

	"leadline"
)

// rules_cost finds what rules read, by rule, with what failed among it, and nothing that others read.
func TestRulesCost(t *testing.T) {
	t.Parallel()
	d, db := migrated(t)
	read := func(name, sql string, good bool) {
		t.Helper()
		if _, err := d.Select(context.Background(), leadline.Query{Name: name, SQL: sql}); (err == nil) != good {
			t.Fatal(err)
		}
	}
	read("leadline rule=volume/PartnerSlow", "SELECT sum(number) FROM numbers(1000000)", true)
	read("leadline rule=volume/PartnerSlow", "SELECT throwIf(number = 3) FROM numbers(10)", false)
	read("leadline rule=volume/IntakeStopped", "SELECT 1", true)
	read("leadline rules events 5m by partner", "SELECT 1", true)
	read("event_way", "SELECT 1", true)
	db.Exec(t, "SYSTEM FLUSH LOGS query_log")

	table := ask(t, d, "rules_cost", map[string]any{"seconds": int64(3600)})
	found := map[string][]any{}
	for _, row := range table.Rows {
		found[row[0].(string)] = row[1:]
	}
	f := func(comment string, queries, failed, least int64) {
		t.Helper()
		row := found[comment]
		if len(row) == 0 || row[0] != queries || row[1] != failed || row[4].(int64) < least || row[2].(float64) < 0 {
			t.Errorf("%s: %v, want %d reads, %d of them failed, of %d rows", comment, row, queries, failed, least)
		}
	}
	f("leadline rule=volume/PartnerSlow", 2, 1, 1_000_000)
	f("leadline rule=volume/IntakeStopped", 1, 0, 0)
	f("leadline rules events 5m by partner", 1, 0, 0)
	if len(found) != 3 {
		t.Errorf("%v", found)
	}
}
