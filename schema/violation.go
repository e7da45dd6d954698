package schema

import (
	"math/bits"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"leadline"
)

// maxGot bounds the excerpt of a value in a violation.
const maxGot = 64

// fail reports a violation of the value at an offset. It is always false.
func (c *checker) fail(at int, rule, expected string) bool {
	return c.tell(at, "", leadline.Violation{Rule: rule, Expected: expected})
}

// failCount is fail where a number is expected; nothing is put together that nobody hears.
func (c *checker) failCount(at int, rule, before string, n int, after string) bool {
	if c.quiet {
		return false
	}
	return c.fail(at, rule, before+" "+strconv.Itoa(n)+" "+after)
}

func (c *checker) failType(at int, n *node) bool {
	if c.quiet {
		return false
	}
	return c.fail(at, "type", n.typeList())
}

// tell fills in the place and the value, and reports.
func (c *checker) tell(at int, field string, v leadline.Violation) bool {
	if c.quiet || c.left == 0 {
		return false
	}
	c.left--
	to := at
	if field == "" {
		var sc Scanner
		sc.Begin(c.sc.data)
		sc.pos = at
		sc.skip()
		to = sc.pos
	}
	place, secret := c.keepsSecret(at, to)
	path := pointer(c.sc.data, c.base, place)
	switch {
	case field != "" && place == at:
		path = appendToken(path, []byte(field))
	case !secret:
		v.Got = cut(c.sc.data[at:to])
	}
	v.Pointer = string(path)
	c.report(v)
	return false
}

// keepsSecret reports whether a value holds, or lies in, what must not be told, and the place that may be named.
func (c *checker) keepsSecret(from, to int) (place int, secret bool) {
	if !c.looked {
		c.secret, c.looked = secrets(c.schema, c.sc.data, c.base), true
	}
	place = from
	for _, s := range c.secret {
		if from < s.to && s.from < to || s.from <= from && from < s.to {
			secret = true
			if s.from < from {
				place = s.from
			}
		}
	}
	return place, secret
}

// cut is raw, with at most 64 bytes.
func cut(raw []byte) string {
	const dots = "…"
	if len(raw) <= maxGot {
		return strings.ToValidUTF8(string(raw), "�")
	}
	n := maxGot - len(dots)
	for n > 0 && !utf8.RuneStart(raw[n]) {
		n--
	}
	return string(raw[:n]) + dots
}

func (c *checker) wrongType(n *node, kind Kind) bool {
	at := c.sc.pos
	if kind == KindNone {
		return c.sc.skip() // which says what is wrong
	}
	if c.quiet || !c.sc.skip() {
		return false
	}
	if n.types == 0 {
		return c.fail(at, "false", "no value here")
	}
	return c.failType(at, n)
}

func (n *node) typeList() string {
	var list []string
	for _, name := range []string{"object", "array", "string", "number", "integer", "boolean", "null"} {
		if n.types&typeNames[name] != 0 {
			list = append(list, name)
		}
	}
	return strings.Join(list, " or ")
}

// unknownField reports the field whose name was just read and passes its value.
func (c *checker) unknownField(o *objectRules) bool {
	if c.quiet {
		return false
	}
	var known []string
	for i, f := range o.fields {
		if f.declared {
			known = append(known, o.known.list[i])
		}
	}
	near := nearest(string(c.sc.Name()), known)
	at := c.sc.Offset()
	if !c.sc.skip() {
		return false
	}
	v := leadline.Violation{Rule: "additionalProperties", Expected: "no field of this name", Nearest: near}
	return c.tell(at, "", v)
}

// missing reports the fields of these bits, each with the pointer that it would have.
func (c *checker) missing(o *objectRules, at int, mask uint64, rule, expected string) {
	if c.quiet {
		return
	}
	for ; mask != 0; mask &= mask - 1 {
		bit := uint64(1) << bits.TrailingZeros64(mask)
		i := slices.IndexFunc(o.fields, func(f field) bool { return f.bit == bit })
		c.tell(at, o.known.list[i], leadline.Violation{Rule: rule, Expected: expected})
	}
}

// pointer is the JSON Pointer (RFC 6901), from the value at base, of the value or field name at an offset. It reads
// the text once more, which costs nothing where nothing is wrong. The text may be broken behind the offset.
func pointer(data []byte, base, at int) []byte {
	var path []byte
	for base < at {
		var sc Scanner
		sc.Begin(data)
		sc.pos = base
		switch sc.Kind() {
		case KindObject:
			path, base = intoObject(&sc, path, at)
		case KindArray:
			path, base = intoArray(&sc, path, at)
		default:
			return path
		}
	}
	return path
}

// intoObject appends the name of the field that holds the offset and returns where that field's value begins.
func intoObject(sc *Scanner, path []byte, at int) ([]byte, int) {
	for sc.Object(); sc.Key(); {
		before := len(path)
		path = appendToken(path, sc.Name())
		from := sc.Offset()
		if !sc.skip() || at < sc.pos {
			return path, from
		}
		path = path[:before]
	}
	return path, at
}

func intoArray(sc *Scanner, path []byte, at int) ([]byte, int) {
	sc.Array()
	for i := 0; sc.Next(); i++ {
		from := sc.Offset()
		if !sc.skip() || at < sc.pos {
			return strconv.AppendInt(append(path, '/'), int64(i), 10), from
		}
	}
	return path, at
}

func appendToken(path, name []byte) []byte {
	path = append(path, '/')
	if !Plain(name) {
		return append(path, "…"...)
	}
	for _, b := range name {
		switch b {
		case '~':
			path = append(path, "~0"...)
		case '/':
			path = append(path, "~1"...)
		default:
			path = append(path, b)
		}
	}
	return path
}
