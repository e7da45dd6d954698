package measure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"leadline/source"
)

// How long rows are kept, a day less for the partitions by received_at.
const (
	eventsKept   = 89 * 24 * time.Hour
	rejectedKept = 13 * 24 * time.Hour
)

// Cost says what a slot reads for an ask, as far as its text tells.
type Cost struct{ Reads []Read }

// Read is what measures have in common that are answered by the same query.
type Read struct {
	Measures []string
	Table    string
	Labels   []string      // that the query groups by
	Shared   bool          // with all rules of these labels: the reading costs the same for one and for thousands
	Span     time.Duration // of time that every slot reads; of a shared one every minute, the settled hours once an hour
	Periods  int           // seasons that are read beside it
	Why      string        // why it is not the rollup, "" where it is
}

// Cost finds out what a slot reads for the ask.
func (a *Ask) Cost() Cost {
	if a.Custom != nil {
		return Cost{[]Read{{Measures: []string{Value}, Table: "whatever its sql names", Labels: a.By, Span: a.Custom.Window, Why: "sql of the rule's own"}}}
	}
	var c Cost
	for i := range a.Measures {
		m := &a.Measures[i]
		labels, why := m.rollup(a.By)
		r := Read{Table: m.table(), Labels: a.By, Span: m.Window, Why: why}
		if why == "" {
			r.Table, r.Labels, r.Shared, r.Span = "latency_1m and latency_1h", labels, true, m.minutes()
			if m.Window <= time.Hour {
				r.Table = "latency_1m"
			}
		}
		if m.Baseline != nil {
			r.Periods = m.Baseline.Periods
		}
		c.add(r, m.Name)
	}
	return c
}

// add joins a reading with those that are alike.
func (c *Cost) add(r Read, name string) {
	i := slices.IndexFunc(c.Reads, func(o Read) bool {
		return o.Table == r.Table && o.Why == r.Why && o.Periods == r.Periods && slices.Equal(o.Labels, r.Labels)
	})
	if i < 0 {
		i = len(c.Reads)
		c.Reads = append(c.Reads, r)
	}
	c.Reads[i].Measures = append(c.Reads[i].Measures, name)
	c.Reads[i].Span = max(c.Reads[i].Span, r.Span)
}

// minutes is how much of a window comes from its minutes, at most: two broken hours and the time to settle.
func (m *Measure) minutes() time.Duration { return min(m.Window, 2*time.Hour+Settle) }

// table is where the measure's rows are, apart from the rollup.
func (m *Measure) table() string {
	switch {
	case m.Source == Schema && m.Kind == Count && m.Of == Rejected:
		return "rejected"
	case m.Source == Schema:
		return "rejected and events"
	}
	return "events"
}

// String is one sentence a reading.
func (c Cost) String() string {
	var out []string
	for _, r := range c.Reads {
		out = append(out, r.String())
	}
	return strings.Join(out, "; ")
}

// String says what is read, how much of it how often, and why it is not the rollup.
func (r Read) String() string {
	names := strings.Join(r.Measures, ", ")
	more := ""
	if r.Periods > 0 {
		more = fmt.Sprintf(", and the same of %d seasons before", r.Periods)
	}
	if r.Shared {
		return fmt.Sprintf("%s: reads %s of %s by %s each minute%s, shared by all rules with these labels",
			names, source.FormatDuration(r.Span), r.Table, cmp.Or(strings.Join(r.Labels, ", "), "nothing"), more)
	}
	return fmt.Sprintf("%s: %s: reads %s of %s each slot%s", names, r.Why, source.FormatDuration(r.Span), r.Table, more)
}

// Reach is how far back the measure looks, and how far its table goes.
func (m *Measure) Reach(by []string) (back, kept time.Duration, table string) {
	back = m.Window
	if b := m.Baseline; b != nil {
		back += time.Duration(b.Periods) * b.Season
	}
	_, why := m.rollup(by)
	switch {
	case why == "" && m.Baseline == nil && m.Kind != Age:
		return back, hoursKept, "latency_1h"
	case why == "" && m.Kind != Age && m.Window > minutesKept:
		return back - m.Window, minutesKept, "latency_1m"
	case why == "":
		return back, minutesKept, "latency_1m"
	case m.Source == Schema:
		return back, rejectedKept, "rejected"
	}
	return back, eventsKept, "events"
}
