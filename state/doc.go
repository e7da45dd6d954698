// Package state keeps what must outlive the process and must not depend on ClickHouse: rule instances, incidents and
// their timeline, timers, the outbox of notices, API keys and generated secrets. It is one SQLite file and the only
// package that knows SQLite.
//
// Place in the flow:
//
//	rules ─ Evaluation ─▶ oncall ─ Update(one transaction) ─▶ state
//	oncall's dispatcher ◀─ Deliveries ─ state ─ Keys ─▶ server, leadline keys
//
// A transaction is whole or absent after a kill, and it is on the disk when Update returns. Two processes may use the
// file at once: they queue for at most busyTimeout. Nouns that no query looks into are kept as JSON beside the
// columns that one does.
package state
