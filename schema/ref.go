package schema

import (
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxPasses bounds how often a checked value may be read: each allOf, anyOf, oneOf, not, if and $ref with neighbours
// reads its value once more, and so does each level of them.
const maxPasses = 64

// ref compiles what a $ref points to: # and a JSON Pointer (RFC 6901) in the same file.
func (c *compiler) ref(v *value) *node {
	fragment, ok := strings.CutPrefix(v.text, "#")
	pointer, err := url.PathUnescape(fragment)
	if v.kind != KindString || !ok || err != nil || pointer != "" && pointer[0] != '/' {
		c.bad(v.at, `point into this file, such as "#/$defs/money"`, "%s is not a reference that is supported", cut(v.raw))
		return nil
	}
	target := c.root
	var tokens []string
	if pointer != "" {
		tokens = strings.Split(pointer[1:], "/")
	}
	for _, token := range tokens {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		if i, err := strconv.Atoi(token); err == nil && target.kind == KindArray && i >= 0 && i < len(target.items) {
			target = target.items[i]
		} else if target = target.get(token); target == nil {
			c.bad(v.at, "correct it, or add what it points to", "%s points to nothing", cut(v.raw))
			return nil
		}
	}
	if c.open[target.at] {
		c.bad(v.at, "write out as many levels as events have", "%s is a recursion, which is not supported", cut(v.raw))
		return nil
	}
	return c.schema(target)
}

// finish marks what holds personal data, and refuses a schema that would read its values too often.
func (c *compiler) finish(s *Schema) {
	s.root.markPrivate(map[*node]bool{})
	s.certain = s.root.certain(map[*node]bool{})
	if s.root.isPII() {
		c.bad(c.root.at, "say it of the fields that hold personal data", "x-pii of the whole payload")
	}
	for _, at := range slices.Sorted(maps.Keys(c.done)) {
		if n := c.done[at]; n != nil && n.excludesPII() {
			c.bad(at, "say it where the field is described", "x-pii does nothing under not and propertyNames")
		}
	}
	if n := passes(s.root, map[*node]int{}); n > maxPasses {
		c.bad(c.root.at, "flatten its allOf, anyOf, oneOf, not, if and $ref",
			"the schema reads parts of an event up to %d times, and %d are allowed", n, maxPasses)
	}
}

// passes is how often the deepest value under n is read at most.
func passes(n *node, memo map[*node]int) int {
	if n == nil {
		return 1
	}
	if p, ok := memo[n]; ok {
		return p
	}
	below := 1
	if o := n.obj; o != nil {
		sum := 0
		for _, p := range o.patterns {
			sum += passes(p.node, memo)
		}
		for _, f := range o.fields {
			if f.declared {
				below = max(below, passes(f.node, memo)+sum)
			}
		}
		below = max(below, sum, passes(o.others, memo))
	}
	if a := n.arr; a != nil {
		for _, p := range append(slices.Clone(a.prefix), a.rest) {
			below = max(below, passes(p, memo))
		}
		if a.unique {
			below++
		}
	}
	if m := n.more; m != nil {
		for _, list := range [][]*node{m.all, m.any, m.one, m.not} {
			for _, b := range list {
				below += passes(b, memo)
			}
		}
		if m.hasCond {
			below += passes(m.cond, memo) + max(passes(m.then, memo), passes(m.otherwise, memo))
		}
	}
	memo[n] = min(below, 1<<30)
	return memo[n]
}
