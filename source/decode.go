package source

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// maxNodes bounds what aliases can multiply: a 1 MiB file without them has fewer nodes.
const maxNodes = 1 << 20

// decoder walks nodes into Go values and goes on after a mistake.
type decoder struct {
	text  *text
	errs  Errors
	nodes int
	open  []*yaml.Node // anchors being expanded, against an alias inside its own anchor
}

// special is a type that reads its node itself.
type special interface {
	decode(d *decoder, n *yaml.Node)
}

func (d *decoder) fail(n *yaml.Node, what, do string) {
	d.errs = append(d.errs, d.text.at(n).Error(what, do))
}

func (d *decoder) pointer(v any, n *yaml.Node) {
	p := reflect.ValueOf(v)
	if p.Kind() != reflect.Pointer || p.IsNil() {
		panic(fmt.Sprintf("BUG: decode into %T, want a pointer", v))
	}
	d.value(p.Elem(), n)
}

func (d *decoder) value(v reflect.Value, n *yaml.Node) {
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.fail(n, "the document is too large once its aliases are expanded", "repeat less")
		}
		return
	}
	if n.Kind == yaml.AliasNode {
		d.alias(v, n)
		return
	}
	if n.Style&yaml.TaggedStyle != 0 {
		d.fail(n, fmt.Sprintf("tag %s has no meaning here", n.ShortTag()), "remove it")
		return
	}
	if s, ok := reflect.TypeAssert[special](v.Addr()); ok {
		s.decode(d, n)
		return
	}
	if u, ok := reflect.TypeAssert[encoding.TextUnmarshaler](v.Addr()); ok {
		d.textual(u, n)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.object(v, n)
	case reflect.Map:
		d.mapping(v, n)
	case reflect.Slice:
		d.list(v, n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		d.value(v.Elem(), n)
	case reflect.Interface:
		d.pointer(v.Elem().Interface(), n)
	default:
		d.scalar(v, n)
	}
}

func (d *decoder) alias(v reflect.Value, n *yaml.Node) {
	if slices.Contains(d.open, n.Alias) {
		d.fail(n, fmt.Sprintf("alias *%s is inside its own anchor", n.Value), "write the value out")
		return
	}
	d.open = append(d.open, n.Alias)
	d.value(v, n.Alias)
	d.open = d.open[:len(d.open)-1]
}

// object fills a struct. Fields of embedded structs count as its own.
func (d *decoder) object(v reflect.Value, n *yaml.Node) {
	fields := fieldsOf(v)
	if n.Kind != yaml.MappingNode {
		d.mismatch(n, "a mapping with "+strings.Join(names(fields), ", "))
		return
	}
	if p := v.FieldByName("Pos"); p.IsValid() && p.Type() == reflect.TypeFor[Pos]() {
		p.Set(reflect.ValueOf(d.text.at(n)))
	}
	seen := map[string]bool{}
	d.pairs(n, func(key, value *yaml.Node) {
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == key.Value })
		if i < 0 {
			d.fail(key, fmt.Sprintf("unknown field %q", key.Value), Suggest(key.Value, names(fields)))
			return
		}
		seen[key.Value] = true
		if isNull(value) && value.Value == "" {
			d.fail(key, fmt.Sprintf("field %q has no value", key.Value), "give one or remove the line")
			return
		}
		d.value(fields[i].value, value)
	})
	for _, f := range fields {
		if f.required && !seen[f.name] {
			d.fail(n, fmt.Sprintf("%q is missing", f.name), "add it")
		}
	}
}

// pairs calls do for every key that is a scalar and new.
func (d *decoder) pairs(n *yaml.Node, do func(key, value *yaml.Node)) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		line, twice := first[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			d.fail(key, "the key is not a plain name", "use a name")
		case key.ShortTag() == "!!merge":
			d.fail(key, "merge keys are not read", "use an alias for the whole value or write the fields out")
		case twice:
			d.fail(key, fmt.Sprintf("%q is given twice", key.Value), fmt.Sprintf("the first is at line %d, remove one", line))
		default:
			first[key.Value] = key.Line
			do(key, value)
		}
	}
}

func (d *decoder) mapping(v reflect.Value, n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		d.mismatch(n, "a mapping")
		return
	}
	v.Set(reflect.MakeMap(v.Type()))
	d.pairs(n, func(key, value *yaml.Node) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(e, value)
		v.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), e)
	})
}

func (d *decoder) list(v reflect.Value, n *yaml.Node) {
	if n.Kind != yaml.SequenceNode {
		d.mismatch(n, "a list")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, c := range n.Content {
		d.value(v.Index(i), c)
	}
}

func (d *decoder) textual(u encoding.TextUnmarshaler, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.mismatch(n, "a text")
		return
	}
	if err := u.UnmarshalText([]byte(n.Value)); err != nil {
		d.fail(n, err.Error(), "")
	}
}

// scalar reads numbers strictly: decimal, plain, without the octal and sexagesimal forms of YAML 1.1. What cannot be
// read leaves v as it was, so that a default stands in for it in later checks.
func (d *decoder) scalar(v reflect.Value, n *yaml.Node) {
	if n.Kind != yaml.ScalarNode || isNull(n) {
		d.mismatch(n, wants(v.Type()))
		return
	}
	plain := n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
	ok := false
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		dur, err := ParseDuration(n.Value)
		if err != nil {
			d.fail(n, err.Error(), "write it like 30s, 5m or 7d")
			return
		}
		v.SetInt(int64(dur))
		return
	case v.Kind() == reflect.String:
		v.SetString(n.Value)
		return
	case !plain:
	case v.Kind() == reflect.Bool:
		if ok = n.Value == "true" || n.Value == "false"; ok {
			v.SetBool(n.Value == "true")
		}
	case v.CanInt():
		i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if ok = err == nil; ok {
			v.SetInt(i)
		}
	case v.CanUint():
		u, err := strconv.ParseUint(n.Value, 10, v.Type().Bits())
		if ok = err == nil; ok {
			v.SetUint(u)
		}
	case v.CanFloat():
		f, err := strconv.ParseFloat(n.Value, v.Type().Bits())
		if ok = err == nil && !math.IsNaN(f) && !math.IsInf(f, 0); ok {
			v.SetFloat(f)
		}
	default:
		panic(fmt.Sprintf("BUG: YAML into %s", v.Type()))
	}
	if !ok {
		d.mismatch(n, wants(v.Type()))
	}
}

func (d *decoder) mismatch(n *yaml.Node, want string) {
	got := fmt.Sprintf("%q", n.Value)
	switch {
	case n.Kind == yaml.MappingNode:
		got = "a mapping"
	case n.Kind == yaml.SequenceNode:
		got = "a list"
	case isNull(n):
		got = "nothing"
	case len(n.Value) > 40:
		got = fmt.Sprintf("%.40q…", n.Value)
	}
	d.fail(n, "got "+got, "want "+want)
}

func wants(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a duration like 30s, 5m or 7d"
	case t.Kind() == reflect.String:
		return "a text"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64 || t.Kind() == reflect.Float32:
		return "a number"
	}
	return "a whole number"
}
