package server

import (
	"cmp"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/rules/budget"
	"leadline/source"
)

// rulesView is what the page of the rules shows: texts in their order.
type rulesView struct {
	Title      string
	Style      template.CSS
	Now        time.Time
	Costs      bool
	CostOf     string
	Summary    []chip
	Alarms     []ruleView // firing and failing rules of all groups
	Objectives []objectiveView
	Groups     []groupView
	Shared     []ruleView
}

// chip is a short text in a colour, which says nothing that the text does not: bad, warn, good or calm.
type chip struct{ Tone, Text string }

type ruleView struct {
	Name, Group string
	Chips       []chip
	Cost        string
	rank        int
}

type groupView struct {
	Name, Text, More string
	Failing          bool
	Rules            []ruleView
}

// urgency are the states of instances from the one to look at first.
var urgency = []struct {
	state leadline.State
	chip
}{
	{leadline.StateFiring, chip{"bad", "firing"}},
	{leadline.StatePending, chip{"warn", "pending"}},
	{leadline.StateNoData, chip{"warn", "no data"}},
	{leadline.StateOK, chip{"calm", "ok"}},
}

// Ranks of rules. Those up to failing are alarms.
const (
	firing = iota
	failing
	quiet
)

func viewRules(book *RuleBook, slos []rules.SLOStatus, now time.Time) *rulesView {
	v := &rulesView{
		Style: template.CSS(rulesCSS), Now: now, //nolint:gosec // embedded
		Costs: book.Costs, CostOf: source.FormatDuration(time.Duration(book.CostOf * float64(time.Second))),
	}
	var n tally
	for i := range book.Groups {
		g := &book.Groups[i]
		view := viewGroup(g, now)
		if g.Failing {
			n.broken++
		}
		for j := range g.Rules {
			r := viewRule(&g.Rules[j], book.Costs)
			n.add(&g.Rules[j])
			if r.rank >= quiet {
				view.Rules = append(view.Rules, r)
				continue
			}
			r.Group = g.Name
			v.Alarms = append(v.Alarms, r)
		}
		if above := len(g.Rules) - len(view.Rules); above > 0 {
			view.More = plural(above, "rule") + " of this group above, among those that fire or fail"
		}
		slices.SortStableFunc(view.Rules, byRank)
		v.Groups = append(v.Groups, view)
	}
	slices.SortStableFunc(v.Alarms, byRank)
	slices.SortStableFunc(v.Groups, func(a, b groupView) int {
		switch {
		case a.Failing == b.Failing:
			return 0
		case a.Failing:
			return -1
		}
		return 1
	})
	for _, s := range slos {
		v.Objectives = append(v.Objectives, viewObjective(s))
	}
	slices.SortStableFunc(v.Objectives, func(a, b objectiveView) int { return a.rank.compare(b.rank) })
	for i := range book.Shared {
		v.Shared = append(v.Shared, ruleView{Name: book.Shared[i].Reads, Cost: costText(&book.Shared[i])})
	}
	v.summarise(n)
	return v
}

func byRank(a, b ruleView) int { return cmp.Compare(a.rank, b.rank) }

// tally counts rules, and groups that could not be kept.
type tally struct{ rules, firing, failing, broken int }

func (n *tally) add(r *Rule) {
	n.rules++
	if r.Instances[string(leadline.StateFiring)] > 0 {
		n.firing++
	}
	if r.Health == "error" {
		n.failing++
	}
}

func (v *rulesView) summarise(n tally) {
	var title []string
	say := func(count int, noun, does string) {
		if count > 0 {
			v.Summary = append(v.Summary, chip{"bad", plural(count, noun) + " " + does})
			title = append(title, number(int64(count))+" "+does)
		}
	}
	say(n.firing, "rule", "firing")
	say(n.failing, "rule", "failing")
	say(n.broken, "group", "not kept")
	v.Title = "Leadline rules"
	if len(title) > 0 {
		v.Title = strings.Join(title, ", ") + " · " + v.Title
	} else {
		v.Summary = append(v.Summary, chip{"good", "nothing fires, nothing fails"})
	}
	v.Summary = append(v.Summary, chip{"calm", plural(n.rules, "rule") + " in " + plural(len(v.Groups), "group")})
	if all := len(v.Objectives); all > 0 {
		v.Summary = append(v.Summary, chip{"calm", plural(all, "objective")})
	}
}

func viewGroup(g *RuleGroup, now time.Time) groupView {
	view := groupView{Name: g.Name, Failing: g.Failing}
	text := []string{"every " + source.FormatDuration(time.Duration(g.Interval*float64(time.Millisecond)))}
	if g.LastSlot.IsZero() {
		text = append(text, "not evaluated yet")
	} else {
		text = append(text, "last slot "+clock(g.LastSlot)+", "+age(now.Sub(g.LastSlot)), "took "+rules.FormatMS(g.Duration))
	}
	view.Text = strings.Join(append(text, plural(g.Missed, "missed slot")), " · ")
	return view
}

func viewRule(r *Rule, costs bool) ruleView {
	view := ruleView{Name: r.Name, rank: quiet + len(urgency)}
	switch r.Health {
	case "good":
		view.Chips = append(view.Chips, chip{"good", "health good"})
	case "error":
		view.Chips, view.rank = append(view.Chips, chip{"bad", "health error: the log says why"}), failing
	default:
		view.Chips = append(view.Chips, chip{"calm", "not evaluated yet"})
	}
	for i, u := range urgency {
		n := r.Instances[string(u.state)]
		if n == 0 {
			continue
		}
		view.Chips = append(view.Chips, chip{u.Tone, number(int64(n)) + " " + u.Text})
		rank := quiet + i
		if u.state == leadline.StateFiring {
			rank = firing
		}
		view.rank = min(view.rank, rank)
	}
	if r.Refused > 0 {
		view.Chips = append(view.Chips, chip{"warn", plural(r.Refused, "label set") + " above the limit"})
	}
	switch {
	case r.Cost != nil:
		view.Cost = costText(r.Cost)
	case costs:
		view.Cost = "no reads of its own"
	}
	return view
}

func costText(c *Cost) string {
	queries := " queries"
	if c.Queries == 1 {
		queries = " query"
	}
	text := number(c.Queries) + queries + " · " + rules.FormatMS(c.CPU) + " CPU · " + number(c.ReadRows) + " rows read"
	if c.Failed > 0 {
		text += " · " + number(c.Failed) + " failed"
	}
	return text
}

func clock(t time.Time) string { return t.UTC().Format(time.TimeOnly) + " UTC" }

// age says how long ago: 15 s ago, 8 min ago.
func age(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%d s ago", max(d, 0)/time.Second)
	}
	return budget.Span(d) + " ago"
}

func number(n int64) string { return rules.FormatNumber(float64(n)) }

func plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(int64(n)) + " " + noun
}
