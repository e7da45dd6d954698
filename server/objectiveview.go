package server

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"leadline"
	"leadline/rules"
)

type objectiveView struct {
	Name, Text, More string
	Series           []seriesView
	rank             standing
}

type seriesView struct {
	Labels, Words, Tone string
	State               chip
	Hints               []string
	Known               bool // Left is
	Left                int  // percent of the budget, 0 to 100
	rank                standing
}

// standing orders objectives and their series: the more urgent state first, then the one with less budget.
type standing struct {
	state int
	left  float64
}

func (s standing) compare(o standing) int {
	return cmp.Or(cmp.Compare(s.state, o.state), cmp.Compare(s.left, o.left))
}

// shownSeries of one objective are shown, the worst ones: partners and campaigns make any number of them.
const shownSeries = 20

func viewObjective(s rules.SLOStatus) objectiveView {
	view := objectiveView{Name: s.Name, rank: standing{len(urgency), math.Inf(1)}}
	text := []string{fmt.Sprintf("%g %% over %s", s.Objective, s.Period)}
	if s.Service != "" {
		text = append([]string{s.Service}, text...)
	}
	if !s.Slot.IsZero() {
		text = append(text, "as of "+clock(s.Slot))
	}
	for _, i := range s.Series {
		view.Series = append(view.Series, viewSeries(i))
	}
	slices.SortStableFunc(view.Series, func(a, b seriesView) int { return a.rank.compare(b.rank) })
	if len(view.Series) > 0 {
		view.rank = view.Series[0].rank
	} else {
		text = append(text, "no series yet")
	}
	if more := len(view.Series) - shownSeries; more > 0 {
		view.Series, view.More = view.Series[:shownSeries], number(int64(more))+" more, which stand better; GET /v1/slos tells all"
	}
	view.Text = strings.Join(text, " · ")
	return view
}

func viewSeries(i rules.SLOSeries) seriesView {
	view := seriesView{
		Labels: cmp.Or(i.Labels.Key(), "all"), Words: i.Budget, Hints: i.Hints, Tone: "good",
		rank: standing{len(urgency), math.Inf(1)},
	}
	for n, u := range urgency {
		if u.state == i.State {
			view.State, view.rank.state = u.chip, n
		}
	}
	if i.State == leadline.StateFiring && i.Severity != "" {
		view.State.Text += " " + i.Severity
	}
	if i.Left == nil {
		return view
	}
	view.Known, view.rank.left = true, *i.Left
	view.Left = int(math.Round(100 * min(max(*i.Left, 0), 1)))
	switch {
	case view.Left < 10:
		view.Tone = "bad"
	case view.Left < 30:
		view.Tone = "warn"
	}
	return view
}
