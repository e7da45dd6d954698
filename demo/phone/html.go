package phone

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Entity is a part of a message's text that means or looks like something. Offset and Length count UTF-16 units.
type Entity struct {
	Type     string `json:"type"`
	Offset   int    `json:"offset"`
	Length   int    `json:"length"`
	URL      string `json:"url,omitempty"`
	Language string `json:"language,omitempty"`
	User     int64  `json:"user,omitempty"` // of a text_mention
}

// entityTypes are the tags that Telegram knows and what they become; a, span and tg-emoji are special.
// Source: https://core.telegram.org/bots/api#html-style
var entityTypes = map[string]string{
	"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline", "ins": "underline",
	"s": "strikethrough", "strike": "strikethrough", "del": "strikethrough", "code": "code", "pre": "pre",
	"blockquote": "blockquote", "tg-spoiler": "spoiler", "span": "spoiler", "a": "text_link", "tg-emoji": "custom_emoji",
}

// units is the length of s in UTF-16 units.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += max(1, utf16.RuneLen(r))
	}
	return n
}

// openTag is a start tag whose end has not come yet.
type openTag struct {
	name   string
	value  string // of the one attribute that matters
	offset int    // in UTF-16 units
	start  int    // in bytes of the output
}

type htmlParser struct {
	src      string
	pos      int
	out      strings.Builder
	units    int
	open     []openTag
	entities []Entity
}

// parseHTML turns Telegram's HTML into text and entities. The error is the text behind "can't parse entities: ".
func parseHTML(src string) (string, []Entity, error) {
	p := &htmlParser{src: src}
	for p.pos < len(src) {
		var err error
		switch {
		case src[p.pos] == '<' && p.at(p.pos+1) == '/':
			err = p.endTag()
		case src[p.pos] == '<':
			err = p.startTag()
		default:
			p.char(&p.out)
		}
		if err != nil {
			return "", nil, err
		}
	}
	if n := len(p.open); n > 0 {
		return "", nil, malformed("Can't find end tag corresponding to start tag \"%s\"", p.open[n-1].name)
	}
	text := p.out.String()
	if !utf8.ValidString(text) {
		return "", nil, malformed("Text contains invalid Unicode characters after decoding HTML entities, " +
			"check for unmatched surrogate code units")
	}
	return text, p.entities, nil
}

// at is the byte at i, 0 behind the end.
func (p *htmlParser) at(i int) byte {
	if i < len(p.src) {
		return p.src[i]
	}
	return 0
}

// parseError is worded as Telegram words it, capital letter and all.
type parseError string

func (e parseError) Error() string { return string(e) }

func malformed(format string, args ...any) error { return parseError(fmt.Sprintf(format, args...)) }

// isSpace counts the end of the text as space, as Telegram does.
func isSpace(c byte) bool { return c == 0 || c == ' ' || c >= '\t' && c <= '\r' }

// char takes one character or character reference over to out.
func (p *htmlParser) char(out *strings.Builder) {
	if p.src[p.pos] == '&' {
		if r, n := reference(p.src[p.pos:]); n > 0 {
			if r >= 0xd800 && r < 0xe000 {
				out.WriteByte(0xff) // half a surrogate pair: invalid, noticed at the end
			} else {
				out.WriteRune(r)
			}
			p.units += max(1, utf16.RuneLen(r))
			p.pos += n
			return
		}
	}
	r, n := utf8.DecodeRuneInString(p.src[p.pos:])
	out.WriteString(p.src[p.pos : p.pos+n])
	p.units += max(1, utf16.RuneLen(r))
	p.pos += n
}

