package foreign

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"leadline/rules"
	"leadline/source"
)

type promFile struct {
	Groups []promGroup `yaml:"groups,required"`
}

// promResource is the PrometheusRule of the Prometheus operator.
type promResource struct {
	APIVersion source.At[string] `yaml:"apiVersion"`
	Kind       source.At[string] `yaml:"kind"`
	Metadata   source.Ignored    `yaml:"metadata"`
	Spec       promFile          `yaml:"spec,required"`
}

type promGroup struct {
	Pos         source.Pos
	Name        source.At[string]             `yaml:"name,required"`
	Interval    source.Duration               `yaml:"interval"`
	QueryOffset source.Duration               `yaml:"query_offset"`
	Limit       source.At[int]                `yaml:"limit"`
	Labels      source.Map[source.At[string]] `yaml:"labels"`
	Rules       []promRule                    `yaml:"rules"`
}

type promRule struct {
	Pos           source.Pos
	Alert         source.At[string]             `yaml:"alert"`
	Record        source.At[string]             `yaml:"record"`
	Expr          source.Passage                `yaml:"expr,required"`
	For           source.Duration               `yaml:"for"`
	KeepFiringFor source.Duration               `yaml:"keep_firing_for"`
	Labels        source.Map[source.At[string]] `yaml:"labels"`
	Annotations   source.Map[source.Passage]    `yaml:"annotations"`
}

func (im *importer) prometheus(docs []source.Document) {
	var groups []promGroup
	for _, d := range docs {
		var f promFile
		var errs source.Errors
		if d.Kind.Value == "PrometheusRule" {
			var r promResource
			errs = d.Decode(&r)
			f = r.Spec
		} else {
			errs = d.Decode(&f)
		}
		im.decoded(errs)
		groups = append(groups, f.Groups...)
	}
	for _, g := range groups {
		for _, r := range g.Rules {
			name := r.Record.Value
			if name == "" || r.Expr.IsZero() {
				continue
			}
			if first, twice := im.recorded[name]; twice && first.Text != r.Expr.Text {
				r.Expr = source.Passage{} // told apart by labels only
			}
			im.recorded[name] = r.Expr
		}
	}
	taken := map[string]bool{}
	for _, g := range groups {
		im.group(g, taken)
	}
}

// group writes a RuleGroup of those of its alerts that map.
func (im *importer) group(g promGroup, taken map[string]bool) {
	im.current = nil
	spec := im.groupSpec(&g)
	head := func(rule *yaml.Node) *yaml.Node {
		one := mapping{&yaml.Node{Kind: yaml.MappingNode, Content: slices.Clone(spec.node.Content)}}
		one.add("rules", &yaml.Node{Kind: yaml.SequenceNode, Content: []*yaml.Node{rule}})
		return document("", rules.Kind, "import", block(), one)
	}
	list := &yaml.Node{Kind: yaml.SequenceNode}
	for _, r := range im.alerts(&g) {
		im.current = r.from
		n := r.write(im.note)
		errs := refused(head(n))
		if len(errs) > 0 && len(r.annotations) > 0 { // most often it is they
			r.annotations = nil
			if n = r.write(im.note); len(refused(head(n))) == 0 {
				im.note(r.pos, "the annotations are left out: "+reasons(errs), "write them anew")
				errs = nil
			}
		}
		if len(errs) > 0 {
			im.note(r.pos, fmt.Sprintf("alert %s does not load: %s", r.name, reasons(errs)), "change it there or here")
			continue
		}
		list.Content = append(list.Content, n)
		im.mapped()
	}
	im.current = nil
	if len(list.Content) == 0 {
		return
	}
	name := g.Name.Value
	for i := 2; taken[name]; i++ {
		name = fmt.Sprintf("%s-%d", g.Name.Value, i)
	}
	if taken[name] = true; name != g.Name.Value {
		im.note(g.Name.Pos, fmt.Sprintf("there are two groups %q", g.Name.Value), "the second is named "+name)
	}
	spec.add("rules", list)
	file := filepath.Base(g.Pos.Error("", "").File)
	im.docs = append(im.docs, document("From "+file+", group "+strings.ReplaceAll(g.Name.Value, "\n", " ")+".", rules.Kind, name, block(), spec))
}

// The bounds of a group, as package rules has them.
const (
	minInterval = time.Second
	maxInterval = time.Hour
	maxOffset   = time.Hour
	maxLimit    = 10_000
	maxName     = 100
)

func (im *importer) groupSpec(g *promGroup) mapping {
	spec := block()
	if n := []rune(g.Name.Value); len(g.Name.Value) > maxName || len(n) == 0 {
		im.note(g.Name.Pos, "the name of a group has 1 to 100 bytes", "it is cut")
		for len(string(n)) > maxName-5 { // room for a number
			n = n[:len(n)-1]
		}
		g.Name.Value = string(n)
		if g.Name.Value == "" {
			g.Name.Value = "imported"
		}
	}
	switch d := g.Interval.Value; {
	case d == 0:
	case d < minInterval || d > maxInterval:
		im.note(g.Interval.Pos, "an interval is between 1s and 1h", "30s is taken")
		g.Interval.Value = 0
	default:
		spec.duration("interval", d)
	}
	if d := g.QueryOffset.Value; d > maxOffset {
		im.note(g.QueryOffset.Pos, "query_offset is longer than 1h", "5s is taken: it only has to cover the way into ClickHouse")
	} else {
		spec.duration("query_offset", d)
	}
	switch n := g.Limit.Value; {
	case n > maxLimit:
		im.note(g.Limit.Pos, "a limit is at most 10000", "10000 is taken")
		spec.number("limit", maxLimit)
	case n > 0:
		spec.number("limit", float64(n))
	}
	return spec
}

