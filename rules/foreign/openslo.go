package foreign

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"leadline/source"
)

// openSet are the documents of all files, by kind and name.
type openSet struct {
	slos       []openHead[openSLOSpec]
	indicators map[string]openIndicates
	policies   map[string]openPolicy
	conditions map[string]openCondition
}

func (im *importer) openSLO(docs []source.Document) {
	set := openSet{nil, map[string]openIndicates{}, map[string]openPolicy{}, map[string]openCondition{}}
	for _, d := range docs {
		if v := d.APIVersion; v.Value != "openslo/v1" {
			at := v.Pos
			if at.IsZero() {
				at = d.Pos
			}
			im.note(at, fmt.Sprintf("apiVersion %q is not read", v.Value), "convert it to openslo/v1")
			continue
		}
		switch d.Kind.Value {
		case "SLO":
			set.slos = append(set.slos, open[openSLOSpec](im, d))
		case "SLI":
			h := open[openIndicates](im, d)
			set.indicators[h.Metadata.Name.Value] = h.Spec
		case "AlertPolicy":
			h := open[openPolicy](im, d)
			set.policies[h.Metadata.Name.Value] = h.Spec
		case "AlertCondition":
			h := open[openCondition](im, d)
			set.conditions[h.Metadata.Name.Value] = h.Spec
		case "Service":
			im.note(d.Kind.Pos, "a Service has no document of its own", "its name is in the SLOs")
		default:
			im.note(d.Kind.Pos, "kind "+d.Kind.Value+" has no counterpart", "configure it in leadline.yaml")
		}
	}
	taken := map[string]bool{}
	for i := range set.slos {
		for j := range set.slos[i].Spec.Objectives {
			im.openObjective(&set, &set.slos[i], j, taken)
		}
	}
}

func open[T any](im *importer, d source.Document) openHead[T] {
	var h openHead[T]
	im.decoded(d.Decode(&h))
	return h
}

// openObjective makes an SLO of every objective.
func (im *importer) openObjective(set *openSet, h *openHead[openSLOSpec], i int, taken map[string]bool) {
	s, t := &h.Spec, &h.Spec.Objectives[i]
	im.begin(t.Pos)
	from, err := set.indicator(s, t)
	if err != nil {
		im.refuse(err)
		return
	}
	indicator, g, err := im.openIndicator(from, t)
	if err != nil {
		im.refuse(err)
		return
	}
	o := &objective{
		name: h.Metadata.Name.Value, pos: t.Pos, service: s.Service.Value, description: s.Description.Value,
		percent: t.TargetPercent.Value, sli: indicator, by: im.tellApart(t.Pos, g, indicator.source),
		page: block(), ticket: block(),
	}
	o.labels = im.constant(o, h.Metadata.Labels)
	if t.TargetPercent.Pos.IsZero() {
		o.percent = 100 * t.Target.Value
	}
	if len(s.Objectives) > 1 && t.DisplayName.Value != "" {
		o.name += "-" + strings.ReplaceAll(strings.ToLower(t.DisplayName.Value), " ", "-")
	}
	if b := s.Budgeting; !b.Pos.IsZero() && b.Value != "Occurrences" {
		im.note(b.Pos, "a budget of "+b.Value+" is not reckoned", "every event counts once here: a quiet minute does not weigh as much as one of a rush")
	}
	var length time.Duration
	if o.period, length = im.openPeriod(s.TimeWindow); o.period == nil {
		return
	}
	o.windows = im.openWindows(set, s.AlertPolicies, length)
	im.add(o, filepath.Base(h.Kind.Pos.Error("", "").File), taken)
}

func (set *openSet) indicator(s *openSLOSpec, t *openObjective) (*openIndicates, error) {
	for _, x := range []struct {
		own *openIndicator
		ref source.At[string]
	}{{&t.Indicator, t.IndicatorRef}, {&s.Indicator, s.IndicatorRef}} {
		if !x.own.Pos.IsZero() {
			return &x.own.Spec, nil
		}
		if x.ref.Pos.IsZero() {
			continue
		}
		if found, ok := set.indicators[x.ref.Value]; ok {
			return &found, nil
		}
		return nil, &refusal{x.ref.Pos, fmt.Sprintf("there is no SLI %q in these files", x.ref.Value), "give its file too"}
	}
	return nil, &refusal{t.Pos, "the objective has no indicator", "add indicator or indicatorRef"}
}

// openIndicator is what counts as bad.
func (im *importer) openIndicator(from *openIndicates, t *openObjective) (sli, grouping, error) {
	r := im.reader()
	var v value
	var err error
	switch ratio := &from.Ratio; {
	case !from.Threshold.Pos.IsZero():
		return im.openThreshold(r, &from.Threshold, t)
	case !ratio.Raw.Pos.IsZero():
		if v, err = r.metric(&ratio.Raw); err == nil && ratio.RawType.Value != "failure" {
			v = v.complement()
		}
	case !ratio.Total.Pos.IsZero() && !ratio.Bad.Pos.IsZero():
		v, err = r.pair("bad", &ratio.Bad, &ratio.Total)
	case !ratio.Total.Pos.IsZero() && !ratio.Good.Pos.IsZero():
		if v, err = r.pair("good", &ratio.Good, &ratio.Total); err == nil {
			v = v.complement()
		}
	default:
		err = &refusal{from.Pos, "the indicator has neither a threshold nor total with good or bad", "add what is missing"}
	}
	if err != nil {
		return sli{}, grouping{}, err
	}
	s, err := r.indicator(v)
	return s, v.grouping, err
}

