package foreign

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metricsql"

	"leadline/source"
)

// counted reads the increase of a series over a window as a number of rows.
func (r *reader) counted(e *metricsql.MetricExpr, window, back time.Duration) (value, error) {
	name, target, suffix, err := r.target(e)
	if err != nil {
		return value{}, err
	}
	if suffix == suffixSum {
		return value{}, r.refuse(name, "a mean has no counterpart: it hides the slow ones", fmt.Sprintf("ask for a quantile of %s.%s, such as 0.95, with a threshold of its own", target.Source, target.Field))
	}
	f, err := r.filters(name, target, e.LabelFilterss[0])
	if err != nil {
		return value{}, err
	}
	m := measure{kind: kindCount, source: target.Source, where: f.where, window: window, back: back}
	return value{linear: one(m, 1), grouping: grouping{every: true}, series: name, target: target, buckets: suffix == suffixBucket && !f.bucket}, nil
}

// instant reads a series without a function: a recording rule, a quantile of a summary, a timestamp.
func (r *reader) instant(e *metricsql.MetricExpr) (value, error) {
	if name := seriesName(e); name != "" {
		if p, ok := r.recorded[name]; ok {
			return r.recording(name, p, e)
		}
	}
	name, target, _, err := r.target(e)
	if err != nil {
		return value{}, err
	}
	f, err := r.filters(name, target, e.LabelFilterss[0])
	if err != nil {
		return value{}, err
	}
	v := value{grouping: grouping{every: true}, series: name, target: target}
	switch {
	case f.quantile > 0:
		r.note(r.at(name), "a summary does not say over which time its quantile is", "5m is taken: correct the window")
		return r.duration(v, measure{kind: kindQuantile, source: target.Source, level: f.quantile, of: target.Field, where: f.where, window: lookback}), nil
	case strings.Contains(name, "timestamp") || strings.HasSuffix(name, "_time_seconds") || strings.HasSuffix(name, "_time"):
		size, _ := unit(name)
		v.linear = one(measure{kind: kindStamp, source: target.Source, where: f.where}, float64(time.Second)/float64(size))
		return v, nil
	}
	return v, r.refuse(name, name+" has no window", "ask for its rate or increase: Leadline counts events in a window")
}

// target is what a series counts.
func (r *reader) target(e *metricsql.MetricExpr) (name string, t Target, suffix string, err error) {
	name = seriesName(e)
	switch {
	case name == "":
		return "", t, "", r.refuse("", excerpt(e)+" names no metric", "write the name before the braces")
	case len(e.LabelFilterss) > 1:
		return "", t, "", r.refuse("or", "or inside braces has no counterpart", "add the two up")
	}
	if _, ok := r.recorded[name]; ok {
		return "", t, "", r.refuse(name, "a window over the recording rule "+name+" has no counterpart", "use the metrics that it records, with that window")
	}
	t, suffix, ok := r.table.find(name)
	if !ok {
		return "", t, "", r.refuse(name, fmt.Sprintf("it is not said what %s counts", name), fmt.Sprintf("add --map %s=event or =span, or leave the rule to Prometheus", trimSuffixes(name)))
	}
	return name, t, suffix, nil
}

func trimSuffixes(name string) string {
	for _, s := range []string{suffixBucket, suffixCount, suffixSum} {
		name = strings.TrimSuffix(name, s)
	}
	return name
}

func seriesName(e *metricsql.MetricExpr) string {
	if len(e.LabelFilterss) == 0 {
		return ""
	}
	for _, f := range e.LabelFilterss[0] {
		if f.Label == "__name__" && !f.IsNegative && !f.IsRegexp {
			return f.Value
		}
	}
	return ""
}

// recording puts a recording rule in the place of its name.
func (r *reader) recording(name string, p source.Passage, e *metricsql.MetricExpr) (value, error) {
	if p.IsZero() {
		return value{}, r.refuse(name, "several recording rules are named "+name, "use the metrics that they record")
	}
	if *r.opened++; *r.opened > maxRecordings {
		return value{}, r.refuse(name, fmt.Sprintf("the expression needs more than %d recording rules", maxRecordings), "simplify them, or remove the circle")
	}
	inner := *r
	inner.outer = r.at(name)
	v, err := inner.number(p)
	if err != nil {
		return v, err
	}
	for i := range v.terms {
		m := &v.terms[i].measure
		if m.source == "" {
			continue
		}
		f, err := r.filters(name, Target{Source: m.source, Field: times(m.source)[0]}, e.LabelFilterss[0])
		if err != nil {
			return v, err
		}
		m.where = m.where.and(f.where.atoms()...)
		if m.kind == kindRatio {
			m.den = m.den.and(f.where.atoms()...)
		}
	}
	return v, nil
}

// aggregate reads sum by (…) and the aggregations that change nothing.
func (r *reader) aggregate(e *metricsql.AggrFuncExpr) (value, error) {
	if len(e.Args) != 1 || e.Limit > 0 {
		return value{}, r.refuse(e.Name, excerpt(e)+" has no counterpart", "aggregate one thing, without a limit")
	}
	v, err := r.value(e.Args[0])
	if err != nil {
		return v, err
	}
	g := grouping{}
	switch strings.ToLower(e.Modifier.Op) {
	case "by":
		g.by = slices.DeleteFunc(slices.Sorted(slices.Values(e.Modifier.Args)), func(l string) bool { return l == "le" })
		g.by = slices.Compact(g.by)
	case "without":
		r.note(r.at("without"), "without leaves labels that are not known here", "add by: to the rule")
	}
	unchanged := !v.grouping.every && slices.Equal(v.grouping.by, g.by)
	name := strings.ToLower(e.Name)
	fits := unchanged || v.isNumber() ||
		name == "sum" && v.only(kindCount) ||
		name == "max" && v.only(kindStamp) ||
		name == "min" && v.only(kindAge)
	if !slices.Contains([]string{"sum", "min", "max", "avg", "any"}, name) || !fits {
		return v, r.refuse(e.Name, fmt.Sprintf("%s of %s has no counterpart", e.Name, excerpt(e.Args[0])), "sum the rates of counters by labels, before quantile and division")
	}
	if !v.isNumber() {
		v.grouping = g
	}
	return v, nil
}
