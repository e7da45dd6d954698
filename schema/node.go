package schema

import "regexp"

// node is a compiled schema; nil is one that allows everything.
type node struct {
	types   uint8 // a bit for each Kind allowed, and bitInteger; 0: nothing is, the schema false
	pii     bool  // the value is personal data
	private bool  // it, or a value below, is

	enums []*enum
	text  *textRules
	num   *numberRules
	obj   *objectRules
	arr   *arrayRules
	more  *branches
}

const (
	bitInteger = 1 << 7 // the number must have no fraction; stands instead of KindNumber's bit
	anyType    = 1<<KindNull | 1<<KindBool | 1<<KindNumber | 1<<KindString | 1<<KindArray | 1<<KindObject
)

// enum is the values that enum or const list, by kind.
type enum struct {
	rule    string // enum or const
	want    string // for a violation
	words   uint8  // wordNull, wordTrue, wordFalse
	texts   names
	numbers []Number
	prints  []uint64 // fingerprints of arrays and objects
}

const (
	wordNull = 1 << iota
	wordTrue
	wordFalse
)

type textRules struct {
	min, max int // code points; max < 0: no limit
	pattern  *pattern
	format   *format
}

type numberRules struct {
	bounds    []bound
	low, high int64 // integers from low to high are within all bounds; others may be
	multiple  *divisor
}

// bound is one of the four comparisons.
type bound struct {
	rule   string
	limit  Number
	want   string
	upper  bool
	strict bool
}

type objectRules struct {
	known    names // indexes fields
	fields   []field
	patterns []patternField
	others   *node // of fields that neither known nor patterns name
	closed   bool  // others is the schema false
	naming   *node // of the names themselves
	hasNames bool  // naming is set, though it may allow everything
	required uint64
	depends  []dependency
	min, max int // max < 0: no limit
}

// field is a known name: one in properties, or one that only required or dependentRequired speak of.
type field struct {
	node     *node
	declared bool   // it is in properties
	bit      uint64 // where required or dependentRequired ask for it
}

type patternField struct {
	pattern *pattern
	node    *node
}

type dependency struct {
	want     string
	when     uint64 // the bit of the field that asks
	required uint64
}

type arrayRules struct {
	prefix   []*node
	rest     *node
	closed   bool // rest is the schema false
	min, max int  // max < 0: no limit
	unique   bool
}

// branches are the schemas that look at the same value once more.
type branches struct {
	all, any, one         []*node // all: also $ref
	anyOf, oneOf          bool
	not                   []*node // at most one
	cond, then, otherwise *node   // if, then, else
	hasCond               bool
}

// pattern is a regular expression over the whole Unicode text: a run of character classes where it is that simple.
type pattern struct {
	want string
	run  *classRun
	re   *regexp.Regexp
}

func (p *pattern) match(b []byte) bool {
	if p.run != nil {
		return p.run.match(b)
	}
	return p.re.Match(b)
}