// openThreshold reads an indicator that compares a duration with the objective's value.
func (im *importer) openThreshold(r *reader, m *openMetric, t *openObjective) (sli, grouping, error) {
	v, err := r.metric(m)
	if err != nil {
		return sli{}, grouping{}, err
	}
	q, factor, single := v.single()
	if !single || q.kind != kindQuantile || t.Op.Value != "lt" && t.Op.Value != "lte" {
		return sli{}, grouping{}, &refusal{m.Pos, "only an upper bound of a duration has a counterpart", "use histogram_quantile of a metric that is mapped, with op: lte"}
	}
	im.note(m.Pos, "the objective counted how often the quantile was above its value, here single events count", "correct the objective if it has to be as strict as before")
	return sli{source: q.source, field: q.of, above: digits(t.Value.Value / factor), total: q.where}, v.grouping, nil
}

func (r *reader) metric(m *openMetric) (value, error) {
	if kind := m.Source.Type; kind.Value != "" && !strings.EqualFold(kind.Value, "prometheus") {
		return value{}, &refusal{kind.Pos, "queries of " + kind.Value + " are not read", "only Prometheus' are"}
	}
	for _, name := range []string{"query", "promql"} {
		if q, ok := m.Source.Spec.Get(name); ok {
			return r.number(windowed(q))
		}
	}
	return value{}, &refusal{m.Pos, "the metric has no query", "add spec: {query: …}"}
}

func (r *reader) pair(what string, part, total *openMetric) (value, error) {
	a, err := r.metric(part)
	if err != nil {
		return a, err
	}
	b, err := r.metric(total)
	if err != nil {
		return b, err
	}
	return r.quotient(what, a, b)
}

// openPeriod is the period and about how long it is; nil where there is no counterpart.
func (im *importer) openPeriod(windows []openWindow) (*yaml.Node, time.Duration) {
	const usual = 30 * 24 * time.Hour
	if len(windows) == 0 {
		return plain(source.FormatDuration(usual)), usual
	}
	w := windows[0]
	if len(windows) > 1 {
		im.note(windows[1].Pos, "an SLO has one period", "the first is taken")
	}
	if w.Rolling.Value {
		d, err := source.ParseDuration(w.Duration.Value)
		if month, ok := strings.CutSuffix(w.Duration.Value, "M"); err != nil && ok && month == "1" {
			im.note(w.Duration.Pos, "a rolling month has no fixed length", "30d are taken")
			d, err = usual, nil
		}
		if err != nil {
			im.note(w.Duration.Pos, err.Error(), "write it like 28d")
			return nil, 0
		}
		return plain(source.FormatDuration(d)), d
	}
	length := map[string]time.Duration{"1w": 7 * 24 * time.Hour, "1M": usual, "1Q": 3 * usual}[w.Duration.Value]
	if length == 0 {
		im.note(w.Duration.Pos, fmt.Sprintf("there is no calendar period of %s", w.Duration.Value), "there are 1w, 1M and 1Q")
		return nil, 0
	}
	if start := w.Calendar.Start; !start.Pos.IsZero() && !strings.Contains(start.Value, "-01 00:00") {
		im.note(start.Pos, "a period begins where the calendar's does", "nothing, unless your months begin on another day")
	}
	p := flow()
	p.text("calendar", w.Duration.Value)
	p.text("timeZone", w.Calendar.Zone.Value)
	return p.node, length
}

// openWindows are the pairs of windows that stand for the conditions of the policies, nil where there are none: then the
// usual ones watch.
func (im *importer) openWindows(set *openSet, refs []openPolicyRef, period time.Duration) []window {
	var out []window
	for _, ref := range refs {
		policy, ok := ref.Spec, true
		if !ref.Ref.Pos.IsZero() {
			policy, ok = set.policies[ref.Ref.Value]
		}
		if !ok {
			im.note(ref.Pos, fmt.Sprintf("there is no AlertPolicy %q in these files", ref.Ref.Value), "give its file too")
			continue
		}
		for _, c := range policy.Conditions {
			condition, ok := c.Spec, true
			if !c.Ref.Pos.IsZero() {
				condition, ok = set.conditions[c.Ref.Value]
			}
			if !ok {
				im.note(c.Pos, fmt.Sprintf("there is no AlertCondition %q in these files", c.Ref.Value), "give its file too")
				continue
			}
			if w, ok := im.openBurn(ref.Pos, condition, period); ok {
				out = append(out, w)
			}
		}
	}
	return out
}

// openBurn is a burn rate over one window; the second, short one, which ends the alert soon after the burn, is a twelfth.
func (im *importer) openBurn(at source.Pos, c openCondition, period time.Duration) (window, bool) {
	k := c.Condition
	severity := severities[strings.ToLower(c.Severity.Value)]
	switch {
	case !strings.EqualFold(k.Kind.Value, "burnrate") || k.Lookback.Value == 0 || !slices.Contains([]string{"", "gt", "gte"}, k.Op.Value):
		im.note(at, fmt.Sprintf("condition %q has no counterpart", k.Kind.Value), "the usual windows watch: google-30d")
		return window{}, false
	case severity != usualWindows[0].severity:
		severity = usualWindows[2].severity
	}
	if k.After.Value > 0 {
		im.note(at, "alertAfter is left out", "the short window of a twelfth plays its role")
	}
	share := 100 * k.Threshold.Value * float64(k.Lookback.Value) / float64(period)
	return window{severity, share, k.Lookback.Value, k.Lookback.Value / 12}, true
}
