package ingest

import (
	"math/rand/v2"
	"regexp"
	"testing"
)

// What the intake checks by hand is what the manual says of it.
func TestWords(t *testing.T) {
	t.Parallel()
	g := rand.New(rand.NewPCG(1, 2))
	f := func(fits func([]byte) bool, pattern string, most int, letters string) {
		t.Helper()
		re, yes := regexp.MustCompile(pattern), 0
		for n := range 50_000 {
			v := make([]byte, g.IntN(8))
			if n%8 == 0 {
				v = make([]byte, most-2+g.IntN(5))
			}
			for i := range v {
				if v[i] = letters[g.IntN(len(letters))]; g.IntN(50) == 0 {
					v[i] = byte(g.IntN(256))
				}
			}
			want := len(v) <= most && re.Match(v)
			if want {
				yes++
			}
			if got := fits(v); got != want {
				t.Fatalf("%q: got %v", v, got)
			}
		}
		if yes < 2000 || yes > 49_000 {
			t.Errorf("%s: %d words fit", pattern, yes)
		}
	}
	f(isID, `^[A-Za-z0-9._:-]+$`, 100, `azAZ09._:-`)
	f(isType, `^[a-z][a-z0-9_]*(\.[a-z0-9_]+){1,4}$`, 100, `abcxyz_01.`)
	f(isName, `^[^\x00-\x1f\x7f]*$`, 64, ` !~aя"\`)
	f(isLocale, `^[A-Za-z0-9_-]*$`, 35, `azAZ09_-`)
}
