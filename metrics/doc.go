// Package metrics tells Prometheus how Leadline fares: docs/METRICS.md lists what there is and what to do about it.
//
//	server ─► Begin, Observe, Refuse          per request, on counters that are at hand
//	ingest ─► Writer ─► store                 per batch
//	pipeline, spool, engine, rules ◄─ Watch   read when Prometheus asks
//	ClickHouse, SQLite ◄─ Run                 once a minute, never when Prometheus asks
//
// Every label has few values: routes, statuses, codes, lanes, groups of rules, and partners that have a living key, of
// which maxPartners get a name of their own.
package metrics
