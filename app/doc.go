// Package app joins the parts: it reads leadline.yaml, starts every part in the order of its needs, and stops them in
// the reverse order. Nothing else knows how the parts fit together.
//
//	state ─ engine ─ store ─┬─ spool ─ ingest ─ server
//	                        └─ lineage ─ oncall ─ telegram
//	                              rules ─┘
package app
