package schema

// private compiles x-pii: true, the keyword that is ours alone.
func (c *compiler) private(n *node, v *value) {
	p := v.get("x-pii")
	if p.kind != KindBool {
		c.bad(p.at, "write true or false", "x-pii cannot be %s", p.kind.article())
	}
	n.pii = p.yes
}

// markPrivate notes where personal data lies, and reports whether there is any.
func (n *node) markPrivate(done map[*node]bool) bool {
	if n == nil || done[n] {
		return n != nil && n.private
	}
	done[n] = true
	n.private = n.pii
	for below := range n.below {
		if below.markPrivate(done) {
			n.private = true
		}
	}
	return n.private
}

// below leads through the schemas inside n that look at its value or at a part of it.
func (n *node) below(yield func(*node) bool) {
	var list []*node
	if o := n.obj; o != nil {
		for _, f := range o.fields {
			list = append(list, f.node)
		}
		for _, p := range o.patterns {
			list = append(list, p.node)
		}
		list = append(list, o.others)
	}
	if a := n.arr; a != nil {
		list = append(append(list, a.prefix...), a.rest)
	}
	if n.more != nil {
		for b := range n.more.each {
			list = append(list, b)
		}
	}
	for _, x := range list {
		if !yield(x) {
			return
		}
	}
}

// each leads through the schemas that may say something of the same value. What not excludes says nothing of it.
func (m *branches) each(yield func(*node) bool) {
	for _, list := range [...][]*node{m.all, m.any, m.one, {m.cond, m.then, m.otherwise}} {
		for _, n := range list {
			if !yield(n) {
				return
			}
		}
	}
}

// isPII reports whether n says of its own value that it is personal data.
func (n *node) isPII() bool {
	if n == nil || n.pii {
		return n != nil
	}
	if n.more != nil {
		for b := range n.more.each {
			if b.isPII() {
				return true
			}
		}
	}
	return false
}

// excludesPII reports whether x-pii stands where no value could be masked for it.
func (n *node) excludesPII() bool {
	done := map[*node]bool{}
	if n.more != nil {
		for _, x := range n.more.not {
			if x.markPrivate(done) {
				return true
			}
		}
	}
	return n.obj != nil && n.obj.naming.markPrivate(done)
}

// Private reports whether the schema marks personal data with x-pii.
func (s *Schema) Private() bool { return s.root != nil && s.root.private }

// HasPrivate reports whether any schema marks personal data with x-pii.
func (r *Registry) HasPrivate() bool {
	for _, list := range r.types {
		for _, v := range list {
			if v.schema.Private() {
				return true
			}
		}
	}
	return false
}
