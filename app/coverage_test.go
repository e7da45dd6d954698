package app

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"leadline"
	"leadline/internal/storetest"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/source"
	"leadline/store"
)

// lastHour is a ClickHouse with events of the last hour: two partners, one of them with a campaign, on three stages.
func lastHour(t *testing.T, now time.Time) *store.DB {
	t.Helper()
	db, _ := storetest.New(t)
	batch := &leadline.Batch{Token: "coverage"}
	for n := range 100 {
		e := leadline.Event{ID: fmt.Sprint(n), Partner: []string{"acme", "globex"}[n%2], Campaign: []string{"spring", ""}[n%2], Type: "lead.created", Payload: []byte("{}")}
		for _, stage := range []string{leadline.StageReceive, leadline.StageValidate, leadline.StageWrite} {
			e.Spend(stage, 0, time.Millisecond, leadline.StatusOK)
		}
		e.ReceivedAt = now.Add(-time.Duration(10+n/4) * time.Minute)
		batch.Events = append(batch.Events, e)
	}
	if err := storetest.Write(t.Context(), db, batch); err != nil {
		t.Fatal(err)
	}
	return db
}

func parsed(t *testing.T, text string) []*rules.Group {
	t.Helper()
	docs, err := source.Documents("r.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	var groups []*rules.Group
	for _, d := range docs {
		g, errs := rules.Parse(d)
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		groups = append(groups, g)
	}
	return groups
}

func TestCoverage(t *testing.T) {
	t.Parallel()
	now := time.Now()
	db := lastHour(t, now)
	f := func(rules, want string) {
		t.Helper()
		groups := parsed(t, "apiVersion: leadline/v1\nkind: RuleGroup\nmetadata: {name: g}\nspec:\n  labels: {severity: ticket}\n  rules:\n"+rules)
		notes, missed, err := coverage(t.Context(), measure.New(db), groups, now)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range notes {
			got = append(got, n.What)
		}
		for _, m := range missed {
			got = append(got, m.String())
		}
		slices.Sort(got)
		if strings.Join(got, "\n") != want {
			t.Errorf("%s\ngot\n%s\nwant\n%s", rules, strings.Join(got, "\n"), want)
		}
	}
	const stages = `no rule looks at stage "receive", which had 100 events in 7 days
no rule looks at stage "validate", which had 100 events in 7 days
no rule looks at stage "write", which had 100 events in 7 days`
	f("    - {alert: All, measure: {n: {count: event, window: 5m}}, expr: n > 5}\n", stages)
	f("    - {alert: All, measure: {n: {count: event, window: 5m}, s: {count: span, window: 5m}}, by: [partner], expr: n + s > 5}\n", "")
	f(`    - {alert: Acme, measure: {n: {count: event, where: partner == "acme", window: 5m}}, expr: n > 5}
    - {alert: Stages, measure: {p: {quantile: 0.95, of: span.total_ms, where: 'partner == "acme" and stage in ["receive", "write"]', window: 5m}}, expr: p > 5}
    - {alert: Ratio, measure: {r: {ratio: {num: {count: span, where: status == "error"}, den: {count: span, where: 'stage == "validate" and partner == "acme"'}}, window: 5m}}, expr: r > 0.5}
`, `no rule looks at partner "globex", which had 50 events in 7 days`)
	f(`    - {alert: Nobody, measure: {n: {count: event, where: partner == "acne", window: 5m}}, expr: n > 5}
    - {alert: All, measure: {s: {count: span, window: 5m}}, by: [stage], expr: s > 5}
`, `Nobody matched nothing in 7 days`)
}
