package rules

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"time"

	"leadline"
	"leadline/rules/measure"
	"leadline/source"
)

// The built-in group watches the engine itself. Its rules go the way of all others, through Evaluate and the Sink, but
// what they ask is known in memory: they work while ClickHouse is away.
const (
	selfInterval = 10 * time.Second
	blindAfter   = 3           // slots without an answer
	laggingAfter = 3           // slots missed
	stalledAfter = time.Minute // data that is not in
)

// builtin is a rule of the built-in group, over one number. remark ends its summary.
type builtin struct {
	name, severity  string
	value, when     string
	keep            time.Duration
	summary, action string
	fact            func(f facts) float64
	remark          func(e *Engine) string
}

var builtins = []builtin{
	{
		name: "RuleEngineBlind", severity: SeverityPage, value: "groups", when: "groups > 0", keep: 30 * time.Second,
		summary: "{{ .Values.groups | number }} groups of rules get no answer from ClickHouse: nothing else can page",
		action:  "Look whether ClickHouse runs and has disk and memory; leadline_rules_failing names the groups and the log the error. All alerts stand as they stood, none is resolved.",
		fact:    func(f facts) float64 { return f.blind },
	},
	{
		name: "EngineLagging", severity: SeverityTicket, value: "slots", when: fmt.Sprintf("slots >= %d", laggingAfter), keep: 5 * time.Minute,
		summary: "a group of rules missed {{ .Values.slots | number }} slots in a row",
		action:  "Compare leadline_rule_last_duration_seconds with the interval: give the group a longer one, narrow its windows, or give ClickHouse more cores.",
		fact:    func(f facts) float64 { return f.missed },
	},
	{
		name: "IngestStalled", severity: SeverityPage, value: "seconds", when: fmt.Sprintf("seconds > %d", int(stalledAfter/time.Second)), keep: 30 * time.Second,
		summary: "events of the last {{ .Values.seconds | number }} s are not in ClickHouse: all rules wait for them",
		action:  "Look at leadline_write_errors_total and the log: ClickHouse refuses or is away. Events are safe in the spool as long as leadline_spool_fill_ratio is below 1. Rules go on by themselves once it catches up.",
		fact:    func(f facts) float64 { return f.stalled.Seconds() },
	},
	{
		name: "ClockStepped", severity: SeverityTicket, value: "seconds", when: "seconds != 0", keep: 5 * time.Minute,
		summary: "the machine's clock was set",
		action:  "Look at the time service. No slot is evaluated twice, and no time that nobody saw counts; after a step back rules wait until the clock has caught up.",
		fact:    func(f facts) float64 { return f.step.Seconds() },
		remark:  func(e *Engine) string { return "by " + e.recentStep().Truncate(time.Second).String() },
	},
	{
		name: "RulesNotReloaded", severity: SeverityTicket, value: "failed", when: "failed > 0",
		summary: "the changed rule files have mistakes, the rules of before go on",
		action:  "Run leadline check on the files, or look at the log, and correct them: they are read again by themselves.",
		fact:    func(f facts) float64 { return f.notReloaded },
		remark:  (*Engine).reloadProblem,
	},
}

// selfGroup makes the built-in group. Its texts are constants: a mistake in them is found by every test.
func selfGroup(e *Engine) *Group {
	g := &Group{Name: leadline.SelfGroup, Interval: selfInterval, Limit: 1}
	for _, b := range builtins {
		r := &Rule{
			Name:   b.name,
			Ask:    measure.Ask{Name: g.Name + "/" + b.name, Measures: []measure.Measure{{Name: b.value, Kind: measure.Count}}, Interval: g.Interval},
			Timing: Timing{Interval: g.Interval, KeepFiringFor: b.keep, NoDataFor: defaultNoData},
			Labels: leadline.Labels{},
		}
		r.env = makeEnv(r.Ask.Measures, nil)
		when, errs := source.Expr{Passage: source.Passage{Text: b.when}}.Compile(reflect.Zero(r.env).Interface(), source.Bool)
		r.Levels = []Level{{Severity: b.severity, When: when}}
		data := r.texts(g.Name, b.severity, nil, map[string]float64{b.value: 1})
		for _, text := range [][2]string{{"summary", b.summary}, {"action", b.action}} {
			a, more := compileAnnotation(text[0], source.Passage{Text: text[1]}, data)
			r.Annotations, errs = append(r.Annotations, a), append(errs, more...)
		}
		if b.remark != nil {
			r.remark = func() string { return b.remark(e) }
		}
		if len(errs) > 0 {
			panic("BUG: " + errs.Error())
		}
		g.Rules = append(g.Rules, r)
	}
	return g
}

