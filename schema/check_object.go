package schema

func (c *checker) object(n *node) bool {
	sc, o := c.sc, n.obj
	at := sc.pos
	ok := n.enums == nil || c.oneOfPrints(n)
	if !ok && c.quiet {
		return false
	}
	if o == nil {
		return sc.skip() && ok
	}
	if !sc.Object() {
		return false
	}
	var seen uint64
	count := 0
	for sc.Key() {
		count++
		if o.hasNames && !c.fieldName(o.naming) {
			ok = false
		}
		child, declared := o.others, false
		if i := o.find(sc); i >= 0 {
			f := &o.fields[i]
			seen |= f.bit
			if f.declared {
				child, declared = f.node, true
			}
		}
		switch {
		case len(o.patterns) > 0:
			ok = c.patterned(o, child, declared) && ok
		case declared || !o.closed:
			ok = c.value(child) && ok
		default:
			ok = c.unknownField(o)
		}
		if !ok && c.quiet {
			return false
		}
	}
	if !sc.ok() {
		return false
	}
	if missing := o.required &^ seen; missing != 0 {
		c.missing(o, at, missing, "required", "a value")
		ok = false
	}
	for _, d := range o.depends {
		if missing := d.required &^ seen; d.when&seen != 0 && missing != 0 {
			c.missing(o, at, missing, "dependentRequired", d.want)
			ok = false
		}
	}
	if count < o.min {
		ok = c.failCount(at, "minProperties", "at least", o.min, "fields")
	}
	if o.max >= 0 && count > o.max {
		ok = c.failCount(at, "maxProperties", "at most", o.max, "fields")
	}
	return ok
}

// patterned checks a field's value against its own schema and those of all patterns that its name matches; the schema
// for other fields counts only where none of them does.
func (c *checker) patterned(o *objectRules, child *node, declared bool) bool {
	sc := c.sc
	var matches uint64
	for i := range o.patterns {
		if o.patterns[i].pattern.match(sc.Name()) {
			matches |= 1 << i
		}
	}
	if matches == 0 {
		if !declared && o.closed {
			return c.unknownField(o)
		}
		return c.value(child)
	}
	ok := true
	start := sc.mark()
	if declared {
		ok = c.value(child)
		if !ok && (c.quiet || !sc.ok()) {
			return false
		}
	}
	for i := range o.patterns {
		if matches>>i&1 == 0 {
			continue
		}
		sc.reset(start)
		ok = c.value(o.patterns[i].node) && ok
		if !ok && (c.quiet || !sc.ok()) {
			return false
		}
	}
	return ok
}

// fieldName checks the name that was just read, by reading it once more as a value.
func (c *checker) fieldName(n *node) bool {
	sc := c.sc
	after := sc.mark()
	sc.pos = sc.nameAt
	ok := c.value(n)
	if sc.ok() && sc.nameLen == inScratch { // checking it has used the buffer that it lies in
		sc.pos = sc.nameAt
		sc.Text()
	}
	sc.reset(after)
	return ok
}

// branched checks a value and then, once more from its start, the schemas that $ref, allOf and so on lay over it.
func (c *checker) branched(n *node) bool {
	sc, m := c.sc, n.more
	start := sc.mark()
	at := sc.Offset()
	ok := c.plain(n)
	if !sc.ok() || !ok && c.quiet {
		return false
	}
	end := sc.mark()
	for _, b := range m.all {
		sc.reset(start)
		if ok = c.value(b) && ok; !ok && c.quiet {
			return false
		}
	}
	if m.anyOf && c.fitting(start, m.any, 1) == 0 {
		ok = c.failCount(at, "anyOf", "at least one of", len(m.any), "alternatives")
	}
	if m.oneOf {
		if k := c.fitting(start, m.one, 2); k != 1 {
			rest := "alternatives, and none fits"
			if k > 1 {
				rest = "alternatives, and more fit"
			}
			ok = c.failCount(at, "oneOf", "exactly one of", len(m.one), rest)
		}
	}
	if m.not != nil && c.fitting(start, m.not, 1) == 1 {
		ok = c.fail(at, "not", "something that the schema excludes")
	}
	if m.hasCond {
		then := m.otherwise
		if c.fits(start, m.cond) {
			then = m.then
		}
		sc.reset(start)
		ok = c.value(then) && ok
	}
	if !ok && c.quiet {
		return false
	}
	sc.reset(end)
	return ok
}

// fitting counts the schemas that fit the value at start, up to enough.
func (c *checker) fitting(start mark, list []*node, enough int) int {
	k := 0
	for _, n := range list {
		if k < enough && c.fits(start, n) {
			k++
		}
	}
	return k
}

// fits checks without a word.
func (c *checker) fits(start mark, n *node) bool {
	was := c.quiet
	c.quiet = true
	c.sc.reset(start)
	ok := c.value(n)
	c.quiet = was
	return ok
}
