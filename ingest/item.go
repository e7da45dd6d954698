package ingest

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"leadline"
	"leadline/schema"
	"leadline/source"
)

// maxViolations bounds what is told about one item: the first ones say what to mend.
const maxViolations = 20

// item is one item of a request while it is decoded.
type item struct {
	event      leadline.Event // its strings point into words
	code       string         // "": no problem so far
	violations []leadline.Violation
	words      []byte

	hasID    bool
	hasType  bool // though perhaps not a good one
	foreign  bool // names another partner than the key's
	chat     int64
	hasChat  bool
	occurred time.Time // as the sender says
	spans    [numFields]span

	hide        []span         // parts of the payload that are personal, whatever its schema says
	seed        string         // what a derived id hangs on beside the fields
	schema      *schema.Schema // of the payload, nil: none, or not known yet
	schemaName  string         // of the field schema, "" where it is not given
	major       int
	schemaGiven bool                 // schemaName is the sender's last word
	checked     *schema.Schema       // with which payload was checked, nil: not yet
	scan        *schema.Scanner      // in which it was
	broken      []leadline.Violation // what that check found
}

// span is a stretch of the item's text.
type span struct{ from, to int }

func (it *item) reset() {
	warnings, segments := it.event.Warnings, it.event.Segments
	violations, broken, words, hide := it.violations, it.broken, it.words, it.hide
	*it = item{} // in place: a literal with these in it would be made elsewhere and copied
	it.event.Warnings, it.event.Segments = warnings[:0], segments[:0]
	it.violations, it.broken, it.words, it.hide = violations[:0], broken[:0], words[:0], hide[:0]
}

// fail notes a violation; the first one's code is the item's.
func (it *item) fail(code string, v leadline.Violation) {
	if it.code == "" {
		it.code = code
	}
	if len(it.violations) < maxViolations {
		it.violations = append(it.violations, v)
	}
}

// tooLarge notes a size; what else is wrong does not matter then.
func (it *item) tooLarge(size int) {
	it.code = CodeTooLarge
	it.violations = append(it.violations[:0], leadline.Violation{
		Rule: "maxLength", Expected: "at most " + strconv.Itoa(maxEvent) + " bytes", Got: strconv.Itoa(size) + " bytes",
	})
}

// invalid notes a value that does not fit. got is nil where the value is personal; one that looks like a number or an
// address of somebody is not told either.
func (it *item) invalid(pointer, rule, expected string, got []byte) {
	if !schema.Plain(got) {
		got = nil
	}
	it.fail(CodeInvalidField, leadline.Violation{Pointer: pointer, Rule: rule, Expected: expected, Got: excerpt(got)})
}

func (it *item) unknown(pointer string, name []byte, known []string) {
	told := clip(name)
	if !schema.Plain(name) { // perhaps a chat id
		told = []byte("…")
	}
	v := leadline.Violation{Pointer: pointer + string(appendToken(nil, told)), Rule: "additionalProperties", Expected: "no field of this name"}
	if len(name) <= maxExcerpt { // a longer one is no slip of the finger
		v.Nearest = source.Nearest(string(name), known)
	}
	it.fail(CodeUnknownField, v)
}

func (it *item) warn(code string) { it.event.Warnings = append(it.event.Warnings, code) }

func (it *item) warnOnce(code string) {
	if !slices.Contains(it.event.Warnings, code) {
		it.warn(code)
	}
}

// keep is b as a string that holds as long as the item: b may be the scanner's own buffer.
func (it *item) keep(b []byte) string {
	n := len(it.words)
	it.words = append(it.words, b...)
	return view(it.words[n:])
}

const maxExcerpt = 64

// excerpt is a value for a violation, at most 64 bytes of it.
func excerpt(b []byte) string {
	if len(b) <= maxExcerpt {
		return string(b)
	}
	return string(clip(b)) + "…"
}

// clip is the start of b, at most 61 bytes, in whole characters.
func clip(b []byte) []byte {
	if len(b) <= maxExcerpt {
		return b
	}
	n := maxExcerpt - len("…")
	for n > 0 && !utf8.RuneStart(b[n]) {
		n--
	}
	return b[:n]
}

// appendToken appends a name to a JSON Pointer (RFC 6901).
func appendToken(to, name []byte) []byte {
	to = append(to, '/')
	for _, c := range name {
		switch c {
		case '~':
			to = append(to, "~0"...)
		case '/':
			to = append(to, "~1"...)
		default:
			to = append(to, c)
		}
	}
	return to
}
