package schema

import (
	"fmt"
	"slices"
	"strings"

	"leadline"
	"leadline/source"
)

// group is the part of the compiler that a keyword belongs to.
type group uint8

const (
	groupDoc group = iota + 1
	groupRoot
	groupDefs
	groupAny
	groupText
	groupNumber
	groupObject
	groupArray
	groupBranch
	groupPrivate
)

var keywords = func() map[string]group {
	m := map[string]group{}
	for g, list := range map[group]string{
		groupDoc:     "title description default examples deprecated readOnly writeOnly $comment",
		groupRoot:    "$schema $id",
		groupDefs:    "$defs",
		groupAny:     "type enum const",
		groupText:    "minLength maxLength pattern format",
		groupNumber:  "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
		groupObject:  "properties required additionalProperties patternProperties propertyNames dependentRequired minProperties maxProperties",
		groupArray:   "items prefixItems minItems maxItems uniqueItems",
		groupBranch:  "$ref allOf anyOf oneOf not if then else",
		groupPrivate: "x-pii",
	} {
		for k := range strings.FieldsSeq(list) {
			m[k] = g
		}
	}
	return m
}()

const draft = "https://json-schema.org/draft/2020-12/schema"

// compiler makes nodes of one file's values and collects what is wrong with them.
type compiler struct {
	file string
	data []byte
	root *value
	done map[int]*node // by offset
	open map[int]bool  // being made: a $ref to one is a recursion
	errs source.Errors
}

func (c *compiler) bad(at int, do, format string, args ...any) {
	c.errs = append(c.errs, problem(c.file, c.data, at, fmt.Sprintf(format, args...), do))
}

// schema compiles a value that has to be a schema.
func (c *compiler) schema(v *value) *node {
	switch v.kind {
	case KindBool:
		if v.yes {
			return nil
		}
		return &node{}
	case KindObject:
	default:
		c.bad(v.at, "write an object, true or false", "a schema cannot be %s", v.kind.article())
		return nil
	}
	if n, ok := c.done[v.at]; ok {
		return n
	}
	c.open[v.at] = true
	n := &node{types: anyType}
	seen := map[group]bool{}
	for _, m := range v.fields {
		g, ok := keywords[m.name]
		if !ok {
			c.unknown(m)
		}
		if !seen[g] {
			c.group(g, n, v)
			seen[g] = true
		}
	}
	n = n.simplest()
	delete(c.open, v.at)
	c.done[v.at] = n
	c.examples(n, v.get("examples"))
	return n
}

// examples have to fit: documentation that lies is worse than none.
func (c *compiler) examples(n *node, list *value) {
	if list == nil || len(c.errs) > 0 {
		return
	}
	for _, item := range list.items {
		(&Schema{root: n}).Check(item.raw, func(v leadline.Violation) {
			c.bad(item.at, "correct the example or the schema", "the example breaks %s at %q: expected %s", v.Rule, v.Pointer, v.Expected)
		})
	}
}

func (c *compiler) group(g group, n *node, v *value) {
	switch g {
	case groupRoot:
		c.identity(v)
	case groupDefs:
		c.each(v, "$defs", func(m member) { c.schema(m.value) })
	case groupAny:
		c.general(n, v)
	case groupText:
		c.texts(n, v)
	case groupNumber:
		c.numbers(n, v)
	case groupObject:
		c.object(n, v)
	case groupArray:
		c.array(n, v)
	case groupBranch:
		c.branch(n, v)
	case groupPrivate:
		c.private(n, v)
	case groupDoc:
	}
}

// simplest is n, what n refers to where it does nothing else, or nil where n allows everything.
func (n *node) simplest() *node {
	if n.pii || n.types != anyType || n.enums != nil || n.text != nil || n.num != nil || n.obj != nil || n.arr != nil {
		return n
	}
	if n.more == nil {
		return nil
	}
	if m := n.more; len(m.all) == 1 && !m.anyOf && !m.oneOf && m.not == nil && !m.hasCond {
		return m.all[0]
	}
	return n
}

