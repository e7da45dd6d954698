package foreign

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"leadline/rules"
	"leadline/source"
)

// objective is an SLO that has a counterpart.
type objective struct {
	name        string
	pos         source.Pos
	service     string
	description string
	percent     float64
	period      *yaml.Node
	sli         sli
	by          []string
	labels      mapping
	windows     []window // nil: the usual ones
	page        mapping  // labels and annotations of the alerts
	ticket      mapping
}

// sli is what counts as bad.
type sli struct {
	source string
	field  string // of a latency; "" for events
	above  string // milliseconds, for a latency
	bad    where  // for events
	total  where
}

type window struct {
	severity    string
	budget      float64 // percent
	long, short time.Duration
}

// usualWindows are those of google-30d, one by one, for SLOs that page or ticket only.
var usualWindows = []window{
	{rules.SeverityPage, 2, time.Hour, 5 * time.Minute},
	{rules.SeverityPage, 5, 6 * time.Hour, 30 * time.Minute},
	{rules.SeverityTicket, 10, 24 * time.Hour, 2 * time.Hour},
	{rules.SeverityTicket, 10, 72 * time.Hour, 6 * time.Hour},
}

// indicator makes an SLI of a ratio of bad rows.
func (r *reader) indicator(v value) (sli, error) {
	m, factor, single := v.single()
	if !single || m.kind != kindRatio || !near(factor, 1) {
		return sli{}, r.refuse("", "the ratio of bad events is none of two counts", "divide the rate of bad events by that of all")
	}
	extra, ok := m.where.beyond(m.den)
	if !ok || len(extra) == 0 {
		return sli{}, r.refuse("", fmt.Sprintf("what is bad (%s) is no part of what is counted (%s)", m.where, m.den), "use the same labels on both sides")
	}
	s := sli{source: m.source, bad: makeWhere(extra...), total: m.den}
	if len(extra) == 1 && extra[0].op == ">" && slices.Contains(times(m.source), extra[0].field) {
		s.field, s.above = extra[0].field, extra[0].literal
	}
	return s, nil
}

// complement is 1 − v.
func (v value) complement() value {
	v.linear = number(1).plus(v.times(-1)).positive()
	return v
}

func (s sli) write() mapping {
	out, inner := block(), flow()
	if s.field != "" {
		inner.text("of", s.source+"."+s.field)
		inner.add("threshold", &yaml.Node{Kind: yaml.ScalarNode, Value: s.above})
		inner.text("where", s.total.String())
		out.mapping("latency", inner)
		return out
	}
	inner.text("of", s.source)
	inner.text("bad", s.bad.String())
	inner.text("total", s.total.String())
	out.mapping("events", inner)
	return out
}

func (o *objective) write() mapping {
	spec := block()
	spec.text("service", o.service)
	spec.text("description", o.description)
	spec.number("objective", o.percent)
	spec.add("period", o.period)
	spec.mapping("sli", o.sli.write())
	spec.list("by", o.by)
	alerting := block()
	if o.windows != nil {
		list := &yaml.Node{Kind: yaml.SequenceNode}
		for _, w := range o.windows {
			x := flow()
			x.text("severity", w.severity)
			x.number("budget", w.budget)
			x.duration("long", w.long)
			x.duration("short", w.short)
			list.Content = append(list.Content, x.node)
		}
		alerting.add("windows", list)
	}
	alerting.mapping("page", o.page)
	alerting.mapping("ticket", o.ticket)
	spec.mapping("alerting", alerting)
	return spec
}

// add writes an SLO, or notes why Leadline would not take it.
func (im *importer) add(o *objective, from string, taken map[string]bool) {
	name := o.name
	for i := 2; taken[name]; i++ {
		name = fmt.Sprintf("%s-%d", o.name, i)
	}
	if name != o.name {
		im.note(o.pos, fmt.Sprintf("there are two SLOs %q", o.name), "the second is named "+name)
	}
	doc := document("", rules.KindSLO, name, o.labels, o.write())
	if errs := refused(doc); len(errs) > 0 {
		im.note(o.pos, "the SLO does not load: "+reasons(errs), "change it there or here")
		return
	}
	taken[name] = true
	doc.HeadComment = "From " + strings.ReplaceAll(from, "\n", " ") + "."
	im.docs = append(im.docs, doc)
	im.mapped()
}

// words are the annotations of an SLO's alerts, which know labels but no value.
func (im *importer) words(m source.Map[source.Passage], known []string) mapping {
	out := block()
	for i, e := range m {
		if slices.ContainsFunc(m[i+1:], func(later source.Entry[source.Passage]) bool { return later.Name.Value == e.Name.Value }) {
			continue // the last says it
		}
		a := annotation{passage: e.Value, labels: append([]string{"slo", "service"}, known...), note: im.note}
		if s, ok := a.translate(); ok {
			out.text(e.Name.Value, s)
		}
	}
	return out
}

// constant are the labels that do not change, without those that the SLO has already.
func (im *importer) constant(o *objective, maps ...source.Map[source.At[string]]) mapping {
	out := flow()
	seen := map[string]bool{}
	for _, m := range slices.Backward(maps) { // the last says it
		for _, e := range m {
			name, v := e.Name.Value, e.Value.Value
			own, has := o.labels.get(name)
			switch {
			case seen[name] || has && own == v:
			case strings.Contains(v, "{{"):
				im.note(e.Value.Pos, "label "+name+" changes with its template and is left out: labels are the alert's identity", "put it in annotations")
			case slices.Contains([]string{"slo", "service", "severity", "alertname"}, name):
				im.note(e.Name.Pos, "the label "+name+" is set by Leadline", "route by severity page and ticket, or by team")
			case has || slices.Contains(o.by, name):
				im.note(e.Name.Pos, "the SLO has a label "+name+" already", "rename this one")
			default:
				seen[name] = true
				out.text(name, v)
			}
		}
	}
	return out
}
