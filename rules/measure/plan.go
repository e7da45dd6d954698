package measure

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"leadline"
)

// maxSeries bounds the answer of one query: a rule with more label sets is a mistake in its `by`.
const maxSeries = 10_000

// plan is one SELECT that computes all measures of one ask over one source. It knows nothing of slots.
type plan struct {
	Source Source
	SQL    string
	By     []string

	params params
	spans  []time.Duration                 // the windows, longest first
	begins []func(end time.Time) time.Time // of the windows that begin elsewhere, as begin_0, …
	cells  []cell
}

// cell is one column of the answer.
type cell struct {
	column  string
	measure int // index into the rule's measures
	den     bool
}

// makePlans makes the SELECTs of a rule, one a source, in the order in which the measures name the sources.
func makePlans(measures []Measure, by []string) []plan {
	var plans []plan
	for _, m := range measures {
		if slices.ContainsFunc(plans, func(p plan) bool { return p.Source == m.Source }) {
			continue
		}
		plans = append(plans, makePlan(m.Source, measures, by))
	}
	return plans
}

func makePlan(from Source, measures []Measure, by []string) plan {
	p := plan{Source: from, By: by, params: params{}}
	for _, m := range measures {
		if m.Source == from && !slices.Contains(p.spans, m.Window) {
			p.spans = append(p.spans, m.Window)
		}
	}
	slices.SortFunc(p.spans, func(a, b time.Duration) int { return int(b - a) })
	columns := slices.Clone(by)
	for i, m := range measures {
		if m.Source != from {
			continue
		}
		name := "m" + strconv.Itoa(i)
		columns = append(columns, p.aggregate(m, m.Where)+" AS "+name)
		p.cells = append(p.cells, cell{name, i, false})
		if m.Kind == Ratio {
			columns = append(columns, p.aggregate(m, m.Den)+" AS "+name+"_den")
			p.cells = append(p.cells, cell{name + "_den", i, true})
		}
	}
	// The bounds on minute are what prunes the primary key; ClickHouse does not derive them from those on stored_at.
	p.SQL = "SELECT\n    " + strings.Join(columns, ",\n    ") +
		"\nFROM " + views[from].table +
		"\nWHERE minute >= toStartOfMinute(" + micros("from") + ") AND minute <= toStartOfMinute(" + micros("to") + ")" +
		"\n    AND stored_at >= " + micros("from") + " AND stored_at < " + micros("to")
	if len(by) > 0 {
		p.SQL += "\nGROUP BY " + strings.Join(by, ", ") + "\nLIMIT " + strconv.Itoa(maxSeries+1)
	}
	return p
}

// aggregate is the SQL of one column. quantileTDigest errs by at most 0.4 %; quantile(), the reservoir, by 8 %.
func (p *plan) aggregate(m Measure, where Predicate) string {
	var conditions []string
	if sql := where.sql(m.Source, p.params); sql != "" {
		conditions = append(conditions, sql)
	}
	if m.Begin != nil {
		conditions = append(conditions, "stored_at >= "+micros(fmt.Sprintf("begin_%d", len(p.begins))))
		p.begins = append(p.begins, m.Begin)
	}
	if m.Window < p.spans[0] {
		conditions = append(conditions, "stored_at >= "+micros(p.since(m.Window)))
	}
	when := strings.Join(conditions, " AND ")
	switch {
	case m.Kind != Quantile && when == "":
		return "toFloat64(count())"
	case m.Kind != Quantile:
		return "toFloat64(countIf(" + when + "))"
	}
	level := strconv.FormatFloat(m.Level, 'f', -1, 64)
	if when == "" {
		return "toFloat64(quantileTDigest(" + level + ")(" + m.Of + "))"
	}
	return "toFloat64(quantileTDigestIf(" + level + ")(" + m.Of + ", " + when + "))"
}

// since names the parameter that holds a window's beginning.
func (p *plan) since(window time.Duration) string {
	if window == p.spans[0] {
		return "from"
	}
	return fmt.Sprintf("from_%d", window.Milliseconds())
}

// micros is a time parameter: an integer, so that no time zone or text format stands between the two sides.
func micros(param string) string {
	return "fromUnixTimestamp64Micro({" + param + ":Int64}, 'UTC')"
}

// query asks for the windows that end, exclusively, at to.
func (p *plan) query(name string, to time.Time, timeout time.Duration) leadline.Query {
	params := maps.Clone(p.params)
	params["to"] = to.UnixMicro()
	for _, w := range p.spans {
		params[p.since(w)] = to.Add(-w).UnixMicro()
	}
	for i, begin := range p.begins {
		params[fmt.Sprintf("begin_%d", i)] = begin(to).UnixMicro()
	}
	return leadline.Query{Name: name, SQL: p.SQL, Params: params, Timeout: timeout}
}
