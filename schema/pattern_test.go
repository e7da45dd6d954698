package schema

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// TestClassRun compares the short cut with package regexp, on texts that nearly match.
func TestClassRun(t *testing.T) {
	t.Parallel()
	g := &generator{Rand: rand.New(rand.NewPCG(5, 8))}
	f := func(expr string, simple bool) {
		t.Helper()
		p, err := newPattern(expr)
		if err != nil {
			t.Fatal(err)
		}
		if (p.run != nil) != simple {
			t.Fatalf("%s: the short cut is taken: %v", expr, p.run != nil)
		}
		if !simple {
			return
		}
		matches := 0
		for range 2000 {
			b := []byte(g.matching(expr))
			for range g.IntN(3) {
				if i := g.IntN(len(b) + 1); g.chance(50) {
					b = append(b[:i:i], append([]byte("a0-Zж\n"[g.IntN(7):]), b[i:]...)...)
				} else if i < len(b) {
					b = append(b[:i:i], b[i+1:]...)
				}
			}
			want := p.re.Match(b)
			if want {
				matches++
			}
			if got := p.match(b); got != want {
				t.Fatalf("%s on %q: got %v, want %v", expr, b, got, want)
			}
		}
		if matches == 0 || matches == 2000 {
			t.Errorf("%s: %d of 2000 texts match", expr, matches)
		}
	}
	f(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`, true)
	f(`^[A-Za-z0-9_-]{1,64}$`, true)
	f(`^[a-z][a-z0-9_]*$`, true)
	f(`^[a-z]+[0-9]?-?[A-Z]*$`, true)
	f(`^pro`, true)
	f(`^prö[0-9]+`, true)
	f(`^\d{4}-\d{2}-\d{2}$`, true)
	f(`^a*$`, true)
	f(`^[a-z]*z$`, false)     // the run would take the z
	f(`^a?b?a$`, false)       // and here the a
	f(`^[a-z]{1,3}b`, false)  // and here the b
	f(`^[^/]+$`, false)       // not ASCII only
	f(`^(pro|basic)$`, false) // alternatives
	f(`[a-z]+$`, false)       // no beginning
	f(`(?i)^eur$`, false)
	f(`(?m)^a$`, false)
	f(`^a+?b`, false)
	f(`^[a-z]+(\.[a-z]+)*$`, false)
}

func TestFormats(t *testing.T) {
	t.Parallel()
	f := func(name, text string, want bool) {
		t.Helper()
		if got := formatNamed(name).ok([]byte(text)); got != want {
			t.Errorf("%s %q: got %v", name, text, got)
		}
	}
	// What the official suite leaves out.
	f("date", "", false)
	f("date", "2000-02-29", true)
	f("date", "1900-02-29", false)
	f("date", "2026-00-10", false)
	f("date", "2026-01-00", false)
	f("date-time", "2026-03-20T19:30:27.Z", false)
	f("date-time", "2026-03-20T19:30:27,5Z", false)
	f("date-time", "2026-03-20T19:30:27", false)
	f("date-time", "2026-03-20T+1:30:27Z", false)
	f("date-time", "2026-03-20 19:30:27Z", false)
	f("date-time", "2017-01-01T00:59:60+01:00", true)
	f("date-time", "2026-03-20T19:30:27+24:00", false)
	f("ipv4", "", false)
	f("ipv4", "1.2.3.", false)
	f("ipv4", "1.2.3.4.", false)
	f("ipv4", "+1.2.3.4", false)
	f("ipv4", "0.0.0.0", true)
	f("ipv6", "::ffff:1.2.3.4", true)
	f("ipv6", "1.2.3.4", false)
	f("email", "@example.org", false)
	f("email", "a@", false)
	f("email", "a@-b.example", false)
	f("email", "a@b-.example", false)
	f("email", "a@b..example", false)
	f("email", "a b@example.org", false)
	f("email", `"a`+"\x7f"+`"@example.org`, false)
	f("email", strings.Repeat("a", 65)+"@example.org", false)
	f("email", "a@"+strings.Repeat("b", 64)+".example", false)
	f("uri", "", false)
	f("uri", "urn:", true)
	f("uri", "1http://a", false)
	f("uri", "http://a:80/b%2Fc?d=%C3%A9#e", true)
	f("uri", "http://a/%zz", false)
	f("uri", "http://a/%4", false)
	f("uri", "http://a/b c", false)
	f("uri", "http://a/é", false)
	f("uri", "http://a/<b>", false)
	f("uri", "http://a:b/", false)
	f("uri", "http://[::1]:8080/", true)
	f("uri", "http://[::1]x/", false)
	f("uri", "http://[::1/", false)
	f("uri", "http://a#b#c", false)
	f("uri", "tg://resolve?domain=acme_leads_bot&start=c_1", true)
	f("uuid", "4bf92f35-77b3-4da6-a3ce-929d0e0e473-", false)
	f("uuid", "4bf92f35-77b3-4da6-a3ce-929d0e0e47360", false)
}
