// Package foreign reads the rules and SLOs of other systems and writes them as Leadline's own YAML: Prometheus rule
// files, Sloth and OpenSLO. What has no counterpart is told at its place, never dropped in silence.
//
//	YAML ─ source ─► PromQL ─ metricsql ─► condition over measures ─► RuleGroup, SLO ─ rules.Parse ─► output
//	                   │ metrics: Table     (linear: factor · measure + constant)          │
//	                   └────────── Notes: file:line:col: what: what to do ─────────────────┘
//
// Leadline has no metrics. It counts events and the stages of events, so a Table says which metric counts which of them;
// metrics of no entry are told. Every document is loaded by Leadline's own parser before it is written, so what comes
// out loads.
//
// What an expression may be made of: histogram_quantile over rate of buckets (a quantile), sum of rate or increase (a
// count), their quotient (a ratio), time() minus a timestamp (an age), absent and absent_over_time (a count of 0),
// arithmetic with numbers, comparisons, and, or, unless, and recording rules of the same files, which are put in.
package foreign
