// Package measure answers what rules ask of ClickHouse: named numbers over windows, for each series.
//
//	rules ─► []*Ask ─► Reader.Fetch ─► few grouped SELECTs ─► Answers ─► Rows(ask) ─► rules
//
// An Ask is what one rule wants to know: its measures and the labels that tell its series apart. What many rules ask is
// read together: how many queries a slot costs depends on the label sets and windows, not on the number of rules. Live
// evaluation, a replay of history and a rule's test give the same rows for the same data.
package measure
