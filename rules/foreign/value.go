package foreign

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/VictoriaMetrics/metricsql"

	"leadline/source"
)

// lookback is how long Prometheus takes a sample for the present.
const lookback = 5 * time.Minute

// value is a number of each series.
type value struct {
	linear
	grouping grouping
	series   string // of a single counter: its name
	target   Target // and what it counts
	buckets  bool   // it counts all buckets of a histogram at once, which only histogram_quantile makes sense of
}

func (r *reader) value(e metricsql.Expr) (value, error) {
	switch e := e.(type) {
	case *metricsql.NumberExpr:
		return value{linear: number(e.N), grouping: grouping{none: true}}, nil
	case *metricsql.DurationExpr:
		return value{linear: number(float64(e.Duration(0)) / 1000), grouping: grouping{none: true}}, nil
	case *metricsql.MetricExpr:
		return r.instant(e)
	case *metricsql.FuncExpr:
		return r.function(e)
	case *metricsql.AggrFuncExpr:
		return r.aggregate(e)
	case *metricsql.BinaryOpExpr:
		return r.arithmetic(e)
	}
	return value{}, r.refuse("", excerpt(e)+" has no counterpart", "ask it with rate, increase or histogram_quantile")
}

func (r *reader) function(e *metricsql.FuncExpr) (value, error) {
	switch name := strings.ToLower(e.Name); name {
	case "time", "now":
		return value{linear: one(measure{kind: kindTime}, 1), grouping: grouping{none: true}}, nil
	case "vector", "scalar":
		if len(e.Args) == 1 {
			if v, err := r.value(e.Args[0]); err == nil && v.isNumber() {
				return v, nil
			}
		}
	case "rate", "increase", "irate", "increase_pure":
		return r.increase(name, e)
	case "histogram_quantile":
		return r.quantile(e)
	case "timestamp", "max_over_time", "last_over_time":
		return r.newest(name, e)
	}
	do := "ask it with rate, increase or histogram_quantile, or write it as custom SQL"
	if strings.HasSuffix(e.Name, "_over_time") || slices.Contains([]string{"delta", "deriv", "idelta", "predict_linear"}, e.Name) {
		do = "leave it to Prometheus: it is about a gauge, and Leadline counts events"
	}
	return value{}, r.refuse(e.Name, e.Name+" has no counterpart", do)
}

// increase reads rate, increase and irate of a counter.
func (r *reader) increase(name string, e *metricsql.FuncExpr) (value, error) {
	if len(e.Args) != 1 {
		return value{}, r.refuse(e.Name, e.Name+" takes one range", "correct it")
	}
	arg, ok := e.Args[0].(*metricsql.RollupExpr)
	if !ok {
		return value{}, r.refuse(e.Name, e.Name+" has no window", "write it like rate(x[5m])")
	}
	v, err := r.rows(e.Name, arg)
	if err != nil {
		return v, err
	}
	if name == "irate" {
		r.note(r.at(e.Name), "irate looks at the last two samples, here the whole window counts", "shorten the window if that is too calm")
	}
	if name == "rate" || name == "irate" {
		v.linear = v.times(1 / v.terms[0].measure.window.Seconds())
	}
	return v, nil
}

// rows reads a range of a counter as the number of rows in it.
func (r *reader) rows(function string, e *metricsql.RollupExpr) (value, error) {
	series, ok := e.Expr.(*metricsql.MetricExpr)
	switch {
	case !ok || e.ForSubquery():
		return value{}, r.refuse(function, function+" of a subquery has no counterpart", "use the metric itself with a longer window")
	case e.At != nil:
		return value{}, r.refuse(function, "@ has no counterpart", "remove it")
	case e.Window == nil:
		return value{}, r.refuse(function, function+" has no window", "write it like x[5m]")
	}
	window := time.Duration(e.Window.Duration(0)) * time.Millisecond
	if window <= 0 {
		return value{}, r.refuse(function, "the window is not a fixed time", "write it like 5m")
	}
	var back time.Duration
	if e.Offset != nil {
		if back = time.Duration(e.Offset.Duration(0)) * time.Millisecond; back < 0 || back%(24*time.Hour) != 0 {
			return value{}, r.refuse("offset", "an offset that is no whole number of days has no counterpart", "compare with the same time of another day, such as offset 1w")
		}
	}
	if back > 0 {
		r.note(r.at("offset"), fmt.Sprintf("one time %s ago says little about what is usual", source.FormatDuration(back)), fmt.Sprintf("the median of %d such times is taken", seasons))
	}
	return r.counted(series, window, back)
}

// seasons are how many of them a baseline looks at.
const seasons = 4

