package main

import (
	"fmt"
	"math"
)

// target is what has to hold on any machine: ratios of what was measured side by side, and bounds of memory.
type target struct {
	name  string
	floor float64 // infinite where there is none
	aim   float64
	most  bool                   // floor and aim are bounds from above
	unit  string                 // "×", "ms", "MB", "µs" or ""
	of    func(r *run) []float64 // by round; one where it was measured once, none where it was not
}

// holds compares with a bound, floor or aim.
func (t *target) holds(value, bound float64) bool {
	if t.most {
		return value <= bound
	}
	return value >= bound
}

func (t *target) format(v float64) string {
	switch t.unit {
	case "×", "":
		return t.number(v) + t.unit
	}
	return t.number(v) + " " + t.unit
}

// number is a value without its unit.
func (t *target) number(v float64) string {
	switch t.unit {
	case "×":
		return fmt.Sprintf("%.2f", v)
	case "µs":
		return fmt.Sprintf("%.3f", v)
	case "ms":
		return fmt.Sprintf("%.1f", v)
	case "MB":
		return fmt.Sprintf("%.0f", v)
	}
	return count(v)
}

func (t *target) bound(v float64) string {
	if math.IsInf(v, 0) {
		return "–"
	}
	if t.most {
		return "≤ " + t.format(v)
	}
	return "≥ " + t.format(v)
}

// ratio of a figure of Leadline to one of another subject, round by round, since a round's two sides lie closest in time;
// that of the medians where the other did not take turns. It is not measured where one of them was left out.
func ratio(events int, name string, of, to func(p *pair) float64) func(*run) []float64 {
	return func(r *run) (values []float64) {
		ours, theirs := r.Pairs["leadline"][events], r.Pairs[name][events]
		if len(ours) == 0 || len(theirs) == 0 {
			return nil
		}
		if len(ours) != len(theirs) {
			ours, theirs = []pair{medianPair(ours)}, []pair{medianPair(theirs)}
		}
		for i := range ours {
			if base := to(&theirs[i]); base != 0 {
				values = append(values, of(&ours[i])/base)
			}
		}
		return values
	}
}

// in reads a figure of a scenario.
func in[T any](of func(s *T) float64) func(*run) []float64 {
	return func(r *run) []float64 {
		if s := found[T](r); s != nil {
			return []float64{of(s)}
		}
		return nil
	}
}

func storedFull(p *pair) float64 { return p.Full.Stored }
func ackedFull(p *pair) float64  { return p.Full.Acked }
func p99Half(p *pair) float64    { return p.Half.P99 }
func cpuFull(p *pair) float64    { return p.Full.CPU + p.Full.ClickHouseCPU }

var targets = []target{
	{"1 a request: stored/s, Leadline : OpenTelemetry Collector", 25, 40, false, "×", ratio(1, "otel", storedFull, storedFull)},
	{"1 a request: stored/s : answers of the empty handler", 0.30, 0.45, false, "×", ratio(1, "null", storedFull, ackedFull)},
	{"1 000 a request: stored/s, Leadline : ClickHouse's HTTP intake", 1.0, 1.6, false, "×", ratio(1000, "clickhouse", storedFull, storedFull)},
	{"1 000 a request: CPU an event, ClickHouse's included, the same two", 0.8, 0.5, true, "×", ratio(1000, "clickhouse", cpuFull, cpuFull)},
	{"1 a request, each at half of its maximum: ack p99, Leadline : empty handler", 4, 2, true, "×", ratio(1, "null", p99Half, p99Half)},
	{"1 a request, both at half of Leadline's maximum: ack p99, the same two", math.Inf(1), 4, true, "×", ratio(1, "null", p99Half, func(p *pair) float64 { return p.Beside.P99 })},
	{"ClickHouse away: ack p99", 34, 13, true, "ms", in(func(o *outage) float64 { return o.During[2] })},
	{"ClickHouse away: ack p99, during : before", math.Inf(1), 1.1, true, "×", in(func(o *outage) float64 { return o.During[2] / o.Before[2] })},
	{"ClickHouse away: memory grows by", 100, 30, true, "MB", in(func(o *outage) float64 { return o.Growth / (1 << 20) })},
	{"ClickHouse away: acknowledged events missing or doubled afterwards", 0, 0, true, "", in(func(o *outage) float64 { return o.Missing + o.Double })},
	{"Twice the load: peak memory", 600, 350, true, "MB", in(func(o *overload) float64 { return o.Peak / (1 << 20) })},
	{"Twice the load: peak memory, second half : first half", 1.15, 1.05, true, "×", in(func(o *overload) float64 { return o.Flat })},
	{"One loud partner: the others' ack p95, during : before", 1.5, 1.2, true, "×", in(func(f *fairness) float64 { return f.Ack[1] / f.Ack[0] })},
	{"One loud partner: the others' end-to-end p95, during : before", 1.5, 1.2, true, "×", in(func(f *fairness) float64 { return f.E2E[1] / f.E2E[0] })},
	{"1,000 rules: ClickHouse CPU a slot, nothing known yet", 400, 200, true, "ms", in(func(s *slots) float64 { return 1000 * s.First.CPU })},
	{"1,000 rules: ClickHouse CPU, one query a rule : Leadline", 40, 80, false, "×", in(func(s *slots) float64 { return s.Single.CPU / s.First.CPU })},
	{"ClickHouse CPU a slot, 10,000 : 1,000 rules", 1.2, 1.05, true, "×", in(func(s *slots) float64 { return s.Many.CPU / s.First.CPU })},
	{"1,000 rules: ClickHouse CPU of the next minute", math.Inf(1), 100, true, "ms", in(func(s *slots) float64 { return 1000 * s.Next.CPU })},
	{"Counting a stage into the rollups", 0.1, 0.03, true, "µs", in(func(r *rollup) float64 { return r.Nanoseconds / 1000 })},
}

// verdict of a target over all runs. A run's value is the median of its rounds.
type verdict struct {
	Runs, Held  int
	Median      float64
	Values      int // rounds of all runs
	Least, Most float64
}

func (t *target) judge(runs []*run) (v verdict) {
	var medians, all []float64
	for _, r := range runs {
		values := t.of(r)
		if len(values) == 0 {
			continue
		}
		_, value, _ := spread(values)
		medians, all = append(medians, value), append(all, values...)
		if t.holds(value, t.floor) {
			v.Held++
		}
	}
	v.Runs, v.Values = len(medians), len(all)
	_, v.Median, _ = spread(medians)
	v.Least, _, v.Most = spread(all)
	return v
}

// failed are the names of the targets whose floor did not hold in every run.
func failed(runs []*run) (names []string) {
	for i := range targets {
		if v := targets[i].judge(runs); v.Held < v.Runs {
			names = append(names, targets[i].name)
		}
	}
	return names
}
