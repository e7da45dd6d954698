// Package leadline holds the nouns of Leadline: events and the stages they pass, rules' instances and their
// transitions, incidents and what is told about them. It imports the standard library only; every other package
// imports it and it imports none.
//
// An event's way: server → ingest (admit, spool ⇒ 202) → enrich → qualify → store. On the clock's tick:
// rules (query → value → expr → Transition) → oncall (Incident, outbox) → notify/telegram.
package leadline

// Version is what `leadline version` prints; a release build sets it with -ldflags.
var Version = "dev"
