package schema

import (
	"bytes"
	"errors"
	"math"
	"regexp/syntax"
	"slices"
	"strings"
)

// typeNames are the values of the keyword type and their bits.
var typeNames = map[string]uint8{
	"null": 1 << KindNull, "boolean": 1 << KindBool, "number": 1 << KindNumber, "integer": bitInteger,
	"string": 1 << KindString, "array": 1 << KindArray, "object": 1 << KindObject,
}

// general compiles type, enum and const.
func (c *compiler) general(n *node, v *value) {
	if t := v.get("type"); t != nil {
		n.types = c.types(t)
	}
	if list := v.get("enum"); list != nil {
		if list.kind != KindArray || len(list.items) == 0 {
			c.bad(list.at, "write an array of one or more values", "enum is not a list of values")
		} else {
			n.enums = append(n.enums, newEnum("enum", list.items))
		}
	}
	if one := v.get("const"); one != nil {
		n.enums = append(n.enums, newEnum("const", []*value{one}))
	}
}

func (c *compiler) types(v *value) uint8 {
	list := []*value{v}
	if v.kind == KindArray {
		list = v.items
	}
	var bits uint8
	for _, t := range list {
		bit := typeNames[t.text]
		if bit == 0 {
			do := "use null, boolean, number, integer, string, array or object"
			c.bad(t.at, do, "%s is not a type", cut(t.raw))
		} else if bits&bit != 0 {
			c.bad(t.at, "remove it", "the type %s stands twice", t.text)
		}
		bits |= bit
	}
	if len(list) == 0 {
		c.bad(v.at, "name one or more types", "no type is allowed")
	}
	return bits
}

func newEnum(rule string, items []*value) *enum {
	e := &enum{rule: rule}
	var texts, raws []string
	seen := map[string]bool{}
	for _, v := range items {
		raws = append(raws, string(v.raw))
		switch v.kind {
		case KindString:
			if !seen[v.text] {
				texts = append(texts, v.text)
			}
			seen[v.text] = true
		case KindNumber:
			e.numbers = append(e.numbers, v.number)
		case KindNull:
			e.words |= wordNull
		case KindBool:
			e.words |= wordOf(v.yes)
		default:
			var sc Scanner
			sc.Begin(v.raw)
			e.prints = append(e.prints, sc.fingerprint())
		}
	}
	e.texts = newNames(texts)
	if e.want = strings.Join(raws, ", "); len(items) > 1 {
		e.want = "one of " + e.want
	}
	return e
}

func wordOf(yes bool) uint8 {
	if yes {
		return wordTrue
	}
	return wordFalse
}

func (c *compiler) texts(n *node, v *value) {
	r := &textRules{min: c.count(v.get("minLength")), max: c.count(v.get("maxLength"))}
	n.text = r
	if p := v.get("pattern"); p != nil {
		r.pattern = c.pattern(p, p.text)
	}
	if f := v.get("format"); f != nil {
		var known []string
		for _, f := range formats {
			known = append(known, f.name)
		}
		if r.format = formatNamed(f.text); r.format == nil {
			c.bad(f.at, "use one of "+strings.Join(known, ", ")+", or pattern", "%s is not a format that is supported", cut(f.raw))
		}
	}
}

// pattern compiles a regular expression; a mistake is shown at its place inside the string.
func (c *compiler) pattern(at *value, source string) *pattern {
	if at.kind != KindString {
		c.bad(at.at, "write a string", "a pattern cannot be %s", at.kind.article())
		return nil
	}
	p, err := newPattern(source)
	if err == nil {
		return p
	}
	offset := at.at
	if broken, ok := errors.AsType[*syntax.Error](err); ok {
		if i := bytes.Index(at.raw, []byte(broken.Expr)); i > 0 {
			offset += i
		}
		do := "correct the regular expression"
		if strings.HasPrefix(broken.Expr, "(?") {
			do = "say it without look-ahead, look-behind or other extensions: patterns are RE2"
		} else if broken.Code == syntax.ErrInvalidEscape {
			do = "say it without back-references and unknown escapes: patterns are RE2"
		}
		c.bad(offset, do, "%s: %s", broken.Code, broken.Expr)
		return nil
	}
	c.bad(offset, "correct the regular expression", "%v", err)
	return nil
}