// alerts are the rules of a group that map. Alerts of one name with different severities become levels of one rule.
func (im *importer) alerts(g *promGroup) []*rule {
	var out []*rule
	used := map[string]int{} // names, with the number that the next of that name gets
	for i := range g.Rules {
		r := im.alert(g, &g.Rules[i])
		if r == nil {
			continue
		}
		joined := false
		for _, o := range out {
			if joined = o.join(r); joined {
				if !slices.Equal(texts(o.annotations), texts(r.annotations)) {
					im.note(r.pos, "alert "+r.name+" is there twice and becomes one rule with levels", "one set of annotations is kept, that of the worst level")
				}
				break
			}
		}
		if joined {
			continue
		}
		for base := r.name; used[r.name] > 0; {
			used[base]++
			r.name = fmt.Sprintf("%s%d", base, used[base])
		}
		if used[r.name] = 1; r.name != g.Rules[i].Alert.Value {
			im.note(r.pos, "alert "+g.Rules[i].Alert.Value+" is there twice, and not only the severity differs", "this one is named "+r.name)
		}
		out = append(out, r)
	}
	return out
}

func texts(m source.Map[source.Passage]) []string {
	var out []string
	for _, e := range m {
		out = append(out, e.Name.Value+": "+e.Value.Text)
	}
	slices.Sort(out)
	return out
}

func (im *importer) alert(g *promGroup, p *promRule) *rule {
	im.current = nil
	switch {
	case p.Record.Value != "":
		im.count++
		im.note(p.Record.Pos, "recording rule "+p.Record.Value+" is not needed", "tables and rollups play its role; alerts that use it have its expression now")
		return nil
	case p.Alert.Value == "":
		im.note(p.Pos, "the rule has neither alert nor record", "name it")
		return nil
	}
	number := im.begin(p.Pos)
	if p.Expr.IsZero() {
		return nil // reported as missing
	}
	when, grouping, err := im.reader().condition(p.Expr)
	if err != nil {
		im.refuse(err)
		return nil
	}
	r := &rule{name: p.Alert.Value, pos: p.Alert.Pos, from: []int{number}, every: p.For.Value, keep: p.KeepFiringFor.Value, annotations: p.Annotations}
	r.by = im.groupedBy(p, grouping, when.measures())
	interval := g.Interval.Value
	if interval == 0 {
		interval = 30 * time.Second
	}
	for _, d := range []struct {
		name string
		at   source.Duration
		to   *time.Duration
	}{{"for", p.For, &r.every}, {"keep_firing_for", p.KeepFiringFor, &r.keep}} {
		if *d.to > 0 && *d.to < interval {
			im.note(d.at.Pos, d.name+" is shorter than the interval", source.FormatDuration(interval)+" is taken")
			*d.to = interval
		}
	}
	r.levels = []level{{im.labels(g, p, r), when}}
	return r
}

// groupedBy are the labels that both systems have.
func (im *importer) groupedBy(p *promRule, g grouping, all []measure) []string {
	if g.every {
		im.note(p.Expr.Pos, "Prometheus looks at every series alone, here all count together", "add by:, such as by: [partner]")
	}
	var out []string
	for _, l := range g.by {
		missing := ""
		for _, m := range all {
			if !slices.Contains(fields(m.source), l) {
				missing = m.source
			}
		}
		if missing != "" {
			im.note(p.Expr.Pos, fmt.Sprintf("%s has no label %s, so it tells no instances apart", missing, l), "there are "+strings.Join(fields(missing), ", "))
			continue
		}
		out = append(out, l)
	}
	return out
}

// labels reads the labels of an alert and of its group, and says how bad it is.
func (im *importer) labels(g *promGroup, p *promRule, r *rule) (severity string) {
	all := slices.Clone(g.Labels)
	for _, e := range p.Labels {
		if i := slices.IndexFunc(all, func(o source.Entry[source.At[string]]) bool { return o.Name.Value == e.Name.Value }); i >= 0 {
			all[i] = e
		} else {
			all = append(all, e)
		}
	}
	for _, e := range all {
		name, v := e.Name.Value, e.Value.Value
		switch {
		case name == "severity":
			if severity = severities[strings.ToLower(v)]; severity == "" {
				im.note(e.Value.Pos, fmt.Sprintf("severity %q is not known", v), "ticket is taken, there are page, ticket and info")
				severity = rules.SeverityTicket
			}
		case strings.Contains(v, "{{"):
			im.note(e.Value.Pos, "label "+name+" changes with its template and is left out: labels are the alert's identity", "put it in annotations")
		case slices.Contains(r.by, name):
			im.note(e.Value.Pos, "label "+name+" would hide the one that tells instances apart, and is left out", "rename it")
		default:
			r.labels = append(r.labels, label{name, v})
		}
	}
	if severity == "" {
		im.note(p.Pos, "the alert has no severity", "ticket is taken, there are page, ticket and info")
		severity = rules.SeverityTicket
	}
	return severity
}
