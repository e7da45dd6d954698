// Package rules decides what is wrong, and nothing else: it reads ClickHouse through a Querier on the clock's tick,
// and hands what changed to a Sink. It knows no incident, no person and no message.
//
//	YAML RuleGroup ─ Parse, Check ─► Group: rules, their measures, one Plan a (rule, source)
//
//	cron ─► Slot ─► Plan.Query ─► Querier ─► values ─► observe ─► Step ─► Evaluation ─► Sink
//	                             (a table)   (a row)   (level,    (pure: state, timers,
//	                                                   clear, …)  transitions)
//
// A slot is a point of the group's time grid. Windows end at slot − query_offset on the axis stored_at, so an event
// counts when it completes. Step is the only place where state changes; it is pure, so that a live engine, a test and
// a replay of history agree. Missing values are absent before any condition runs, because NaN compares false.
package rules
