package backtest

import (
	"maps"
	"slices"
	"time"

	"leadline"
	"leadline/rules"
)

const (
	flapWithin      = 10 * time.Minute // a firing so soon after the last one's end is a flap
	flappingChanges = 4                // within flappingWithin
	flappingWithin  = time.Hour
)

// book keeps what a group did.
type book struct {
	group  *rules.Group
	rules  map[string]*record
	order  []*record
	events []leadline.Transition
	slot   time.Time // the newest
}

// record is what one rule did so far.
type record struct {
	group    string
	rule     *rules.Rule
	labels   leadline.Labels
	skipped  string
	series   map[string]*track // by key of the labels
	count    map[leadline.State]int
	time     map[leadline.State]Span
	pages    []time.Time
	tickets  int
	firings  []Firing // that are over
	fired    int
	flaps    int
	errors   int
	err      string
	open     *Incident
	incident []Incident
	firing   int // series in the open incident
}

// track is one series.
type track struct {
	state   leadline.State
	alive   bool // firing, or without data since it fired
	at      time.Time
	ended   time.Time
	changes []time.Time // of alive within the last hour
	flaps   bool
}

func newBook(g *rules.Group) *book {
	b := &book{group: g, rules: map[string]*record{}}
	for _, rule := range g.Rules {
		r := &record{
			group: g.Name, rule: rule, labels: rule.Labels, series: map[string]*track{},
			count: map[leadline.State]int{}, time: map[leadline.State]Span{},
		}
		b.rules[rule.Name] = r
		b.order = append(b.order, r)
	}
	return b
}

// enter takes over the outcome of one slot.
func (b *book) enter(o rules.Outcome) {
	if !b.slot.IsZero() {
		for _, r := range b.order {
			r.pass(o.Slot.Sub(b.slot))
		}
	}
	b.slot = o.Slot
	b.events = append(b.events, o.Transitions...)
	for _, i := range o.Instances {
		b.rules[i.Rule].move(o.Slot, &i, i.State)
	}
	for _, i := range o.Gone {
		b.rules[i.Rule].move(o.Slot, &i, "")
	}
	worst := map[string]string{}
	for _, i := range o.Instances {
		if i.State == leadline.StateFiring {
			worst[i.Rule] = worse(worst[i.Rule], i.Severity)
		}
	}
	for _, r := range b.order {
		r.judge(o.Slot, worst[r.rule.Name])
	}
	at := 0
	for _, r := range b.order {
		if r.skipped != "" {
			continue
		}
		if err := o.Rules[at].Err; err != nil {
			if r.errors++; r.err == "" {
				r.err = err.Error()
			}
		}
		at++
	}
}

// pass credits the time since the last slot to the states that the series had.
func (r *record) pass(d time.Duration) {
	for state, n := range r.count {
		if n > 0 {
			r.time[state] += Span(time.Duration(n) * d)
		}
	}
}

// move notes where a series stands; "" is nowhere.
func (r *record) move(slot time.Time, i *leadline.Instance, state leadline.State) {
	key := i.Labels.Key()
	t := r.series[key]
	if t == nil {
		t = &track{}
		r.series[key] = t
	}
	if t.state != state {
		if t.state != "" {
			r.count[t.state]--
		}
		if state != "" {
			r.count[state]++
		}
		t.state = state
	}
	alive := state == leadline.StateFiring || state == leadline.StateNoData && i.Was == leadline.StateFiring
	if alive == t.alive {
		return
	}
	t.alive = alive
	t.changed(slot)
	if !alive {
		r.firing--
		t.ended = slot
		r.firings = append(r.firings, Firing{key, t.at, slot})
		return
	}
	r.firing++
	r.fired++
	if !t.ended.IsZero() && slot.Sub(t.ended) < flapWithin {
		r.flaps++
	}
	t.at = slot
}

func (t *track) changed(at time.Time) {
	t.changes = slices.DeleteFunc(append(t.changes, at), func(c time.Time) bool { return at.Sub(c) > flappingWithin })
	t.flaps = t.flaps || len(t.changes) >= flappingChanges
}

// judge opens, raises and closes the rule's incident, as the on-call desk does: one a rule, which rings when it opens and
// when it becomes a page.
func (r *record) judge(slot time.Time, worst string) {
	switch {
	case r.open == nil && r.firing > 0:
		r.open = &Incident{Opened: slot, Severity: worst}
		switch worst {
		case rules.SeverityPage:
			r.pages = append(r.pages, slot)
		case rules.SeverityTicket:
			r.tickets++
		}
	case r.open != nil && r.firing == 0:
		r.open.Until = slot
		r.incident = append(r.incident, *r.open)
		r.open = nil
	case r.open != nil && worse(r.open.Severity, worst) != r.open.Severity:
		r.open.Severity = worst
		if worst == rules.SeverityPage {
			r.pages = append(r.pages, slot)
		}
	}
}

var ranks = []string{"", rules.SeverityInfo, rules.SeverityTicket, rules.SeverityPage}

func worse(a, b string) string {
	if slices.Index(ranks, b) > slices.Index(ranks, a) {
		return b
	}
	return a
}

// close ends the book: what still fires does so until then.
func (b *book) close(to time.Time) {
	for _, r := range b.order {
		if !b.slot.IsZero() {
			r.pass(to.Sub(b.slot))
		}
		for _, key := range slices.Sorted(maps.Keys(r.series)) {
			if t := r.series[key]; t.alive {
				r.firings = append(r.firings, Firing{key, t.at, to})
			}
		}
		if r.open != nil {
			r.open.Until, r.open.Open = to, true
			r.incident = append(r.incident, *r.open)
		}
	}
}

// report sums a rule up.
func (r *record) report() Rule {
	out := Rule{
		Group: r.group, Name: r.rule.Name, Skipped: r.skipped, Series: len(r.series), Firings: r.fired, Pages: len(r.pages),
		Tickets: r.tickets, Flaps: r.flaps, Errors: r.errors, Error: r.err, Time: r.time, Incidents: r.incident,
	}
	for _, key := range slices.Sorted(maps.Keys(r.series)) {
		if r.series[key].flaps {
			out.Flapping = append(out.Flapping, key)
		}
	}
	for i, f := range r.firings {
		if out.First.IsZero() || f.At.Before(out.First) {
			out.First = f.At
		}
		if f.At.After(out.Last) {
			out.Last = f.At
		}
		if out.Longest == nil || f.Took() > out.Longest.Took() {
			out.Longest = &r.firings[i]
		}
	}
	return out
}
