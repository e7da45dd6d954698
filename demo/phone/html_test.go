package phone

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func TestHTML(t *testing.T) {
	t.Parallel()
	f := func(src, text string, want ...Entity) {
		t.Helper()
		got, entities, err := parseHTML(src)
		if err != nil {
			t.Errorf("%q: %v", src, err)
			return
		}
		got, entities = tidy(got, entities)
		if got != text {
			t.Errorf("%q: text %q, want %q", src, got, text)
		}
		if diff := cmp.Diff(want, entities); diff != "" {
			t.Errorf("%q (-want +got):\n%s", src, diff)
		}
	}
	e := func(kind string, offset, length int) Entity {
		return Entity{Type: kind, Offset: offset, Length: length}
	}
	f("plain", "plain")
	f("<b>a</b> <strong>b</strong>", "a b", e("bold", 0, 1), e("bold", 2, 1))
	f("<i>a</i><em>b</em><u>c</u><ins>d</ins>", "abcd", e("italic", 0, 1), e("italic", 1, 1), e("underline", 2, 1), e("underline", 3, 1))
	f("<s>a</s><strike>b</strike><del>c</del>", "abc", e("strikethrough", 0, 1), e("strikethrough", 1, 1), e("strikethrough", 2, 1))
	f(`<tg-spoiler>a</tg-spoiler><span class="tg-spoiler">b</span>`, "ab", e("spoiler", 0, 1), e("spoiler", 1, 1))
	f("<B>case</B>", "case", e("bold", 0, 4))
	f("<b>a<i>b</i></b>", "ab", e("bold", 0, 2), e("italic", 1, 1))
	f("<b><i>same</i></b>", "same", e("bold", 0, 4), e("italic", 0, 4))
	f("<b>a</>", "a", e("bold", 0, 1))
	f("🔴<b>😀</b>x", "🔴😀x", e("bold", 2, 2)) // UTF-16 units
	f("&lt;b&gt; &amp;amp; &quot; &#65; &#x1F600; &nbsp; &lt", `<b> &amp; " A 😀 &nbsp; <`)
	f("a & b &; &#0; &#x110000;", "a & b &; &#0; &#x110000;")
	f("  \n<b> x </b>\n ", "x", e("bold", 0, 1))
	f("<b></b>x", "x")
	f("<b> </b>", "")
	f("<code>a<b>b</b></code>", "ab", e("code", 0, 2))
	f(`<pre><code class="language-sql">SELECT</code></pre>`, "SELECT", Entity{Type: "pre", Length: 6, Language: "sql"})
	f("<blockquote>q</blockquote><blockquote expandable>r</blockquote>", "qr", e("blockquote", 0, 1), e("expandable_blockquote", 1, 1))
	f(`<a href="https://example.org">x</a>`, "x", Entity{Type: "text_link", Length: 1, URL: "https://example.org/"})
	f(`<a href='https://example.org/?a=1&amp;b=2'>x</a>`, "x", Entity{Type: "text_link", Length: 1, URL: "https://example.org/?a=1&b=2"})
	f(`<a href="http://localhost:8080/i/1">x</a>`, "x") // Telegram links no host without a dot
	f(`<a href="javascript:alert(1)">x</a>`, "x")
	f(`<a href="tg://user?id=1001">Anna</a>`, "Anna", Entity{Type: "text_mention", Length: 4, User: 1001})
}

func TestHTMLErrors(t *testing.T) {
	t.Parallel()
	f := func(src, want string) {
		t.Helper()
		_, _, err := parseHTML(src)
		if err == nil || err.Error() != want {
			t.Errorf("%q\n got %v\nwant %s", src, err, want)
		}
	}
	f("a <stage>", `Unsupported start tag "stage" at byte offset 2`)
	f("é <br/>", `Unsupported start tag "br/" at byte offset 3`)
	f("1 < 2", `Unsupported start tag "" at byte offset 2`)
	f("1 <2", `Unclosed start tag at byte offset 2`)
	f("<b>x", `Can't find end tag corresponding to start tag "b"`)
	f("x</b>", `Unexpected end tag at byte offset 1`)
	f("<b>x</i>", `Unmatched end tag at byte offset 4, expected "</b>", found "</i>"`)
	f("<b>x</b", `Unclosed end tag at byte offset 4`)
	f("<a href=a/b>x</a>", `Unexpected end of name token at byte offset 8`)
	f(`<a href="x`, `Unclosed start tag at byte offset 0`)
	f(`<a x>y</a>`, `Expected equal sign in declaration of an attribute of the tag "a" at byte offset 0`)
	f(`<a ="x">y</a>`, `Empty attribute name in the tag "a" at byte offset 0`)
	f(`<span>x</span>`, `Tag "span" must have class "tg-spoiler" at byte offset 0`)
	f(`&#xd83d;`, "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units")
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{"", "<b>a</b>", "<a href='", "&#", "</", "<pre><code class=language-go>x</code></pre>", "<b><i>😀</i></b>", "a<b>b</", "&#xd800;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		if !utf8.ValidString(src) {
			return
		}
		text, entities, err := parseHTML(src)
		if err != nil {
			return
		}
		text, entities = tidy(text, entities)
		if !utf8.ValidString(text) {
			t.Errorf("%q became invalid UTF-8", src)
		}
		for _, e := range entities {
			if e.Type == "" || e.Offset < 0 || e.Length <= 0 || e.Offset+e.Length > units(text) {
				t.Errorf("%q: entity %+v outside of %q", src, e, text)
			}
		}
		if !strings.ContainsAny(src, "<&") && text != strings.Trim(src, " \n\t") {
			t.Errorf("%q became %q", src, text)
		}
	})
}
