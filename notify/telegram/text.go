package telegram

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Style is how a span looks.
type style int

const (
	plain style = iota
	bold
	italic
	quote   // a block of its own that opens on a tap when it is long
	mention // of the person user
)

// A span is a piece of a message. Spans are cut before they are escaped, so no tag is ever torn.
type span struct {
	style style
	text  string
	user  int64
}

// text is a message.
type text []span

// html is the text in Telegram's HTML.
func (t text) html() string {
	var b strings.Builder
	for _, s := range t {
		open, end := "", ""
		switch s.style {
		case bold:
			open, end = "<b>", "</b>"
		case italic:
			open, end = "<i>", "</i>"
		case quote:
			open, end = "<blockquote expandable>", "</blockquote>"
		case mention:
			open, end = `<a href="tg://user?id=`+strconv.FormatInt(s.user, 10)+`">`, "</a>"
		case plain:
		}
		b.WriteString(open + escape.Replace(s.text) + end)
	}
	return b.String()
}

// escape covers all that Telegram's HTML asks for outside of attributes.
var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// String is the text without any markup.
func (t text) String() string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(s.text)
	}
	return b.String()
}

// units is the text's length as Telegram counts it: in UTF-16 units, markup not counted.
func (t text) units() int {
	n := 0
	for _, s := range t {
		n += units(s.text)
	}
	return n
}

// cut shortens the text to at most limit units.
func (t text) cut(limit int) text {
	if t.units() <= limit {
		return t
	}
	var out text
	left := limit - 1 // the dots
	for _, s := range t {
		n := units(s.text)
		if n > left {
			s.text = prefix(s.text, left) + "…"
			return append(out, s)
		}
		left -= n
		out = append(out, s)
	}
	return out
}

func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// shorten cuts s to at most limit units, the dots at its end included.
func shorten(s string, limit int) string {
	if units(s) <= limit {
		return s
	}
	return prefix(s, limit-1) + "…"
}

// prefix is what of s fits into limit units, without an end that would act on what follows: a joiner, a selector.
func prefix(s string, limit int) string {
	n := 0
	for i, r := range s {
		if n += max(1, utf16.RuneLen(r)); n > limit {
			return strings.TrimRight(s[:i], " \n\u200d\ufe0f")
		}
	}
	return s
}

// clean makes foreign text fit for a sentence: valid UTF-8, one line, nothing that turns the direction of what follows.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Bidi_Control, r):
			return -1
		case unicode.IsSpace(r), unicode.IsControl(r), r == 0x2028, r == 0x2029:
			return ' '
		default:
			return r
		}
	}, strings.ToValidUTF8(s, "�"))
	s = strings.Join(strings.Fields(s), " ")
	if strings.ContainsFunc(s, rightToLeft) {
		s = "\u2068" + s + "\u2069" // an isolate: numbers beside it keep their place
	}
	return s
}

func rightToLeft(r rune) bool {
	return unicode.In(r, unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Adlam)
}

// name is a label's value, a stage or a person.
func name(s string) string {
	if s = clean(shorten(s, maxName)); s == "" {
		return "(none)"
	}
	return s
}

// sentence is a text that a rule's author wrote.
func sentence(s string) string { return clean(shorten(s, maxSentence)) }

// The longest that one part may get, in UTF-16 units. Together they stay below maxText.
const (
	maxName     = 64
	maxSentence = 300
	maxAction   = 1200
	maxText     = 4096 // Telegram's limit
)
