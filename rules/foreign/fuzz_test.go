package foreign_test

import (
	"os"
	"path/filepath"
	"testing"

	"leadline/rules/foreign"
)

// FuzzImport: no file makes it panic, and what it writes loads.
func FuzzImport(f *testing.F) {
	for i, format := range foreign.Formats {
		files, err := filepath.Glob("testdata/" + format + "/*.yaml")
		if err != nil || len(files) == 0 {
			f.Fatalf("no inputs of %s: %v", format, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(i, data)
		}
	}
	f.Fuzz(func(t *testing.T, i int, data []byte) {
		if i < 0 || i >= len(foreign.Formats) {
			return
		}
		r, err := foreign.Import(foreign.Formats[i], []foreign.File{{Name: "f", Data: data}}, table(t))
		if err != nil || r.YAML == nil {
			return
		}
		parses(t, r.YAML)
	})
}

// FuzzExpression: the same for the expression of an alert.
func FuzzExpression(f *testing.F) {
	for _, s := range []string{
		`histogram_quantile(0.95, sum by (le, partner) (rate(http_request_duration_seconds_bucket{job="x"}[5m]))) > 0.6`,
		`sum(rate(leads_failed_total[5m])) / (sum(rate(leads_total{country=~"UA|PL"}[5m])) > 0) * 100 > 5 and errors:ratio > 1`,
		`time() - max by (partner) (lead_last_received_timestamp_seconds) > 600 or absent_over_time(leads_total[1h])`,
		`1 - leads:count / 3 < sum(increase(leads_total[5m] offset 1w)) unless circle != 2`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		if r := one(t, expr); r.YAML != nil {
			parses(t, r.YAML)
		}
	})
}
