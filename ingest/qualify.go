package ingest

import (
	"fmt"

	"leadline"
	"leadline/schema"
	"leadline/source"
)

// KindQualify is the kind of the document that LoadRules reads.
const KindQualify = "Qualify"

// Rules say what outcome an event has: the first rule that holds, else the default. They are written as YAML:
//
//	apiVersion: leadline/v1
//	kind: Qualify
//	metadata: {name: default}
//	spec:
//	  default: unqualified
//	  rules:
//	    - {outcome: qualified, when: 'type == "purchase.completed" && num("amount") >= 1000'}
//
// A condition sees type, partner, campaign, bot, country, locale, source and attempt, and the payload through num, str
// and has, whose argument is a field's path with dots: num("cart.total"). A field that is missing, or of another type,
// is 0 or "". Rules belong to one goroutine.
type Rules struct {
	fallback string
	rules    []rule
	env      qualifyEnv
	payload  *payload
}

type rule struct {
	outcome string
	when    *source.Program
	first   condition
}

func (x *rule) holds(env *qualifyEnv) (bool, error) {
	switch {
	case x.first.holds == nil:
	case !x.first.holds():
		return false, nil
	case x.first.whole:
		return true, nil
	}
	return x.when.Bool(env)
}

type qualifyEnv struct {
	Type     string `expr:"type"`
	Partner  string `expr:"partner"`
	Campaign string `expr:"campaign"`
	Bot      string `expr:"bot"`
	Country  string `expr:"country"`
	Locale   string `expr:"locale"`
	Source   string `expr:"source"`
	Attempt  int    `expr:"attempt"`
}

// maxOutcome bounds an outcome's name, which is a LowCardinality column and a label.
const maxOutcome = 64

// LoadRules reads a file of one Qualify document. All its mistakes are in the error, a source.Errors.
func LoadRules(name string, data []byte) (*Rules, error) {
	docs, err := source.Documents(name, data)
	if err != nil {
		return nil, err
	}
	if len(docs) == 0 {
		return nil, source.Errors{{File: name, Line: 1, Col: 1, What: "the file has no document", Do: "begin with apiVersion: " + source.APIVersion + " and kind: Qualify"}}
	}
	var spec struct {
		Default source.At[string] `yaml:"default"`
		Rules   []struct {
			Outcome source.At[string] `yaml:"outcome,required"`
			When    source.Expr       `yaml:"when,required"`
		} `yaml:"rules,required"`
	}
	var errs source.Errors
	for _, d := range docs[1:] {
		errs = append(errs, d.Pos.Error("a second document", "keep all rules in one, their order matters"))
	}
	if k := docs[0].Kind; k.Value != KindQualify && !k.Pos.IsZero() {
		return nil, append(errs, k.Pos.Error(fmt.Sprintf("kind %q", k.Value), "use kind: Qualify"))
	}
	_, more := docs[0].Spec(&spec)
	errs = append(errs, more...)

	r := &Rules{fallback: spec.Default.Value, payload: new(payload)}
	errs = append(errs, checkOutcome(spec.Default)...)
	for _, s := range spec.Rules {
		errs = append(errs, checkOutcome(s.Outcome)...)
		if s.When.IsZero() {
			continue // Spec has said so
		}
		x := rule{outcome: s.Outcome.Value}
		if x.when, more = s.When.Compile(r.env, source.Bool, r.payload.functions()...); len(more) > 0 {
			errs = append(errs, more...)
			continue
		}
		tree, more := s.When.Tree(r.env, r.payload.functions()...)
		errs = append(errs, more...)
		x.first = r.condition(tree)
		r.rules = append(r.rules, x)
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	return r, nil
}

func checkOutcome(o source.At[string]) source.Errors {
	if len(o.Value) <= maxOutcome {
		return nil
	}
	return source.Errors{o.Pos.Error(fmt.Sprintf("an outcome of %d bytes", len(o.Value)), fmt.Sprintf("keep it within %d", maxOutcome))}
}

// Outcome is the outcome of an event, "" with an error where a condition could not be evaluated.
func (r *Rules) Outcome(e *leadline.Event) (string, error) {
	r.env = qualifyEnv{e.Type, e.Partner, e.Campaign, e.Bot, e.Country, e.Locale, e.Source, int(e.Attempt)}
	r.payload.doc = e.Payload
	for i := range r.rules {
		x := &r.rules[i]
		holds, err := x.holds(&r.env)
		if err != nil {
			return "", err
		}
		if holds {
			return x.outcome, nil
		}
	}
	return r.fallback, nil
}

// payload answers what conditions ask of the present event's payload. It scans as far as the field that is asked for:
// nothing is built.
type payload struct {
	doc []byte
	sc  schema.Scanner

	watch bool   // note what num and str read
	seen  []span // of doc
}

// saw notes that the value that began at an offset was read.
func (p *payload) saw(from int) {
	if p.watch {
		p.seen = append(p.seen, span{from, p.sc.Offset()})
	}
}

func (p *payload) functions() []source.Func {
	return []source.Func{
		{Name: "num", Type: new(func(string) float64), Call: func(args ...any) (any, error) {
			return p.number(args[0].(string)), nil
		}},
		{Name: "str", Type: new(func(string) string), Call: func(args ...any) (any, error) {
			return string(p.text(args[0].(string))), nil
		}},
		{Name: "has", Type: new(func(string) bool), Call: func(args ...any) (any, error) {
			return p.find(args[0].(string)), nil
		}},
	}
}

// number is the number at a path, 0 where there is none.
func (p *payload) number(path string) float64 {
	if !p.find(path) || p.sc.Kind() != schema.KindNumber {
		return 0
	}
	from := p.sc.Offset()
	n, _ := p.sc.Number()
	p.saw(from)
	return n.Float64()
}

// text is the string at a path, nil where there is none. It holds until the next look into the payload.
func (p *payload) text(path string) []byte {
	if !p.find(path) || p.sc.Kind() != schema.KindString {
		return nil
	}
	from := p.sc.Offset()
	s, _ := p.sc.Text()
	p.saw(from)
	return s
}

// find moves the scan to the value at a path such as cart.total.
func (p *payload) find(path string) bool {
	p.sc.Begin(p.doc)
	for {
		if p.sc.Kind() != schema.KindObject || !p.enter(&path) {
			return false
		}
		if path == "" {
			return true
		}
	}
}

// enter goes to the field that the path begins with and cuts it off. A field whose name has dots in it is found too.
func (p *payload) enter(path *string) bool {
	for p.sc.Object(); p.sc.Key(); {
		name := p.sc.Name()
		n := len(name)
		if n <= len(*path) && string(name) == (*path)[:n] {
			if n == len(*path) {
				*path = ""
				return true
			}
			if (*path)[n] == '.' && p.sc.Kind() == schema.KindObject {
				*path = (*path)[n+1:]
				return true
			}
		}
		p.sc.Skip()
	}
	return false
}
