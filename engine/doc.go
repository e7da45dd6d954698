// Package engine runs the embedded ClickHouse: libchdb in a child process, supervised, behind a guard.
//
//	clients ──> guard (the two addresses that everybody knows) ──> child on private loopback ports
//	                    ^ hello or request head first, no reset passes        │ stdin: closed when we are gone
//	Start ── supervise ─┴──────────────── restarts it, says why ──────────────┘
//
// The child is this same executable under its hidden verb (see Main); it loads the library without cgo and serves the
// native and the HTTP protocol of ClickHouse until its standard input ends. Signals, memory and crashes of the library
// stay in the child.
//
// The guard is not a luxury: the library is clickhouse-local, which ends itself whenever an exception leaves the thread
// of a connection. One reset of a connection is enough.
//
// Nothing in here knows what is stored.
package engine