// quantile reads histogram_quantile(φ, rate(buckets)).
func (r *reader) quantile(e *metricsql.FuncExpr) (value, error) {
	if len(e.Args) != 2 {
		return value{}, r.refuse(e.Name, e.Name+" takes a quantile and buckets", "correct it")
	}
	level, err := r.value(e.Args[0])
	if err != nil {
		return value{}, err
	}
	v, err := r.value(e.Args[1])
	if err != nil {
		return value{}, err
	}
	m, _, single := v.single()
	if !level.isNumber() || !single || m.kind != kindCount || v.series == "" {
		return value{}, r.refuse(e.Name, "the buckets of "+excerpt(e)+" are not those of one metric", "write it like histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))")
	}
	return r.duration(v, measure{kind: kindQuantile, source: m.source, level: level.constant, of: v.target.Field, where: m.where, window: m.window, back: m.back}), nil
}

// duration makes v the value of a measure in milliseconds, in the unit of its metric.
func (r *reader) duration(v value, m measure) value {
	size, named := unit(v.series)
	if !named {
		r.note(r.at(v.series), fmt.Sprintf("%s does not say its unit and is taken for seconds", v.series), "correct the threshold if it has another: measures are milliseconds")
	}
	v.linear = one(m, float64(time.Millisecond)/float64(size))
	v.buckets = false
	return v
}

// newest reads the time of the newest row: timestamp(x), and the newest of a range of timestamps.
func (r *reader) newest(name string, e *metricsql.FuncExpr) (value, error) {
	if len(e.Args) != 1 {
		return value{}, r.refuse(e.Name, e.Name+" takes one series", "correct it")
	}
	arg := e.Args[0]
	if x, ok := arg.(*metricsql.RollupExpr); ok && x.Offset == nil && x.At == nil && !x.ForSubquery() && name != "timestamp" {
		arg = x.Expr
	}
	series, ok := arg.(*metricsql.MetricExpr)
	if !ok {
		return value{}, r.refuse(e.Name, e.Name+" of "+excerpt(arg)+" has no counterpart", "use time() - max(x_timestamp_seconds)")
	}
	if name == "timestamp" {
		v, err := r.counted(series, lookback, 0)
		if err == nil {
			m := v.terms[0].measure
			m.kind, m.window = kindStamp, 0
			v.linear = one(m, 1)
		}
		return v, err
	}
	v, err := r.instant(series)
	if err == nil && !v.only(kindStamp) {
		err = r.refuse(e.Name, e.Name+" has no counterpart", "leave it to Prometheus: it is about a gauge, and Leadline counts events")
	}
	return v, err
}

// divisor is what is divided by. Its `> 0` keeps Prometheus from dividing by 0; a ratio of nothing is absent here anyway.
func divisor(op string, e metricsql.Expr) metricsql.Expr {
	if b, ok := e.(*metricsql.BinaryOpExpr); ok && op == "/" && b.Op == ">" && !b.Bool {
		if n, ok := b.Right.(*metricsql.NumberExpr); ok && n.N == 0 {
			return b.Left
		}
	}
	return e
}

// arithmetic reads + − · /, and what stands in for a missing value.
func (r *reader) arithmetic(e *metricsql.BinaryOpExpr) (value, error) {
	left, err := r.value(e.Left)
	if err != nil {
		return left, err
	}
	op := strings.ToLower(e.Op)
	right, err := r.value(divisor(op, e.Right))
	if err != nil {
		return right, err
	}
	zero := right.isNumber() && right.constant == 0
	if zero && !left.isNumber() && (op == "or" || op == "default") {
		if !left.only(kindCount) {
			r.note(r.at(e.Op), excerpt(e)+": without events there is no value here, not even 0", "add a condition on a count if that has to be told")
		}
		return left, nil
	}
	g, err := r.same(e.Op, left.grouping, right.grouping)
	if err != nil {
		return left, err
	}
	out := value{grouping: g, buckets: left.buckets || right.buckets}
	switch {
	case op == "+":
		out.linear = left.plus(right.linear).positive()
	case op == "-":
		out.linear = left.plus(right.times(-1)).positive()
	case op == "*" && right.isNumber():
		out.linear = left.times(right.constant)
	case op == "*" && left.isNumber():
		out.linear = right.times(left.constant)
	case op == "/" && right.isNumber() && !zero:
		out.linear = left.times(1 / right.constant)
	case op == "/":
		ratio, ok := left.over(right.linear)
		if out.buckets || !ok {
			return out, r.refuse(e.Op, excerpt(e)+" is no ratio of counts over one window", "divide the increase of one metric by that of another over the same window")
		}
		if ratio.isNumber() {
			return out, r.refuse(e.Op, "both sides of the ratio count the same", "say with --map what the numerator counts, such as '"+left.series+"="+left.target.Source+"?"+failed(left.target.Source).String()+"'")
		}
		out.linear = ratio
	default:
		return out, r.refuse(e.Op, excerpt(e)+" has no counterpart", "use +, -, * and / with numbers, and comparisons")
	}
	return out, nil
}
