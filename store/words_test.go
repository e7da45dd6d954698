package store

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

// The rows of a words column are the words that were added, and its dictionary has each of them once; also when they
// share their slots, and in a column that was used before.
func TestWords(t *testing.T) {
	t.Parallel()
	var c words
	alike := rapid.Map(rapid.IntRange(0, 400), func(n int) string { return fmt.Sprint(n, "-campaign") }) // one slot
	word := rapid.OneOf(rapid.StringN(0, 10, 20), rapid.SampledFrom([]string{"", "ok", "a", "\x00"}), alike)
	rapid.Check(t, func(t *rapid.T) {
		c.Reset()
		some := rapid.SliceOfN(word, 1, 50).Draw(t, "some")
		pick := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 0))
		var want []string
		for range rapid.IntRange(0, 600).Draw(t, "rows") {
			want = append(want, some[pick.IntN(len(some))])
		}
		for _, w := range want {
			c.add(w)
		}
		if c.Rows() != len(want) {
			t.Fatalf("%d rows, want %d", c.Rows(), len(want))
		}
		seen := map[string]bool{}
		for i := range c.index.Rows() {
			if w := c.index.Row(i); seen[w] {
				t.Fatalf("%q is twice in the dictionary", w)
			} else {
				seen[w] = true
			}
		}
		for i, w := range want {
			if got := c.index.Row(int(c.keys[i])); got != w {
				t.Fatalf("row %d: got %q, want %q", i, got, w)
			}
		}
		for _, w := range want {
			delete(seen, w)
		}
		if len(seen) > 0 {
			t.Fatalf("the dictionary still has %v", seen)
		}
	})
}
