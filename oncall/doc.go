// Package oncall turns the rule engine's transitions into incidents, decides who is told, and sees to it that they are
// told: once, soon, and with what is true now.
//
// Place in the flow:
//
//	rules ─ Evaluation ─▶ Desk.Apply ─ one transaction ─▶ state (instances, incidents, timeline, outbox)
//	                        └ Explain (lineage), before the transaction
//	Desk.Run: outbox ─ Notice ─▶ notifier; timers; fresh verdicts
//	notifier, API ─ Press, Act ─▶ incident
//
// An incident is all that fires of one rule. Each chat has one living message of it, brought up to the newest revision
// whenever the incident changes; a page that rings again (reopened, or risen to a page) is a new message, because an
// edit makes no sound. The outbox promises: a page is sent at least once, a second time only where the outcome of the
// first is unknown, and every chat ends at the incident's last revision.
package oncall
