// Package ruletest runs the tests of rules: RuleTest documents, which say what a rule's measures are, slot by slot, and
// what the rule makes of it.
//
//	RuleTest ─ Parse ─► Suite ─ Run ─► Group.Evaluate, slot by slot ─► Results ─► text, JUnit XML
//
// A test's series take the place of ClickHouse: they are the answers that a group gets. The judgement on them is the
// one of the running engine. Slot k of a test is start + k·interval.
package ruletest
