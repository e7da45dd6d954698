package source

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v4"
)

// APIVersion is what every document of ours begins with.
const APIVersion = "leadline/v1"

// maxText bounds one file: the largest real rule pack is a hundredth of it.
const maxText = 1 << 20

// Document is one YAML document of a file, not decoded yet.
type Document struct {
	APIVersion At[string] // "" where it has none
	Kind       At[string] // "" where it has none
	Pos        Pos        // of its first node

	text *text
	node *yaml.Node
}

// Metadata names a document.
type Metadata struct {
	Name   At[string]      `yaml:"name,required"`
	Labels Map[At[string]] `yaml:"labels"`
}

// Documents splits a file at `---` and leaves out empty parts. The error is an Errors that names the place where the
// text stops being YAML; such a text has no documents.
func Documents(name string, data []byte) ([]Document, error) {
	if len(data) > maxText {
		return nil, Errors{{File: name, Line: 1, Col: 1, What: fmt.Sprintf("the file has %d bytes", len(data)), Do: fmt.Sprintf("split it into files of at most %d", maxText)}}
	}
	s := strings.TrimPrefix(string(data), "\ufeff")
	t := newText(name, s)
	if !utf8.ValidString(s) {
		return nil, Errors{t.invalid(s)}
	}
	var docs []Document
	for dec := yaml.NewDecoder(strings.NewReader(s)); ; {
		var n yaml.Node
		switch err := dec.Decode(&n); {
		case errors.Is(err, io.EOF):
			return docs, nil
		case err != nil:
			return nil, Errors{t.syntax(err)}
		}
		if len(n.Content) == 0 || isNull(n.Content[0]) {
			continue
		}
		docs = append(docs, newDocument(t, n.Content[0]))
	}
}

// newDocument peeks at the fields that say what the document is; Decode reports what is wrong with them.
func newDocument(t *text, root *yaml.Node) Document {
	d := Document{text: t, node: root, Pos: t.at(root)}
	if root.Kind != yaml.MappingNode {
		return d
	}
	for i := 0; i+1 < len(root.Content); i += 2 {
		v := At[string]{Value: root.Content[i+1].Value, Pos: t.at(root.Content[i+1])}
		switch root.Content[i].Value {
		case "apiVersion":
			d.APIVersion = v
		case "kind":
			d.Kind = v
		}
	}
	return d
}

// Decode reads the whole document into the struct that v points to and reports everything that does not fit.
func (d Document) Decode(v any) Errors {
	dec := &decoder{text: d.text}
	dec.pointer(v, d.node)
	return dec.errs.Sorted()
}

// Spec reads a document that has the shape of every kind of ours (apiVersion, kind, metadata, spec), its spec into
// the struct that spec points to.
func (d Document) Spec(spec any) (Metadata, Errors) {
	r := struct {
		APIVersion At[string] `yaml:"apiVersion,required"`
		Kind       At[string] `yaml:"kind,required"`
		Metadata   Metadata   `yaml:"metadata,required"`
		Spec       any        `yaml:"spec,required"`
	}{Spec: spec}
	errs := d.Decode(&r)
	if v := r.APIVersion; !v.Pos.IsZero() && v.Value != APIVersion {
		errs = append(errs, v.Pos.Error(fmt.Sprintf("unknown apiVersion %q", v.Value), "use "+APIVersion))
	}
	return r.Metadata, errs.Sorted()
}

func (t *text) at(n *yaml.Node) Pos { return Pos{t, n.Line, n.Column} }

func (t *text) syntax(err error) *Error {
	p := Pos{text: t, Line: 1, Col: 1}
	what := err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		what = e.Message
		if e.Mark.Line > 0 {
			p.Line, p.Col = e.Mark.Line, e.Mark.Column
		}
		if e.ContextMsg != "" {
			what += " " + e.ContextMsg
		}
		if e.ContextMark.Line > 0 && e.ContextMark.Line != e.Mark.Line {
			what += fmt.Sprintf(" that began at line %d", e.ContextMark.Line)
		}
	}
	return p.Error("not YAML: "+what, syntaxHelp(t, p, what))
}

func syntaxHelp(t *text, p Pos, what string) string {
	switch {
	case p.Line >= 1 && p.Line <= len(t.lines) && strings.Contains(t.lines[p.Line-1], "\t"):
		return "indent with spaces, not tabs"
	case strings.Contains(what, "while parsing a flow"):
		return "close the bracket, and put texts that contain brackets or commas in quotes"
	case strings.Contains(what, "mapping values are not allowed"):
		return "check the indentation, and put texts that contain a colon in quotes"
	}
	return "check indentation, quotes and brackets up to here"
}

func (t *text) invalid(s string) *Error {
	line, col := 1, 1
	for i, r := range s {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				break
			}
		}
		col++
		if r == '\n' {
			line, col = line+1, 1
		}
	}
	return Pos{text: t, Line: line, Col: col}.Error("not UTF-8", "save the file as UTF-8")
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }
