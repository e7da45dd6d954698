// Package store is Leadline's door to ClickHouse, embedded or a server or a cluster.
//
// Block gathers one frozen batch from ingest, column by column, and writes it. Writing it again is safe: the batch's token
// makes the second time a no-op, whatever became of the first. Where ClickHouse says that it knows a token, the rows are
// looked for before that is believed, because a table that is not replicated logs a token before it has the rows (put).
// With the events goes the rollup latency_1m, counted out of the block and inserted under the same token, so no materialized
// view can count twice; SumHours makes latency_1h of it. WriteResources stores what Leadline itself used, Erase deletes what
// there is of a lead. Select answers the rules' and lineage's questions, read-only and bounded. Migrate brings the schema in
// package sql up to date.
//
// Reading and writing have connections of their own, so that no rule can starve the inserts. Rows are written column by
// column in ClickHouse's own wire format, without an allocation a row: 0.8 µs of CPU an event in batches of 100,000.
package store
