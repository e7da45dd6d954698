// Package schema says what an event may look like: it reads the JSON Schemas of the event types and checks payloads
// against them while it scans, in one pass and without an allocation.
//
//	ingest   Scanner decodes the envelope; at the payload, Schema.CheckNext takes over the same scan
//	check    Load reports what is wrong in the files under schemas/, all at once, with positions
//
// A file schemas/<event.type>/<major>.json holds a JSON Schema of draft 2020-12. Understood are: type, enum, const ·
// minLength, maxLength (code points), pattern (RE2), format (asserted: date-time, date, uuid, email, ipv4, ipv6, uri) ·
// minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf (exact, never through float64) · properties,
// required, additionalProperties, patternProperties, propertyNames, dependentRequired, minProperties, maxProperties ·
// items, prefixItems, minItems, maxItems, uniqueItems · allOf, anyOf, oneOf, not, if, then, else · $defs and $ref
// inside the file, without recursion · true and false. Ignored as documentation are: title, description, default,
// examples, deprecated, readOnly, writeOnly, $comment, and $schema and $id at the root. Anything else is refused: a
// keyword that does nothing would be a promise broken in silence.
//
// Our own keyword is x-pii: true beside a value that is personal data: Masker replaces it, and no violation quotes it. It
// changes no verdict. A value is personal if any part of the schema that may look at it says so.
//
// Documents are RFC 8259 within I-JSON (RFC 7493): valid UTF-8, no unpaired surrogates, no name twice in an object;
// at most MaxDepth levels and MaxFields fields in one object.
package schema
