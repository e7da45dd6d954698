package backtest

import (
	"time"

	"leadline/rules"
)

// Difference is what another set of rules would have done otherwise.
type Difference struct {
	Rules []RuleDifference `json:"rules"` // those of the first set, then those that only the other has
	Pages int              `json:"pages"` // more, negative: fewer
}

// RuleDifference is one rule in both sets. Before or After is nil where the rule is in one of them only.
type RuleDifference struct {
	Name    string     `json:"rule"` // group/rule
	Before  *Rule      `json:"-"`
	After   *Rule      `json:"-"`
	Pages   int        `json:"pages"`
	Tickets int        `json:"tickets"`
	Firings int        `json:"firings"`
	Flaps   int        `json:"flaps"`
	Firing  Span       `json:"firing"`            // time, of all series together
	Gained  []Incident `json:"gained,omitempty"`  // of the other set; at no moment of them was there one of the first
	Lost    []Incident `json:"lost,omitempty"`    // of the first set, likewise
	Louder  []Incident `json:"louder,omitempty"`  // of the other set: pages that were none
	Quieter []Incident `json:"quieter,omitempty"` // of the first set: pages that are none in the other
}

// Same reports whether a rule did the same in both.
func (d *RuleDifference) Same() bool {
	return d.Before != nil && d.After != nil && d.Pages == 0 && d.Tickets == 0 && d.Firings == 0 && d.Flaps == 0 && d.Firing == 0 &&
		len(d.Gained)+len(d.Lost)+len(d.Louder)+len(d.Quieter) == 0
}

// Diff compares two reports of the same time, rule by rule of the same group and name.
func Diff(before, after *Report) *Difference {
	out := &Difference{}
	add := func(name string, b, a *Rule) {
		d := RuleDifference{Name: name, Before: b, After: a}
		was, is := orNone(b), orNone(a)
		d.Pages, d.Tickets, d.Firings, d.Flaps = is.Pages-was.Pages, is.Tickets-was.Tickets, is.Firings-was.Firings, is.Flaps-was.Flaps
		d.Firing = is.firing() - was.firing()
		d.Gained, d.Louder = compare(is.Incidents, was.Incidents)
		d.Lost, d.Quieter = compare(was.Incidents, is.Incidents)
		out.Rules = append(out.Rules, d)
		out.Pages += d.Pages
	}
	for i := range before.Rules {
		b := &before.Rules[i]
		add(b.Full(), b, after.rule(b.Full()))
	}
	for i := range after.Rules {
		if a := &after.Rules[i]; before.rule(a.Full()) == nil {
			add(a.Full(), nil, a)
		}
	}
	return out
}

func orNone(r *Rule) *Rule {
	if r == nil {
		return &Rule{}
	}
	return r
}

func (r *Report) rule(full string) *Rule {
	for i := range r.Rules {
		if r.Rules[i].Full() == full {
			return &r.Rules[i]
		}
	}
	return nil
}

// together is how close two incidents are that are still the same one: a rule of another window sees it sooner or later.
const together = 5 * time.Minute

// compare finds those incidents that none of others meets, and those pages that meet no page.
func compare(these, others []Incident) (alone, pages []Incident) {
	for _, i := range these {
		met, page := false, false
		for _, o := range others {
			if o.Opened.Before(i.Until.Add(together)) && i.Opened.Before(o.Until.Add(together)) {
				met, page = true, page || o.Severity == rules.SeverityPage
			}
		}
		switch {
		case !met:
			alone = append(alone, i)
		case i.Severity == rules.SeverityPage && !page:
			pages = append(pages, i)
		}
	}
	return alone, pages
}
