package ingest

import (
	"runtime"

	"leadline/source"
)

// HookSpec says how the body that somebody else's webhook posts becomes one event. Every expression sees the JSON body
// through str, num and has, whose argument is a field's path with dots: str("data.object.id"); the request's headers
// through header("X-Event-Id"); and the names hook and partner. What is not there is "" or 0. Type is required.
//
// ID and ChatID are texts or whole numbers, OccurredAt is RFC 3339 or Unix seconds, all others are texts.
type HookSpec struct {
	ID         source.Expr `yaml:"id"`
	Type       source.Expr `yaml:"type,required"`
	Bot        source.Expr `yaml:"bot"`
	Campaign   source.Expr `yaml:"campaign"`
	OccurredAt source.Expr `yaml:"occurred_at"`
	ChatID     source.Expr `yaml:"chat_id"`
	IP         source.Expr `yaml:"ip"`
	Locale     source.Expr `yaml:"locale"`
}

// Hook is a compiled HookSpec. It may be used by many goroutines at once.
type Hook struct {
	name string
	free chan *mapping // one for each goroutine that can run at once: expressions ask a mapping for the present body
}

// hookEnv is what expressions see beside the body.
type hookEnv struct {
	Hook    string `expr:"hook"`
	Partner string `expr:"partner"`
}

// mapping is a hook's expressions and the request that they look at.
type mapping struct {
	env    hookEnv
	body   payload
	header func(name string) string

	kind, bot, campaign, ip, locale *source.Program
	id, occurred, chat              either
}

// either is an expression that is a text or a number; both nil: not given.
type either struct{ text, number *source.Program }

// Compile checks the expressions. name is the hook's, as errors that have no better place say it.
func (s HookSpec) Compile(name string) (*Hook, source.Errors) {
	if s.Type.IsZero() {
		return nil, source.Errors{{File: name, Line: 1, Col: 1, What: "the hook gives its events no type", Do: `add type: '"purchase.completed"', or an expression over the body`}}
	}
	h := &Hook{name: name, free: make(chan *mapping, max(2, runtime.GOMAXPROCS(0)))}
	for range cap(h.free) {
		m, errs := s.mapping(name)
		if len(errs) > 0 {
			return nil, errs
		}
		h.free <- m
	}
	return h, nil
}

func (s HookSpec) mapping(name string) (*mapping, source.Errors) {
	m := &mapping{env: hookEnv{Hook: name}, header: func(string) string { return "" }}
	functions := append(m.body.functions(), source.Func{
		Name: "header", Type: new(func(string) string),
		Call: func(args ...any) (any, error) { return m.header(args[0].(string)), nil },
	})
	var errs source.Errors
	for _, e := range []struct {
		expr source.Expr
		to   **source.Program
	}{{s.Type, &m.kind}, {s.Bot, &m.bot}, {s.Campaign, &m.campaign}, {s.IP, &m.ip}, {s.Locale, &m.locale}} {
		if e.expr.IsZero() {
			continue
		}
		p, more := e.expr.Compile(m.env, source.String, functions...)
		*e.to, errs = p, append(errs, more...)
	}
	for _, e := range []struct {
		expr source.Expr
		to   *either
	}{{s.ID, &m.id}, {s.OccurredAt, &m.occurred}, {s.ChatID, &m.chat}} {
		if e.expr.IsZero() {
			continue
		}
		p, wrong := e.expr.Compile(m.env, source.String, functions...)
		if len(wrong) == 0 {
			e.to.text = p
			continue
		}
		if p, more := e.expr.Compile(m.env, source.Float, functions...); len(more) == 0 {
			e.to.number = p
			continue
		}
		errs = append(errs, wrong...)
	}
	return m, errs
}
