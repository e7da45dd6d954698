package app

import (
	"testing"
	"time"

	"leadline"
	"leadline/rules/measure"
)

// TestExamplesAreAnswered: ClickHouse understands what every rule of the pack asks.
func TestExamplesAreAnswered(t *testing.T) {
	t.Parallel()
	config, err := ReadConfig("../examples/leadline.yaml")
	if err != nil {
		t.Fatal(err)
	}
	set, err := readRules(config.Rules)
	if err != nil {
		t.Fatal(err)
	}
	var asks []*measure.Ask
	for _, g := range set.Groups {
		for _, r := range g.Rules {
			asks = append(asks, &r.Ask)
		}
	}
	now := time.Now()
	db := lastHour(t, now)
	err = db.WriteResources(t.Context(), []leadline.Resources{{At: now.Add(-time.Minute), Interval: 5 * time.Second, MachineCPU: 0.5, NetIn: 1 << 20, DiskFree: 8e9}})
	if err != nil {
		t.Fatal(err)
	}
	answers := measure.New(db).Fetch(t.Context(), asks, now)
	found := 0
	for _, a := range asks {
		rows, err := answers.Rows(a)
		if err != nil {
			t.Errorf("%s: %v", a.Name, err)
		}
		if a.Custom != nil && a.By[0] == "host" && (len(rows) != 1 || rows[0].Labels["host"] != "test") {
			t.Errorf("%s: %v, want a row of one host", a.Name, rows)
		}
		found += len(rows)
	}
	if found < 20 || len(asks) < 15 {
		t.Errorf("%d series of %d rules", found, len(asks))
	}
}
