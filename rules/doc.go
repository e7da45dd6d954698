// Package rules decides what is wrong, and nothing else: it asks an Asker on the clock's tick, and hands what changed to
// a Sink. It knows no incident, no person and no message.
//
//	YAML RuleGroup ─ Parse, Check ─► Group: rules, their measures and conditions
//
//	cron ─► Slot ─► measure.Reader ─► Answers ─► Group.Evaluate(Memory, Answers, slot) ─► Outcome ─► Sink ─► Memory.Keep
//	                (ClickHouse, a                examine: level, clear, …              (Evaluation:
//	                test, history)                Step: state, timers                    what changed)
//
// A slot is a point of the group's time grid. Windows end at slot − query_offset on the axis stored_at, so an event
// counts when it completes. Group.Evaluate is the only judgement, and Step in it the only place where state changes; both
// are pure, so that a live engine, a rule's test and a replay of history agree. Missing values are absent before any
// condition runs, because NaN compares false.
package rules
