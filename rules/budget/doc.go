// Package budget is the arithmetic of error budgets: objectives, the windows that watch how fast a budget burns, the
// periods that it is for, and the words that say it. It has no clock and reads nothing.
//
//	burn(w)   = bad(w) / total(w) / (1 − T)            1 means: just the whole budget, if it goes on like this
//	factor    = share · period / long                  the burn that spends that share of the budget within long
//	left      = 1 − bad(period) / (total(period) · (1 − T))
//	spent(w)  = bad(w) / (total(period) · (1 − T))
//	empty in  = left · period / burn
//
// total(period) is what the whole period brings: see Objective.Values for one that has just begun.
//
// All are sums of counters: every event weighs the same, in a rush and in a quiet night.
//
// Sources: the SRE workbook, chapter 5 "Alerting on SLOs", for the pairs of windows; the pairs for campaigns are ours.
package budget
