package rules

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode/utf8"

	"leadline"
	"leadline/source"
)

// maxAnnotation bounds a rendered annotation: Telegram takes 4096 characters for the whole message.
const maxAnnotation = 1000

// Annotation is a template that explains a transition.
type Annotation struct {
	Name string
	text string
	tmpl *template.Template
}

// texts is what a template sees.
type texts struct {
	Group, Rule, Severity string
	Labels                map[string]string  // the instance's and the rule's
	Values                map[string]float64 // every measure, NaN where there is no value
	Budget                string             // how an SLO's budget burns, in words
}

// functions of the templates. The formats say "no value" for NaN; the comparisons take the place of the built-in ones,
// for which NaN is greater than everything and 600 no number like 600.0.
var functions = template.FuncMap{
	"ms": FormatMS, "percent": formatPercent, "number": FormatNumber,
	"gt": func(a, b float64) bool { return a > b },
	"ge": func(a, b float64) bool { return a >= b },
	"lt": func(a, b float64) bool { return a < b },
	"le": func(a, b float64) bool { return a <= b },
}

// compileAnnotation reports every field that the data does not have, and what fails when the template runs.
func compileAnnotation(name string, p source.Passage, data texts) (Annotation, source.Errors) {
	t, err := template.New(name).Option("missingkey=error").Funcs(functions).Parse(p.Text)
	if err != nil {
		return Annotation{}, source.Errors{p.Pos.Error("the template cannot be read: "+templateError(err), "functions are ms, percent, number, gt, ge, lt and le")}
	}
	c := &fieldChecker{passage: p, data: data}
	c.walk(t.Root)
	if len(c.errs) > 0 {
		return Annotation{}, c.errs
	}
	a := Annotation{name, p.Text, t}
	if _, err := a.render(data); err != nil {
		return Annotation{}, source.Errors{p.Pos.Error("the template fails: "+templateError(err), "fields are .Labels.…, .Values.…, .Severity, .Rule and .Group")}
	}
	return a, nil
}

// templateError drops what text/template says about its own place: ours is better.
func templateError(err error) string {
	s := err.Error()
	if i := strings.LastIndex(s, ">: "); i >= 0 {
		return s[i+3:]
	}
	if parts := strings.SplitN(s, ": ", 3); len(parts) == 3 {
		return parts[2]
	}
	return s
}

func (a *Annotation) render(data texts) (string, error) {
	var b strings.Builder
	if err := a.tmpl.Execute(&b, data); err != nil {
		return "", err
	}
	s := strings.TrimSpace(b.String())
	if utf8.RuneCountInString(s) > maxAnnotation {
		s = string([]rune(s)[:maxAnnotation-1]) + "…"
	}
	return s, nil
}

// Texts are the annotations as they read for an instance. A template that fails says so in its place.
func (r *Rule) Texts(group, severity string, labels leadline.Labels, values map[string]float64) map[string]string {
	annotations := r.explanations(severity)
	out := make(map[string]string, len(annotations))
	data := r.texts(group, severity, labels, values)
	for _, a := range annotations {
		text, err := a.render(data)
		if err != nil {
			text = "(" + templateError(err) + ")"
		}
		out[a.Name] = text
	}
	return out
}

// texts are the data of an instance.
func (r *Rule) texts(group, severity string, labels leadline.Labels, values map[string]float64) texts {
	d := texts{Group: group, Rule: r.Name, Severity: severity, Labels: maps.Clone(map[string]string(r.Labels)), Values: map[string]float64{}}
	if d.Labels == nil {
		d.Labels = map[string]string{}
	}
	maps.Copy(d.Labels, labels)
	for _, name := range r.ValueNames() {
		v, ok := values[name]
		if !ok {
			v = math.NaN()
		}
		d.Values[name] = v
	}
	if r.Objective != nil {
		d.Budget = r.Objective.Words(values)
	}
	return d
}

// fieldChecker finds the fields of a template, in all its branches.
type fieldChecker struct {
	passage source.Passage
	data    texts
	errs    source.Errors
}

func (c *fieldChecker) walk(n parse.Node) {
	switch n := n.(type) {
	case *parse.ListNode:
		if n != nil {
			for _, x := range n.Nodes {
				c.walk(x)
			}
		}
	case *parse.ActionNode:
		c.walk(n.Pipe)
	case *parse.IfNode:
		c.branch(&n.BranchNode)
	case *parse.WithNode, *parse.RangeNode, *parse.TemplateNode:
		c.fail(n, fmt.Sprintf("%s is not used in annotations", strings.Fields(strings.Trim(n.String(), "{}"))[0]), "use if, and fields")
	case *parse.PipeNode:
		if n != nil {
			for _, cmd := range n.Cmds {
				for _, arg := range cmd.Args {
					c.walk(arg)
				}
			}
		}
	case *parse.FieldNode:
		c.field(n)
	}
}

func (c *fieldChecker) branch(n *parse.BranchNode) {
	c.walk(n.Pipe)
	c.walk(n.List)
	c.walk(n.ElseList)
}

// fail reports a node where it begins: the parser's position of .Values.p95 is that of its last part.
func (c *fieldChecker) fail(n parse.Node, what, do string) {
	text := c.passage.Text
	at := min(int(n.Position()), len(text))
	if i := strings.LastIndex(text[:min(at+len(n.String()), len(text))], n.String()); i >= 0 {
		at = i
	}
	c.errs = append(c.errs, c.passage.At(utf8.RuneCountInString(text[:at])).Error(what, do))
}

func (c *fieldChecker) field(n *parse.FieldNode) {
	known := []string{"Group", "Labels", "Rule", "Severity", "Values"}
	if c.data.Budget != "" {
		known = append(known, "Budget")
	}
	if !slices.Contains(known, n.Ident[0]) {
		c.fail(n, "unknown field ."+n.Ident[0], source.Suggest(n.Ident[0], known))
		return
	}
	if len(n.Ident) < 2 {
		return
	}
	switch n.Ident[0] {
	case "Labels":
		known = slices.Sorted(maps.Keys(c.data.Labels))
	case "Values":
		known = slices.Sorted(maps.Keys(c.data.Values))
	}
	if !slices.Contains(known, n.Ident[1]) {
		c.fail(n, fmt.Sprintf("unknown field .%s.%s", n.Ident[0], n.Ident[1]), source.Suggest(n.Ident[1], known))
	}
}
