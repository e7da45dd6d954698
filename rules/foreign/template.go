package foreign

import (
	"regexp"
	"slices"
	"strings"
	"text/template/parse"
	"time"
	"unicode/utf8"

	"leadline/source"
)

// maxTemplate bounds an annotation: the parser recurses, and Leadline shows 1000 characters.
const maxTemplate = 4096

// prelude is what Prometheus puts before every template.
const prelude = `{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}`

// annotation is a template of Prometheus on its way to one of ours.
type annotation struct {
	passage source.Passage
	labels  []string // that the alert has
	value   string   // what $value is, such as `.Values.p95 | ms`; "" where it is no single measure
	rate    time.Duration
	note    func(at source.Pos, what, do string)

	out  strings.Builder
	unit *regexp.Regexp // that the text behind the last action must not repeat
}

// units that a format writes itself.
var units = map[string]*regexp.Regexp{
	"ms":      regexp.MustCompile(`^\s?(s|secs?|seconds?|ms|milliseconds?|m|min|minutes?|h|hours?)\b`),
	"percent": regexp.MustCompile(`^\s?(%|percent\b)`),
}

// translate is the template in Leadline's words; false where it does more than show labels and the value.
func (a *annotation) translate() (string, bool) {
	if len(a.passage.Text) > maxTemplate {
		a.note(a.passage.Pos, "the annotation is too long to be read", "shorten it: 1000 characters are shown")
		return "", false
	}
	tree := parse.New("annotation")
	tree.Mode = parse.SkipFuncCheck
	if _, err := tree.Parse(prelude+a.passage.Text, "{{", "}}", map[string]*parse.Tree{}); err != nil {
		_, what, _ := strings.Cut(strings.TrimPrefix(err.Error(), "template: "), ": ")
		a.note(a.passage.Pos, "the annotation cannot be read: "+what, "correct it")
		return "", false
	}
	for i, n := range tree.Root.Nodes {
		if i < strings.Count(prelude, "{{") {
			continue
		}
		switch n := n.(type) {
		case *parse.TextNode:
			a.text(string(n.Text))
		case *parse.ActionNode:
			a.action(n)
		default:
			a.note(a.at(n), "the annotation does more than show labels and the value, and is left out", "write it with {{ .Labels.… }} and {{ .Values.… }}")
			return "", false
		}
	}
	return a.out.String(), true
}

func (a *annotation) at(n parse.Node) source.Pos {
	i := min(max(int(n.Position())-len(prelude), 0), len(a.passage.Text))
	return a.passage.At(utf8.RuneCountInString(a.passage.Text[:i]))
}

func (a *annotation) text(s string) {
	if a.unit != nil {
		s = a.unit.ReplaceAllString(s, "")
	}
	a.unit = nil
	a.out.WriteString(strings.ReplaceAll(s, "{{", "{ {"))
}

func (a *annotation) action(n *parse.ActionNode) {
	a.unit = nil
	refs := references(n.Pipe)
	switch {
	case len(n.Pipe.Decl) > 0 || len(refs) != 1:
		a.note(a.at(n), n.String()+" has no counterpart", "show labels and the value only")
		a.out.WriteString("(unknown)")
	case refs[0][0] == "value":
		a.showValue(n)
	default:
		a.showLabel(n, refs[0][1])
	}
}

func (a *annotation) showValue(n parse.Node) {
	if a.value == "" {
		a.note(a.at(n), "the value is not that of one measure", "show one with {{ .Values.… }}")
		a.out.WriteString("(unknown)")
		return
	}
	if a.rate > 0 {
		a.note(a.at(n), "the value was a rate a second and is a number in "+source.FormatDuration(a.rate)+" now", "say so in the text")
	}
	a.out.WriteString("{{ " + a.value + " }}")
	_, format, _ := strings.Cut(a.value, " | ")
	a.unit = units[format]
}

// renamed are labels that Leadline gives another name.
var renamed = map[string]string{"sloth_service": "service", "sloth_slo": "slo", "sloth_severity": "severity"}

func (a *annotation) showLabel(n parse.Node, name string) {
	if ours := renamed[name]; ours != "" {
		name = ours
	}
	switch {
	case name == "alertname":
		a.out.WriteString("{{ .Rule }}")
	case name == "severity":
		a.out.WriteString("{{ .Severity }}")
	case slices.Contains(a.labels, name):
		a.out.WriteString("{{ .Labels." + name + " }}")
	default:
		a.note(a.at(n), "the alert has no label "+name+" here", "remove it from the text")
		a.out.WriteString("(no " + strings.ReplaceAll(name, "{{", "") + ")")
	}
}

// references are the data that a pipeline shows: ["value"] or ["label", name].
func references(p *parse.PipeNode) [][]string {
	var out [][]string
	for _, cmd := range p.Cmds {
		for _, arg := range cmd.Args {
			var path []string
			switch arg := arg.(type) {
			case *parse.PipeNode:
				out = append(out, references(arg)...)
			case *parse.VariableNode:
				path = arg.Ident
			case *parse.FieldNode:
				path = arg.Ident
			}
			switch {
			case len(path) == 2 && (path[0] == "$labels" || path[0] == "Labels"):
				out = append(out, []string{"label", path[1]})
			case len(path) == 1 && (path[0] == "$value" || path[0] == "Value"):
				out = append(out, []string{"value"})
			case len(path) > 0:
				out = append(out, []string{"label", strings.TrimPrefix(strings.Join(path, "."), "$")})
			}
		}
	}
	return out
}
