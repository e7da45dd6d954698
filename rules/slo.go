package rules

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"leadline/rules/budget"
	"leadline/rules/measure"
	"leadline/source"
)

// KindSLO is the kind of the documents that ParseSLO reads.
const KindSLO = "SLO"

// maxPairs keeps a condition below the size that an expression may have.
const maxPairs = 8

// ParseSLO reads one document of the kind SLO and compiles it to a group of ordinary rules: how fast the budget burns,
// the quantile where the objective is one, and the absence of a series. With errors, the group is for Check only.
func ParseSLO(doc source.Document) (*Group, source.Errors) {
	spec := defaultSLO()
	meta, errs := doc.Spec(&spec)
	group := defaultGroup()
	group.Limit = spec.Limit
	g := &Group{Name: meta.Name.Value, QueryOffset: group.QueryOffset.Value, Limit: spec.Limit.Value, pos: meta.Name.Pos}
	c := &compiler{group: g, spec: &group, errs: errs}
	s := &slo{compiler: c, spec: &spec, name: meta.Name}
	if len(errs) == 0 { // what is missing or of another type makes no sense further on
		s.read()
	}
	s.interval()
	g.Interval = group.Interval.Value
	c.labels, c.severity = c.static(meta.Labels)
	s.ownLabels(meta.Labels)
	c.bounds()
	if len(c.errs) > 0 {
		return g, c.errs.Sorted()
	}
	s.lint()
	if len(c.errs) == 0 {
		for _, r := range s.rules() {
			g.Rules = append(g.Rules, c.rule(&r))
		}
	}
	return g, c.errs.Sorted()
}

// slo turns the YAML of one objective into the YAML of rules.
type slo struct {
	*compiler

	spec      *sloSpec
	name      source.At[string]
	objective budget.Objective
	sli       sli
}

// sli is what is counted, as texts of conditions.
type sli struct {
	of         source.At[string] // event or span
	total, bad source.Expr
	field      string            // latency: what is compared with the threshold
	counts     []measure.Measure // of total and bad, without a window
}

func (s *slo) read() {
	s.target()
	s.period()
	s.budgeting()
	s.indicator()
	s.labelled()
	s.alerting()
}

func (s *slo) target() {
	o := s.spec.Objective
	t, ok := budget.ParseTarget(o.Value)
	if !ok {
		what, do := fmt.Sprintf("objective %v is not between 0 and 100", o.Value), "write 99 for 99 %: at 100 % there is no budget to burn"
		if o.Value > 0 && o.Value < 100 {
			what, do = fmt.Sprintf("objective %v has more than four decimals", o.Value), "round it: one event in a million is the least that can be told"
		}
		s.fail(o.Pos, what, do)
	}
	s.objective.Target = t
}

func (s *slo) period() {
	p := s.spec.Period
	at := p.Long
	switch {
	case !p.IsLong:
		s.length(budget.Rolling, source.Duration{Value: p.Short, Pos: p.Pos}, 24*time.Hour, "use 28d or 30d; for a campaign write {campaign: 6h}")
	case at.Campaign.Pos.IsZero() == at.Calendar.Pos.IsZero():
		s.fail(p.Pos, "a period is a duration, {calendar: 1M, timeZone: …} or {campaign: 6h}", "give one of them")
	case !at.Campaign.Pos.IsZero():
		s.length(budget.ByCampaign, at.Campaign, time.Hour, "give the time that a campaign runs, such as 6h")
		if !at.TimeZone.Pos.IsZero() {
			s.fail(at.TimeZone.Pos, "only a calendar has a time zone", "remove it")
		}
		if !slices.ContainsFunc(s.spec.By, func(b source.At[string]) bool { return b.Value == "campaign" }) {
			s.fail(p.Pos, "the budget is each campaign's own, but by does not tell campaigns apart", "add by: [campaign]")
		}
	default:
		s.calendar(at)
	}
}

func (s *slo) length(kind budget.Kind, d source.Duration, least time.Duration, do string) {
	s.objective.Period.Kind = kind
	if d.Value < least {
		s.fail(d.Pos, fmt.Sprintf("the period of %s is shorter than %s", source.FormatDuration(d.Value), source.FormatDuration(least)), do)
		return
	}
	s.objective.Period = budget.Period{Kind: kind, Length: d.Value}
}

func (s *slo) calendar(at periodSpec) {
	zone := time.UTC
	if name := at.TimeZone; !name.Pos.IsZero() {
		z, err := time.LoadLocation(name.Value)
		if err != nil || name.Value == "Local" || name.Value == "" {
			s.fail(name.Pos, fmt.Sprintf("unknown time zone %q", name.Value), "use a name such as Europe/Kyiv or UTC")
			return
		}
		zone = z
	}
	p, ok := budget.Every(budget.Unit(at.Calendar.Value), zone)
	if !ok {
		s.fail(at.Calendar.Pos, fmt.Sprintf("unknown calendar period %q", at.Calendar.Value), "use one of "+strings.Join(budget.Units(), ", "))
	}
	s.objective.Period = p
}

func (s *slo) budgeting() {
	switch b := s.spec.Budgeting; {
	case b.Pos.IsZero(), !b.IsLong && b.Short == "occurrences":
	case b.IsLong, b.Short == "timeslices":
		s.fail(b.Pos, "budgets of timeslices are not reckoned: a quiet minute would weigh as much as one of a rush", "remove it: every event counts once (occurrences)")
	default:
		s.fail(b.Pos, fmt.Sprintf("unknown budgeting %q", b.Short), "remove it: every event counts once (occurrences)")
	}
}