// facts are what the engine knows of itself.
type facts struct {
	blind       float64 // groups without an answer
	missed      float64 // most slots in a row that a group missed
	stalled     time.Duration
	step        time.Duration // of the clock, just now
	notReloaded float64
}

func (e *Engine) facts(now time.Time) (f facts) {
	for _, r := range e.users() {
		s := r.snapshot()
		if s.Blind >= blindAfter {
			f.blind++
		}
		f.missed = max(f.missed, float64(s.late(now, e.began)))
	}
	if e.opts.Watermark != nil {
		f.stalled = max(0, now.Sub(e.opts.Watermark()))
	}
	if e.reloadProblem() != "" {
		f.notReloaded = 1
	}
	f.step = e.recentStep()
	return e.cause.sort(f)
}

// late is how many slots in a row the group missed in the end, or misses now.
func (s *GroupStatus) late(now, began time.Time) int {
	last := began
	for _, slot := range []time.Time{s.LastSlot, s.Begun} {
		if slot.After(last) {
			last = slot
		}
	}
	if s.Waiting || s.ClockBehind {
		return s.MissedLast
	}
	return max(s.MissedLast, int(now.Sub(last)/s.Interval)-1)
}

// cause is the one trouble with ClickHouse that is told: rules that get no answers, or events that do not get in. One
// brings the other with it, so the first stands for both until both are over.
type cause int

const (
	noCause cause = iota
	causeBlind
	causeStalled
)

func (c *cause) sort(f facts) facts {
	stalled := f.stalled > stalledAfter
	switch {
	case f.blind == 0 && !stalled:
		*c = noCause
	case *c == noCause && f.blind > 0:
		*c = causeBlind
	case *c == noCause:
		*c = causeStalled
	}
	switch *c {
	case causeBlind:
		f.blind, f.stalled = max(1, f.blind), 0
	case causeStalled:
		f.blind, f.stalled = 0, max(f.stalled, stalledAfter+time.Second)
	default:
	}
	return f
}

// selfAsker answers the built-in group's asks.
type selfAsker struct{ engine *Engine }

// Fetch implements Asker.
func (a selfAsker) Fetch(_ context.Context, _ []*measure.Ask, end time.Time) measure.Answers {
	return selfAnswers{a.engine.facts(end), a.engine.self.group}
}

type selfAnswers struct {
	facts facts
	group *Group
}

// Rows implements measure.Answers.
func (a selfAnswers) Rows(ask *measure.Ask) ([]measure.Row, error) {
	for i, r := range a.group.Rules {
		if &r.Ask == ask {
			return []measure.Row{{Labels: leadline.Labels{}, Values: []float64{builtins[i].fact(a.facts)}}}, nil
		}
	}
	return nil, fmt.Errorf("no built-in rule %s", ask.Name)
}

// Reloaded tells how the newest try to load changed rules ended: nil, or why the ones of before go on.
func (e *Engine) Reloaded(err error) {
	text := ""
	if err != nil {
		text, _, _ = strings.Cut(err.Error(), "\n") // the log has the rest
	}
	e.reload.Store(&text)
}

func (e *Engine) reloadProblem() string {
	if p := e.reload.Load(); p != nil {
		return *p
	}
	return ""
}
