// Package sql holds every statement that Leadline sends to ClickHouse as files of their own, so that the pipeline, the
// rules, the dashboards and an analyst's console read the same text.
//
// migrations/NNN_name.sql are applied once each, in the order of their numbers, by store.Migrate. Three words in them
// depend on where they run:
//
//	                      one server            cluster "main"
//	{engine}              MergeTree             ReplicatedMergeTree
//	{engine:Aggregating}  AggregatingMergeTree  ReplicatedAggregatingMergeTree
//	{on_cluster}                                ON CLUSTER 'main'
//	events{local}         events                events_local
//
// A statement that names {cluster} is left out on one server. That is all that a cluster takes: the data lives in
// replicated …_local tables, and the table's plain name is a Distributed one over them.
//
// query/*.sql are single SELECTs with server-side parameters, {name:Type}. The comment at the head of each says what it
// answers, its parameters and its cost.
package sql