func (c *compiler) numbers(n *node, v *value) {
	r := &numberRules{low: math.MinInt64, high: math.MaxInt64}
	n.num = r
	for _, b := range []bound{
		{rule: "minimum", want: "at least "},
		{rule: "maximum", want: "at most ", upper: true},
		{rule: "exclusiveMinimum", want: "above ", strict: true},
		{rule: "exclusiveMaximum", want: "below ", upper: true, strict: true},
	} {
		limit := v.get(b.rule)
		if limit == nil {
			continue
		}
		if limit.kind != KindNumber {
			c.bad(limit.at, "write a number", "%s cannot be %s", b.rule, limit.kind.article())
			continue
		}
		b.limit = limit.number
		b.want += string(limit.raw)
		r.bounds = append(r.bounds, b)
		r.narrow(&b)
	}
	if m := v.get("multipleOf"); m != nil {
		r.multiple = c.divisor(m)
	}
}

// narrow takes the integers out of low to high that a bound may exclude.
func (r *numberRules) narrow(b *bound) {
	v, ok := b.limit.Int64()
	switch {
	case !ok || b.strict && (v == math.MinInt64 || v == math.MaxInt64):
		r.low, r.high = math.MaxInt64, math.MinInt64
	case b.upper && b.strict:
		r.high = min(r.high, v-1)
	case b.upper:
		r.high = min(r.high, v)
	case b.strict:
		r.low = max(r.low, v+1)
	default:
		r.low = max(r.low, v)
	}
}

func (c *compiler) divisor(v *value) *divisor {
	s := v.number.span()
	d := &divisor{exp: s.low, want: "a multiple of " + string(v.raw)}
	for x := v.number.Raw[s.from:s.to]; len(x) > 0 && d.mant < 1e17; {
		var one byte
		one, x = digit(x)
		d.mant = d.mant*10 + uint64(one)
		s.from = s.to - len(x)
	}
	if v.kind != KindNumber || v.number.neg || d.mant == 0 || s.from != s.to {
		c.bad(v.at, "write a number above 0 with at most 18 digits", "multipleOf cannot be %s", cut(v.raw))
		return nil
	}
	return d
}

func (c *compiler) array(n *node, v *value) {
	r := &arrayRules{min: c.count(v.get("minItems")), max: c.count(v.get("maxItems"))}
	n.arr = r
	if items := v.get("items"); items != nil {
		r.rest = c.schema(items)
		r.closed = items.kind == KindBool && !items.yes
	}
	r.prefix = c.list(v.get("prefixItems"))
	if u := v.get("uniqueItems"); u != nil {
		if u.kind != KindBool {
			c.bad(u.at, "write true or false", "uniqueItems cannot be %s", u.kind.article())
		}
		r.unique = u.yes
	}
}

func (c *compiler) object(n *node, v *value) {
	o := &objectRules{min: c.count(v.get("minProperties")), max: c.count(v.get("maxProperties"))}
	n.obj = o
	var list []string
	index := func(name string) *field {
		i := slices.Index(list, name)
		if i < 0 {
			i = len(list)
			list, o.fields = append(list, name), append(o.fields, field{})
		}
		return &o.fields[i]
	}
	c.each(v, "properties", func(m member) {
		f := index(m.name)
		f.node, f.declared = c.schema(m.value), true
	})
	c.each(v, "patternProperties", func(m member) {
		key := &value{kind: KindString, at: m.at, raw: c.data[m.at:m.value.at]}
		o.patterns = append(o.patterns, patternField{c.pattern(key, m.name), c.schema(m.value)})
	})
	if others := v.get("additionalProperties"); others != nil {
		o.others = c.schema(others)
		o.closed = others.kind == KindBool && !others.yes
	}
	if naming := v.get("propertyNames"); naming != nil {
		o.naming, o.hasNames = c.schema(naming), true
	}
	bits := 0
	bitsOf := func(v *value) (mask uint64) {
		for _, name := range c.names(v) {
			f := index(name)
			if f.bit == 0 {
				f.bit = 1 << bits // 0 from the 65th on
				bits++
			}
			mask |= f.bit
		}
		return mask
	}
	if required := v.get("required"); required != nil {
		o.required = bitsOf(required)
	}
	c.each(v, "dependentRequired", func(m member) {
		self := bitsOf(&value{kind: KindArray, items: []*value{{kind: KindString, text: m.name}}})
		o.depends = append(o.depends, dependency{"a value, because there is " + m.name, self, bitsOf(m.value)})
	})
	if bits > 64 || len(o.patterns) > 64 || len(list) > MaxFields {
		c.bad(v.at, "group some of them in an object of their own",
			"more than 64 required fields, 64 patterns or %d fields in one object", MaxFields)
	}
	o.known = newNames(list)
}
