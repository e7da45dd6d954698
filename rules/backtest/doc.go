// Package backtest says what a set of rules would have done over the history that ClickHouse holds.
//
//	groups ─► History (few range queries) ─► At(end) ─┐
//	                                                  ├─► Group.Evaluate ─► Memory ─► book ─► Report ─► text, JSON, Diff
//	slots, oldest first ──────────────────────────────┘
//
// The judgement is the live one, slot by slot, so a rule fires here when it would have fired there. What is not played is
// people: nobody acknowledges, and an incident ends when its last series does.
package backtest