// indicator reads the SLI. The conditions are checked here, where the user wrote them; what is made of them is ours.
func (s *slo) indicator() {
	l, e := s.spec.SLI.Latency, s.spec.SLI.Events
	switch {
	case l.Pos.IsZero() == e.Pos.IsZero():
		s.fail(s.spec.SLI.Pos, "the sli is one of latency and events", "write it like latency: {of: event.e2e_ms, threshold: 600}")
	case !l.Pos.IsZero():
		s.latency(l)
	default:
		from := s.source(e.Of)
		total := s.where(e.Total, from)
		s.where(e.Bad, from)
		if from != "" && len(s.errs) == 0 {
			s.sli = sli{of: e.Of, total: e.Total, bad: both(e.Total, e.Bad.Text, e.Bad.Pos)}
			s.sli.counts = []measure.Measure{{Kind: measure.Count, Source: from, Where: total}, {Kind: measure.Count, Source: from, Where: s.where(s.sli.bad, from)}}
		}
	}
}

func (s *slo) latency(l latencySpec) {
	name, field, _ := strings.Cut(l.Of.Value, ".")
	from := measure.Source(name)
	if !slices.Contains(from.Numbers(), field) {
		var known []string
		for _, x := range measure.Sources() {
			for _, n := range x.Numbers() {
				known = append(known, string(x)+"."+n)
			}
		}
		s.fail(l.Of.Pos, fmt.Sprintf("unknown field %q", l.Of.Value), source.Suggest(l.Of.Value, known))
		return
	}
	if !(l.Threshold.Value > 0) {
		s.fail(l.Threshold.Pos, "the threshold is not above 0", "give milliseconds")
	}
	where := s.where(l.Where, from)
	if len(s.errs) > 0 {
		return
	}
	slow := fmt.Sprintf("%s > %s", field, literal(l.Threshold.Value))
	s.sli = sli{of: source.At[string]{Value: name, Pos: l.Of.Pos}, total: l.Where, bad: both(l.Where, slow, l.Threshold.Pos), field: field}
	s.sli.counts = []measure.Measure{{Kind: measure.Count, Source: from, Where: where}, {Kind: measure.Count, Source: from, Where: s.where(s.sli.bad, from)}}
}

// labelled looks at by here, once for all rules that it is copied to.
func (s *slo) labelled() {
	from := measure.Source(s.sli.of.Value)
	for _, b := range s.spec.By {
		if known := from.Labels(); from.Known() && !slices.Contains(known, b.Value) {
			s.fail(b.Pos, fmt.Sprintf("%s has no label %q", from, b.Value), source.Suggest(b.Value, known))
		}
	}
}

// both joins a condition with another, which it limits.
func both(where source.Expr, text string, at source.Pos) source.Expr {
	if !where.IsZero() {
		text = "(" + where.Text + "\n) and (" + text + "\n)" // the line ends what may be a comment
	}
	return expression(text, at)
}

// interval is the one given or, so that even the shortest window has two of them, at most a minute.
func (s *slo) interval() {
	s.compiler.spec.Interval = s.spec.Interval
	if !s.spec.Interval.Pos.IsZero() {
		return
	}
	d := time.Minute
	for _, p := range s.objective.Pairs {
		d = min(d, p.Short/2)
	}
	s.compiler.spec.Interval.Value = max(d, minInterval)
}

// ownLabels adds slo and service, by which policies and dashboards find the alerts of an objective.
func (s *slo) ownLabels(given source.Map[source.At[string]]) {
	for _, own := range []source.At[string]{{Value: "slo", Pos: s.name.Pos}, {Value: "service", Pos: s.spec.Service.Pos}, {Value: severityLabel}} {
		for _, e := range given {
			if e.Name.Value == own.Value && (own.Value != "service" || !own.Pos.IsZero()) {
				s.fail(e.Name.Pos, fmt.Sprintf("the label %s is set by the SLO itself", own.Value), "remove it")
			}
		}
	}
	maps.Copy(s.labels, map[string]string{"slo": s.name.Value})
	if v := s.spec.Service; !v.Pos.IsZero() {
		s.labels["service"] = v.Value
	}
}

// setting is how often the objective is looked at, and how long what it counts is kept.
func (s *slo) setting() budget.Setting {
	var by []string
	for _, b := range s.spec.By {
		by = append(by, b.Value)
	}
	in := budget.Setting{Interval: s.compiler.spec.Interval.Value}
	for _, m := range s.sli.counts {
		m.Window = s.objective.Period.Longest()
		if _, kept, table := m.Reach(by); in.Kept == 0 || kept < in.Kept {
			in.Kept, in.Of = kept, "rows of "+table
		}
	}
	return in
}

// lint reports what the objective would not do, each at the field that is to be changed.
func (s *slo) lint() {
	setting := s.setting()
	a := s.spec.Alerting
	for _, p := range s.objective.Lint(setting) {
		at := s.spec.Objective.Pos
		switch {
		case p.Field == budget.FieldPeriod:
			at = s.spec.Period.Pos
		case p.Field == budget.FieldMinBad && !a.MinBad.Pos.IsZero():
			at = a.MinBad.Pos
		case p.Field == budget.FieldMinTotal && !a.MinTotal.Pos.IsZero():
			at = a.MinTotal.Pos
		case p.Field == budget.FieldPairs && a.Windows.IsLong && p.Pair >= 0:
			at = a.Windows.Long[p.Pair].Pos
		case p.Field == budget.FieldPairs && !a.Windows.Pos.IsZero():
			at = a.Windows.Pos
		}
		s.fail(at, p.What, p.Do)
	}
}
