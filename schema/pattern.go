package schema

import (
	"regexp"
	"regexp/syntax"
	"slices"
)

// classRun matches what ^, ASCII character classes with repetitions and perhaps $ make of a text, such as
// ^[a-z][a-z0-9_]{2,31}$, some twenty times faster than package regexp. It is built only where taking as much as
// possible at each step can never be wrong.
type classRun struct {
	steps []step
	end   bool // $
}

type step struct {
	set      [4]uint64
	min, max int // max < 0: no limit
}

func (s *step) has(c byte) bool { return s.set[c>>6]>>(c&63)&1 == 1 }

func (r *classRun) match(b []byte) bool {
	for i := range r.steps {
		s, n := &r.steps[i], 0
		for n < len(b) && n != s.max && s.has(b[n]) {
			n++
		}
		if n < s.min {
			return false
		}
		b = b[n:]
	}
	return !r.end || len(b) == 0
}

func newPattern(source string) (*pattern, error) {
	re, err := regexp.Compile(source)
	if err != nil {
		return nil, err
	}
	p := &pattern{want: "a match of " + source, re: re}
	if tree, err := syntax.Parse(source, syntax.Perl); err == nil {
		p.run = newClassRun(tree)
	}
	return p, nil
}

// newClassRun is nil where the expression is not that simple.
func newClassRun(tree *syntax.Regexp) *classRun {
	if tree.Op != syntax.OpConcat || tree.Sub[0].Op != syntax.OpBeginText {
		return nil
	}
	r := &classRun{}
	subs := tree.Sub[1:]
	if n := len(subs); n > 0 && subs[n-1].Op == syntax.OpEndText {
		r.end = true
		subs = subs[:n-1]
	}
	for _, sub := range subs {
		steps := newSteps(sub)
		if steps == nil {
			return nil
		}
		r.steps = append(r.steps, steps...)
	}
	if !r.greedy() {
		return nil
	}
	return r
}

// greedy reports whether no step can take a byte that a later one needs.
func (r *classRun) greedy() bool {
	for i, s := range r.steps {
		if s.min == s.max {
			continue
		}
		for _, next := range r.steps[i+1:] {
			for k := range s.set {
				if s.set[k]&next.set[k] != 0 {
					return false
				}
			}
			if next.min > 0 {
				break
			}
		}
	}
	return true
}

func newSteps(re *syntax.Regexp) []step {
	once := func(sub []*syntax.Regexp, low, high int) []step {
		steps := newSteps(sub[0])
		if len(steps) != 1 || steps[0].min != 1 || steps[0].max != 1 {
			return nil
		}
		steps[0].min, steps[0].max = low, high
		return steps
	}
	if re.Flags&syntax.NonGreedy != 0 {
		return nil
	}
	switch re.Op {
	case syntax.OpLiteral:
		if re.Flags&syntax.FoldCase != 0 {
			return nil
		}
		var out []step
		for _, c := range []byte(string(re.Rune)) {
			s := step{min: 1, max: 1}
			s.set[c>>6] |= 1 << (c & 63)
			out = append(out, s)
		}
		return out
	case syntax.OpCharClass:
		if len(re.Rune) == 0 || slices.Max(re.Rune) > 0x7f {
			return nil
		}
		s := step{min: 1, max: 1}
		for i := 0; i < len(re.Rune); i += 2 {
			for c := re.Rune[i]; c <= re.Rune[i+1]; c++ {
				s.set[c>>6] |= 1 << (c & 63)
			}
		}
		return []step{s}
	case syntax.OpRepeat:
		return once(re.Sub, re.Min, re.Max)
	case syntax.OpStar:
		return once(re.Sub, 0, -1)
	case syntax.OpPlus:
		return once(re.Sub, 1, -1)
	case syntax.OpQuest:
		return once(re.Sub, 0, 1)
	default:
		return nil
	}
}
