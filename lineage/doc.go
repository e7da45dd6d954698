// Package lineage says where events spend their time: which stage makes the slow ones slow, by how much of the
// slow-down, and whose events they are.
//
// Place in the flow:
//
//	oncall ─ an incident opens ─▶ Explain(WindowFor(started, now)) ─ sql/query/explain_*.sql ─▶ store
//	       ◀─ leadline.Verdict ─
//
// The slow events are those at or above the P95 of the slow window. Normal are the events of the hour before it up to
// their own median: that base may hold the first slow seconds of the fault already, and its slower half is where they
// would be. For stage s, with c the mean of wait + duration over a set,
//
//	share(s) = (c(s, slow) − c(s, normal)) / Σ over all stages of the same difference
//
// A stage that got faster has a negative share; the shares add up to 1, and the means of the stages add up to the
// mean time of the set from end to end.
package lineage