func (c *compiler) unknown(m member) {
	list := make([]string, 0, len(keywords))
	for k := range keywords {
		list = append(list, k)
	}
	do := "remove it: nothing would check what it says"
	if near := nearest(m.name, list); near != "" {
		do = "did you mean " + near + "?"
	}
	c.bad(m.at, do, "the keyword %q is not supported", m.name)
}

// nearest bounds the length first: the search costs its square, and a longer name is no slip of the finger.
func nearest(name string, known []string) string {
	if len(name) > 64 {
		return ""
	}
	return source.Nearest(name, known)
}

func (c *compiler) identity(v *value) {
	if v != c.root {
		for _, m := range v.fields {
			if keywords[m.name] == groupRoot {
				c.bad(m.at, "remove it", "%s can stand at the root of a schema only", m.name)
			}
		}
		return
	}
	if s := v.get("$schema"); s != nil && strings.TrimSuffix(s.text, "#") != draft {
		c.bad(s.at, `write "`+draft+`" or remove it`, "not a dialect that is supported")
	}
	if id := v.get("$id"); id != nil && id.kind != KindString {
		c.bad(id.at, "write a string", "$id cannot be %s", id.kind.article())
	}
}

// each leads through the fields of a keyword that is an object.
func (c *compiler) each(schema *value, name string, f func(member)) {
	v := schema.get(name)
	if v == nil {
		return
	}
	if v.kind != KindObject {
		c.bad(v.at, "write an object", "%s cannot be %s", name, v.kind.article())
		return
	}
	for _, m := range v.fields {
		f(m)
	}
}

// list is the schemas of an array that must not be empty.
func (c *compiler) list(v *value) []*node {
	if v == nil {
		return nil
	}
	if v.kind != KindArray || len(v.items) == 0 {
		c.bad(v.at, "write an array of one or more schemas", "not a list of schemas")
		return nil
	}
	var out []*node
	for _, item := range v.items {
		out = append(out, c.schema(item))
	}
	return out
}

// names is an array of different strings.
func (c *compiler) names(v *value) []string {
	var out []string
	if v.kind != KindArray {
		c.bad(v.at, "write an array of strings", "a list of names cannot be %s", v.kind.article())
		return nil
	}
	for _, item := range v.items {
		switch {
		case item.kind != KindString:
			c.bad(item.at, "write a string", "a name cannot be %s", item.kind.article())
		case slices.Contains(out, item.text):
			c.bad(item.at, "remove it", "%q stands twice", item.text)
		default:
			out = append(out, item.text)
		}
	}
	return out
}

// count is a number of things; -1 where the keyword is not there.
func (c *compiler) count(v *value) int {
	if v == nil {
		return -1
	}
	n, ok := v.number.Int64()
	if v.kind != KindNumber || !ok || n < 0 || n > 1<<31 {
		c.bad(v.at, "write a whole number, 0 or more", "%s is not a count", cut(v.raw))
		return -1
	}
	return int(n)
}

func (c *compiler) branch(n *node, v *value) {
	b := &branches{}
	n.more = b
	if ref := v.get("$ref"); ref != nil {
		b.all = append(b.all, c.ref(ref))
	}
	b.all = append(b.all, c.list(v.get("allOf"))...)
	b.any, b.anyOf = c.list(v.get("anyOf")), v.get("anyOf") != nil
	b.one, b.oneOf = c.list(v.get("oneOf")), v.get("oneOf") != nil
	if not := v.get("not"); not != nil {
		b.not = []*node{c.schema(not)}
	}
	then, otherwise := v.get("then"), v.get("else")
	if then != nil {
		b.then = c.schema(then)
	}
	if otherwise != nil {
		b.otherwise = c.schema(otherwise)
	}
	if cond := v.get("if"); cond != nil {
		b.cond, b.hasCond = c.schema(cond), true
	} else if then != nil || otherwise != nil {
		for _, m := range v.fields {
			if m.name == "then" || m.name == "else" {
				c.bad(m.at, "add if, or remove it", "%s does nothing without if", m.name)
			}
		}
	}
}
