package foreign

import (
	"fmt"
	"path/filepath"
	"regexp"
	"slices"

	"leadline/source"
)

type slothFile struct {
	Version source.At[string]             `yaml:"version,required"`
	Service source.At[string]             `yaml:"service,required"`
	Labels  source.Map[source.At[string]] `yaml:"labels"`
	SLOs    []slothSLO                    `yaml:"slos,required"`
}

type slothSLO struct {
	Pos         source.Pos
	Name        source.At[string]             `yaml:"name,required"`
	Description source.At[string]             `yaml:"description"`
	Objective   source.At[float64]            `yaml:"objective,required"`
	Labels      source.Map[source.At[string]] `yaml:"labels"`
	SLI         slothSLI                      `yaml:"sli,required"`
	Alerting    slothAlerting                 `yaml:"alerting"`
	Plugins     slothPlugins                  `yaml:"plugins"`
}

type slothPlugins struct{ Pos source.Pos }

type slothSLI struct {
	Pos    source.Pos
	Events struct {
		Pos   source.Pos
		Error source.Passage `yaml:"error_query,required"`
		Total source.Passage `yaml:"total_query,required"`
	} `yaml:"events"`
	Raw struct {
		Pos   source.Pos
		Ratio source.Passage `yaml:"error_ratio_query,required"`
	} `yaml:"raw"`
	Plugin struct {
		Pos     source.Pos
		ID      source.At[string] `yaml:"id,required"`
		Options source.Ignored    `yaml:"options"`
	} `yaml:"plugin"`
}

type slothAlerting struct {
	Name        source.At[string]             `yaml:"name"`
	Labels      source.Map[source.At[string]] `yaml:"labels"`
	Annotations source.Map[source.Passage]    `yaml:"annotations"`
	Page        slothAlert                    `yaml:"page_alert"`
	Ticket      slothAlert                    `yaml:"ticket_alert"`
}

type slothAlert struct {
	Disable     source.At[bool]               `yaml:"disable"`
	Labels      source.Map[source.At[string]] `yaml:"labels"`
	Annotations source.Map[source.Passage]    `yaml:"annotations"`
}

// slothPeriod is what Sloth takes unless it is told otherwise on its command line.
const slothPeriod = "30d"

// slothWindow is the placeholder that Sloth fills in. Any window will do: the ratio is the same question in all of them.
var slothWindow = regexp.MustCompile(`\{\{-?\s*\.window\s*-?\}\}`)

func (im *importer) sloth(docs []source.Document) {
	taken := map[string]bool{}
	for _, d := range docs {
		im.current = nil
		if !d.Kind.Pos.IsZero() {
			im.note(d.Kind.Pos, "a resource of Kubernetes is not read", "give the plain form, which begins with version: prometheus/v1")
			continue
		}
		var f slothFile
		im.decoded(d.Decode(&f))
		if v := f.Version; !v.Pos.IsZero() && v.Value != "prometheus/v1" {
			im.note(v.Pos, fmt.Sprintf("unknown version %q", v.Value), "it is read as prometheus/v1")
		}
		for i := range f.SLOs {
			im.slothSLO(&f, &f.SLOs[i], taken)
		}
	}
}

func (im *importer) slothSLO(f *slothFile, s *slothSLO, taken map[string]bool) {
	im.begin(s.Pos)
	v, r, err := im.slothRatio(&s.SLI)
	if err != nil {
		im.refuse(err)
		return
	}
	indicator, err := r.indicator(v)
	if err != nil {
		im.refuse(err)
		return
	}
	o := &objective{
		name: f.Service.Value + "-" + s.Name.Value, pos: s.Name.Pos,
		service: f.Service.Value, description: s.Description.Value,
		percent: s.Objective.Value, period: plain(slothPeriod), sli: indicator,
		by: im.tellApart(s.Pos, v.grouping, indicator.source),
	}
	o.labels = im.constant(o, f.Labels, s.Labels)
	if p := s.Plugins.Pos; !p.IsZero() {
		im.note(p, "plugins are not run", "leave them out")
	}
	im.slothAlerting(s.Alerting, o)
	im.add(o, filepath.Base(s.Pos.Error("", "").File), taken)
}

