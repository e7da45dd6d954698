package ingest

// Codes of items that are dropped. The code names the first problem, the violations name all.
const (
	CodeInvalidJSON     = "invalid_json"
	CodeNotAnObject     = "not_an_object"
	CodeTooLarge        = "too_large"
	CodeUnknownField    = "unknown_field"
	CodeMissingField    = "missing_field"
	CodeInvalidField    = "invalid_field"
	CodeTooOld          = "too_old"
	CodeFutureTimestamp = "future_timestamp"
	CodeSchemaUnknown   = "schema_unknown"
	CodeSchemaViolation = "schema_violation"
	CodeBinaryData      = "binary_data"
	CodeErased          = "erased"
)

// Codes of items that are taken with a remark. CodeTooOld and CodeFutureTimestamp are remarks too where they come from
// Telegram, which cannot mend its clock.
const (
	CodeDerivedID          = "derived_id"
	CodeInvalidTraceparent = "invalid_traceparent"
	CodeNoSchema           = "no_schema"
	CodeSpansIgnored       = "spans_ignored"
	CodePrecisionSecond    = "precision_second"
	CodeUnknownExtension   = "unknown_extension"
)

// CodeUnreadable is the code of a rejected item whose spooled record could not be read. No receipt has it.
const CodeUnreadable = "unreadable_record"

// details say in words what the code of an item means and what to do.
var details = map[string]string{
	CodeInvalidJSON:     "the line is not JSON (UTF-8, no name twice in an object, at most 64 levels)",
	CodeNotAnObject:     "an event is a JSON object",
	CodeTooLarge:        "an event has at most 64 KiB",
	CodeUnknownField:    "the envelope has no such field: what is yours belongs into payload",
	CodeMissingField:    "a required field is missing",
	CodeInvalidField:    "a field of the envelope has the wrong type, characters or length",
	CodeTooOld:          "it occurred more than 30 days ago",
	CodeFutureTimestamp: "it occurs more than 5 minutes from now: check the clock, or give sent_at",
	CodeSchemaUnknown:   "there are schemas of this type, but not of this major version",
	CodeSchemaViolation: "the payload breaks the schema of its type",
	CodeBinaryData:      "data_base64 is not taken: send a JSON object in data",
	CodeErased:          "all that was known of this lead was deleted on request, and nothing more is taken of it",

	CodeDerivedID:          "no id was given, so it was made of the content: a retry that differs is another event",
	CodeInvalidTraceparent: "not a W3C traceparent: the event got a trace id of its own",
	CodeNoSchema:           "there is no schema of this type: the payload was not checked",
	CodeSpansIgnored:       "spans are not kept by this version",
	CodePrecisionSecond:    "occurred_at is known to the second only",
	CodeUnknownExtension:   "an extension attribute that means nothing here was left out",
}

// Codes of a Problem, a request of which nothing was taken as an event.
const (
	CodeEmptyBatch      = "empty_batch"      // 400
	CodeInvalidBody     = "invalid_body"     // 400: not JSON; the detail says where
	CodeAllRejected     = "all_rejected"     // 400: every item was dropped; the receipt says why
	CodeItemRejected    = "item_rejected"    // 422: the only item was dropped
	CodePartnerMismatch = "partner_mismatch" // 403: an item names another partner than the key's
	CodeTooManyItems    = "too_many_items"   // 413: more than 10,000
	CodeSpoolFull       = "spool_full"       // 503: send again after RetryAfter
	CodeOverloaded      = "overloaded"       // 503: more comes in than ClickHouse takes; send again after RetryAfter
	CodeOverShare       = "over_share"       // 429: the same, and the partner sends more than its share
	CodeUnavailable     = "unavailable"      // 503: the spool is closed or its disk fails
)

// Limits of a request.
const (
	maxItems = 10_000
	maxEvent = 64 << 10
)
