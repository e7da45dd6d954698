package schema

// notes are the stretches that a check found to be personal data in a value that it accepted, so that masking them
// needs no second look at it.
type notes struct {
	by   *Schema   // whose check it was, nil: the notes are not all there is
	list []stretch // counted from where the value begins
}

// maxNotes bounds what one sender can make a Scanner keep.
const maxNotes = 256

// personal checks a value that is personal data and notes it, in place of what was noted inside it.
func (c *checker) personal(n *node) bool {
	notes := &c.sc.notes
	from, before := c.sc.Offset(), len(notes.list)
	var ok bool
	if n.more != nil {
		ok = c.branched(n)
	} else {
		ok = c.plain(n)
	}
	if notes.list = notes.list[:before]; before == maxNotes {
		c.more = true
		return ok
	}
	notes.list = append(notes.list, stretch{from - c.base, c.sc.pos - c.base})
	return ok
}

// certain reports whether a check that accepts a value reads by n all that x-pii marks in it. Under anyOf, oneOf and if
// it does not: not every branch is read, and one that does not fit marks all the same.
func (n *node) certain(done map[*node]bool) bool {
	if n == nil || !n.private || done[n] {
		return true
	}
	done[n] = true
	if m := n.more; m != nil {
		for _, list := range [...][]*node{m.any, m.one, {m.cond, m.then, m.otherwise}} {
			for _, b := range list {
				if b != nil && b.private {
					return false
				}
			}
		}
	}
	for below := range n.below {
		if !below.certain(done) {
			return false
		}
	}
	return true
}

// Recall marks what Look(s, false) would. It reads the document only where s.CheckNext, which must have accepted it as
// the last value that it checked in sc, could not note what is personal on the way.
func (m *Masker) Recall(s *Schema, sc *Scanner) {
	if sc.notes.by != s {
		m.Look(s, false)
		return
	}
	m.spans = append(m.spans, sc.notes.list...)
}