// slothRatio is the ratio of bad events.
func (im *importer) slothRatio(s *slothSLI) (value, *reader, error) {
	r := im.reader()
	switch {
	case !s.Events.Pos.IsZero():
		bad, err := r.number(windowed(s.Events.Error))
		if err != nil {
			return bad, r, err
		}
		total, err := r.number(windowed(s.Events.Total))
		if err != nil {
			return total, r, err
		}
		v, err := r.quotient("the error_query", bad, total)
		return v, r, err
	case !s.Raw.Pos.IsZero():
		v, err := r.number(windowed(s.Raw.Ratio))
		return v, r, err
	case !s.Plugin.Pos.IsZero():
		return value{}, r, &refusal{s.Plugin.Pos, fmt.Sprintf("the SLI is made by the plugin %q, which is not run", s.Plugin.ID.Value), "write its queries as sli.events"}
	}
	return value{}, r, &refusal{s.Pos, "the SLI has neither events nor raw", "write its queries as sli.events"}
}

// windowed puts a window into the place of Sloth's placeholder.
func windowed(p source.Passage) source.Passage {
	p.Text = slothWindow.ReplaceAllString(p.Text, "5m")
	return p
}

// quotient divides two counts that were read one by one.
func (r *reader) quotient(what string, a, b value) (value, error) {
	g, err := r.same("the ratio", a.grouping, b.grouping)
	if err != nil {
		return a, err
	}
	ratio, ok := a.over(b.linear)
	switch {
	case !ok || a.buckets || b.buckets:
		return a, r.refuse("", what+" is no count of part of the total", "count both with sum(rate(…)) over the same window")
	case ratio.isNumber():
		return a, r.refuse("", what+" counts the same as the total", "say with --map what it counts, such as '"+a.series+"="+a.target.Source+"?"+failed(a.target.Source).String()+"'")
	}
	return value{linear: ratio, grouping: g}, nil
}

// slothAlerting keeps labels and annotations, and drops the windows of an alert that is disabled.
func (im *importer) slothAlerting(a slothAlerting, o *objective) {
	if !a.Name.Pos.IsZero() {
		im.note(a.Name.Pos, "the alerts are named after the SLO", "rename the SLO to "+a.Name.Value+" if people look for that")
	}
	for _, x := range []struct {
		alert    slothAlert
		severity string
		to       *mapping
	}{{a.Page, usualWindows[0].severity, &o.page}, {a.Ticket, usualWindows[2].severity, &o.ticket}} {
		*x.to = block()
		if x.alert.Disable.Value {
			if o.windows == nil {
				o.windows = slices.Clone(usualWindows)
			}
			o.windows = slices.DeleteFunc(o.windows, func(w window) bool { return w.severity == x.severity })
			continue
		}
		x.to.mapping("labels", im.constant(o, a.Labels, x.alert.Labels))
		x.to.mapping("annotations", im.words(append(slices.Clone(a.Annotations), x.alert.Annotations...), o.by))
	}
	if o.windows != nil && len(o.windows) == 0 {
		im.note(o.pos, "both alerts are disabled", "the usual windows are taken: route them to where nobody minds")
		o.windows = nil
	}
}

// tellApart are the labels that tell an SLO's series apart.
func (im *importer) tellApart(at source.Pos, g grouping, of string) []string {
	var out []string
	for _, l := range g.by {
		if !slices.Contains(fields(of), l) {
			im.note(at, fmt.Sprintf("%s has no label %s, so it tells no budgets apart", of, l), "leave it out")
			continue
		}
		out = append(out, l)
	}
	return out
}
