package source

import (
	"reflect"

	"go.yaml.in/yaml/v4"
)

// Either is a value with a short form, one word or number, and a long one, a mapping or a list.
type Either[S, L any] struct {
	Short  S
	Long   L
	IsLong bool
	Pos    Pos
}

func (e *Either[S, L]) decode(d *decoder, n *yaml.Node) {
	e.Pos, e.IsLong = d.text.at(n), n.Kind != yaml.ScalarNode
	if e.IsLong {
		d.value(reflect.ValueOf(&e.Long).Elem(), n)
	} else {
		d.value(reflect.ValueOf(&e.Short).Elem(), n)
	}
}
