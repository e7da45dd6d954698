package foreign

import (
	"bytes"
	"time"

	"go.yaml.in/yaml/v4"

	"leadline/source"
)

// mapping is a YAML mapping in the making, in its order.
type mapping struct{ node *yaml.Node }

func block() mapping { return mapping{&yaml.Node{Kind: yaml.MappingNode}} }

// flow is written on one line: {count: event, window: 5m}.
func flow() mapping { return mapping{&yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}} }

func (m mapping) add(key string, v *yaml.Node) {
	m.node.Content = append(m.node.Content, plain(key), v)
}

// get is the text of a key.
func (m mapping) get(key string) (string, bool) {
	if m.node == nil {
		return "", false
	}
	for i := 0; i < len(m.node.Content); i += 2 {
		if m.node.Content[i].Value == key {
			return m.node.Content[i+1].Value, true
		}
	}
	return "", false
}

// text adds a text unless it is empty.
func (m mapping) text(key, v string) {
	if v != "" {
		m.add(key, plain(v))
	}
}

// number adds what is no text to YAML.
func (m mapping) number(key string, v float64) {
	m.add(key, &yaml.Node{Kind: yaml.ScalarNode, Value: digits(v)})
}

// duration adds a duration unless it is 0.
func (m mapping) duration(key string, d time.Duration) {
	if d > 0 {
		m.text(key, source.FormatDuration(d))
	}
}

// mapping adds a mapping unless it is empty.
func (m mapping) mapping(key string, v mapping) {
	if len(v.node.Content) > 0 {
		m.add(key, v.node)
	}
}

// list adds texts in brackets unless there are none.
func (m mapping) list(key string, texts []string) {
	if len(texts) == 0 {
		return
	}
	l := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, t := range texts {
		l.Content = append(l.Content, plain(t))
	}
	m.add(key, l)
}

func plain(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }

// document is one document of ours.
func document(comment, kind, name string, labels, spec mapping) *yaml.Node {
	d := block()
	d.text("apiVersion", source.APIVersion)
	d.text("kind", kind)
	meta := flow()
	meta.text("name", name)
	meta.mapping("labels", labels)
	d.mapping("metadata", meta)
	d.add("spec", spec.node)
	d.node.HeadComment = comment
	return d.node
}

// write writes documents one after the other.
func write(docs ...*yaml.Node) []byte {
	var b bytes.Buffer
	for i, d := range docs {
		if i > 0 {
			b.WriteString("---\n")
		}
		text, err := yaml.Dump(d, yaml.WithIndent(2), yaml.WithCompactSeqIndent(false), yaml.WithLineWidth(-1))
		if err != nil {
			panic("BUG: " + err.Error()) // it is our own tree
		}
		b.Write(text)
	}
	return b.Bytes()
}