// reference decodes &lt; &gt; &amp; &quot; &#n; and &#xn;, each also without the semicolon. n is 0 for anything else.
func reference(s string) (r rune, n int) {
	end := 1
	if strings.HasPrefix(s, "&#") {
		end = 2
		base, digits := 10, "0123456789"
		if strings.HasPrefix(s, "&#x") {
			end, base, digits = 3, 16, "0123456789abcdefABCDEF"
		}
		start := end
		for end < len(s) && strings.IndexByte(digits, s[end]) >= 0 {
			end++
		}
		v, err := strconv.ParseUint(s[start:end], base, 32)
		if err != nil || v == 0 || v >= 0x10ffff || end >= 10 {
			return 0, 0
		}
		r = rune(v)
	} else {
		for end < len(s) && (s[end]|0x20 >= 'a' && s[end]|0x20 <= 'z') {
			end++
		}
		known := map[string]rune{"lt": '<', "gt": '>', "amp": '&', "quot": '"'}
		var ok bool
		if r, ok = known[s[1:end]]; !ok {
			return 0, 0
		}
	}
	if end < len(s) && s[end] == ';' {
		end++
	}
	return r, end
}

func (p *htmlParser) startTag() error {
	begin := p.pos
	p.pos++
	p.skip(func(c byte) bool { return !isSpace(c) && c != '>' })
	if p.pos == len(p.src) {
		return malformed("Unclosed start tag at byte offset %d", begin)
	}
	tag := openTag{name: strings.ToLower(p.src[begin+1 : p.pos]), offset: p.units, start: p.out.Len()}
	if _, ok := entityTypes[tag.name]; !ok {
		return malformed("Unsupported start tag \"%s\" at byte offset %d", tag.name, begin)
	}
	for p.at(p.pos) != '>' {
		p.skip(func(c byte) bool { return c != 0 && isSpace(c) })
		if p.at(p.pos) == '>' {
			break
		}
		if err := p.attribute(&tag, begin); err != nil {
			return err
		}
	}
	p.pos++
	if tag.name == "span" && tag.value != "spoiler" {
		return malformed("Tag \"span\" must have class \"tg-spoiler\" at byte offset %d", begin)
	}
	p.open = append(p.open, tag)
	return nil
}

func (p *htmlParser) skip(while func(byte) bool) {
	for p.pos < len(p.src) && while(p.src[p.pos]) {
		p.pos++
	}
}

func (p *htmlParser) attribute(tag *openTag, begin int) error {
	start := p.pos
	p.skip(func(c byte) bool { return !isSpace(c) && c != '=' && c != '>' })
	name := p.src[start:p.pos]
	if name == "" {
		return malformed("Empty attribute name in the tag \"%s\" at byte offset %d", tag.name, begin)
	}
	p.skip(isSpace)
	if p.at(p.pos) != '=' {
		switch {
		case p.pos == len(p.src):
			return malformed("Unclosed start tag \"%s\" at byte offset %d", tag.name, begin)
		case tag.name == "blockquote" && name == "expandable":
			tag.value = "expandable"
			return nil
		}
		return malformed("Expected equal sign in declaration of an attribute of the tag \"%s\" at byte offset %d", tag.name, begin)
	}
	p.pos++
	p.skip(isSpace)
	if p.pos == len(p.src) {
		return malformed("Unclosed start tag \"%s\" at byte offset %d", tag.name, begin)
	}
	value, err := p.attributeValue()
	if err != nil {
		return err
	}
	if p.pos == len(p.src) {
		return malformed("Unclosed start tag at byte offset %d", begin)
	}
	switch tag.name + " " + name {
	case "a href", "tg-emoji emoji-id":
		tag.value = value
	case "code class":
		if lang, ok := strings.CutPrefix(value, "language-"); ok {
			tag.value = lang
		}
	case "span class":
		tag.value = strings.TrimPrefix(value, "tg-")
	case "blockquote expandable":
		tag.value = "expandable"
	}
	return nil
}

func (p *htmlParser) attributeValue() (string, error) {
	quote := p.src[p.pos]
	if quote != '"' && quote != '\'' {
		start := p.pos
		p.skip(func(c byte) bool {
			return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '.' || c == '-'
		})
		if c := p.at(p.pos); !isSpace(c) && c != '>' {
			return "", malformed("Unexpected end of name token at byte offset %d", start)
		}
		return strings.ToLower(p.src[start:p.pos]), nil
	}
	p.pos++
	var value strings.Builder
	counted := p.units // an attribute adds nothing to the text
	for p.pos < len(p.src) && p.src[p.pos] != quote {
		p.char(&value)
	}
	p.units = counted
	if p.pos < len(p.src) {
		p.pos++
	}
	return value.String(), nil
}

func (p *htmlParser) endTag() error {
	begin := p.pos
	if len(p.open) == 0 {
		return malformed("Unexpected end tag at byte offset %d", begin)
	}
	p.pos += 2
	p.skip(func(c byte) bool { return !isSpace(c) && c != '>' })
	name := strings.ToLower(p.src[begin+2 : p.pos])
	p.skip(isSpace)
	if p.at(p.pos) != '>' {
		return malformed("Unclosed end tag at byte offset %d", begin)
	}
	p.pos++
	tag := p.open[len(p.open)-1]
	if name != "" && name != tag.name {
		return malformed("Unmatched end tag at byte offset %d, expected \"</%s>\", found \"</%s>\"", begin, tag.name, name)
	}
	p.open = p.open[:len(p.open)-1]
	if p.units == tag.offset {
		return nil
	}
	e := Entity{Type: entityTypes[tag.name], Offset: tag.offset, Length: p.units - tag.offset}
	switch tag.name {
	case "a":
		return p.link(e, cmp.Or(tag.value, p.out.String()[tag.start:]))
	case "tg-emoji":
		return malformed("Invalid custom emoji identifier specified")
	case "code":
		e.Language = tag.value
	case "blockquote":
		if tag.value != "" {
			e.Type = "expandable_blockquote"
		}
	}
	p.entities = append(p.entities, e)
	return nil
}

// link adds a mention or a link; a link that Telegram would not follow becomes plain text.
func (p *htmlParser) link(e Entity, href string) error {
	u, err := url.Parse(href)
	switch {
	case err != nil:
		return nil //nolint:nilerr // Telegram drops what is no address
	case u.Scheme == "tg" && u.Host == "user":
		id, err := strconv.ParseInt(u.Query().Get("id"), 10, 64)
		if err != nil {
			return nil //nolint:nilerr // the same
		}
		e.Type, e.User = "text_mention", id
	case u.Scheme == "tg":
		e.URL = href
	case (u.Scheme == "http" || u.Scheme == "https") && strings.Contains(u.Hostname(), "."):
		if u.Path == "" {
			u.Path = "/"
		}
		e.URL = u.String()
	default:
		return nil
	}
	p.entities = append(p.entities, e)
	return nil
}

// tidy trims the text, keeps the entities inside it, sorts them (outer first) and drops those inside of code.
func tidy(text string, entities []Entity) (string, []Entity) {
	left := strings.TrimLeft(text, " \n\t")
	cut := units(text) - units(left)
	text = strings.TrimRight(left, " \n\t")
	size := units(text)
	var kept []Entity
	for _, e := range slices.Backward(entities) { // outer tags end later
		from, to := max(e.Offset-cut, 0), min(e.Offset-cut+e.Length, size)
		if from < to {
			e.Offset, e.Length = from, to-from
			kept = append(kept, e)
		}
	}
	slices.SortStableFunc(kept, func(a, b Entity) int {
		return cmp.Or(cmp.Compare(a.Offset, b.Offset), cmp.Compare(b.Length, a.Length))
	})
	var out []Entity
	codeEnd := 0
	for _, e := range kept {
		if e.Offset+e.Length <= codeEnd {
			if last := &out[len(out)-1]; last.Type == "pre" && e.Type == "code" {
				last.Language = e.Language
			}
			continue
		}
		if e.Type == "code" || e.Type == "pre" {
			codeEnd = e.Offset + e.Length
		}
		if e.Type == "code" {
			e.Language = ""
		}
		out = append(out, e)
	}
	return text, out
}
