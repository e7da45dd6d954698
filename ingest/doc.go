// Package ingest takes events in and sees them through to ClickHouse.
//
//	server ─► Submit, SubmitTelegram, SubmitHook (Validate goes as far as the verdicts)
//	                 ─► decode: one scan of envelope and payload, schema check, raw personal data ends here
//	                 ─► spool.Append (fsync) ─► Receipt with a verdict for every item              ⇒ 202
//	── other side of the spool, one batch at a time ──
//	Run: prepare  spool.Next ─► record ─► enrich.geoip ─► qualify ─► Block.Add ─┐
//	     write                                Block.Write (retries) ◄──────────┘ ─► Segment.Done
//
// A frozen spool segment is a batch, its token is ClickHouse's deduplication token: a batch that is written again after
// a crash is the same batch, though its timings differ.
//
// Every stage appends one leadline.Segment to the event. All times are whole microseconds counted from received_at on
// the monotonic clock, each stage begins where the one before ended, and what lies between is its wait. So the sum of
// all segments is stored_at − received_at, always.
package ingest
