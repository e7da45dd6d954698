package source

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

// At is a value that knows where it was written. Pos is zero where it was not.
type At[T any] struct {
	Value T
	Pos   Pos
}

func (a *At[T]) decode(d *decoder, n *yaml.Node) {
	a.Pos = d.text.at(n)
	d.value(reflect.ValueOf(&a.Value).Elem(), n)
}

// Map is a mapping in the order of the text.
type Map[T any] []Entry[T]

// Entry is one pair of a Map; the name's place is the key's.
type Entry[T any] struct {
	Name  At[string]
	Value T
}

func (m *Map[T]) decode(d *decoder, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.mismatch(n, "a mapping")
		return
	}
	*m = nil
	d.pairs(n, func(key, value *yaml.Node) {
		e := Entry[T]{Name: At[string]{key.Value, d.text.at(key)}}
		d.value(reflect.ValueOf(&e.Value).Elem(), value)
		*m = append(*m, e)
	})
}

// Get is the value of a name.
func (m Map[T]) Get(name string) (T, bool) {
	for _, e := range m {
		if e.Name.Value == name {
			return e.Value, true
		}
	}
	var zero T
	return zero, false
}

// Ignored is a field of any shape that is allowed and not read.
type Ignored struct{}

func (Ignored) decode(*decoder, *yaml.Node) {}
