package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"text/template"
	"time"

	"leadline/rules/measure"
	"leadline/source"
)

// Spec is a short hash of all that a group says, of its rules too. Two groups of one spec judge alike; where they stand
// in a file does not matter.
func (g *Group) Spec() string { return hash(g) }

// Spec is a short hash of all that a rule says.
func (r *Rule) Spec() string { return hash(r) }

func hash(v any) string {
	h := sha256.New()
	canonical(h, reflect.ValueOf(v))
	return hex.EncodeToString(h.Sum(nil)[:6])
}

// canonical writes what a value says: no addresses, no places in files, maps in order. Of what was compiled it takes
// the text.
func canonical(w io.Writer, v reflect.Value) {
	if v.Type() == reflect.TypeFor[measure.Predicate]() && v.CanInterface() { // its tree is behind an interface
		fmt.Fprintf(w, "%q;", v.Interface())
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		switch {
		case v.IsNil():
			fmt.Fprint(w, "nil;")
		case v.Type() == reflect.TypeFor[*template.Template](): // Annotation has its text
		case v.Type() == reflect.TypeFor[*time.Location](): // the rest of it depends on when it was loaded
			fmt.Fprintf(w, "%q;", v.Elem().FieldByName("name").String())
		case v.Type() == reflect.TypeFor[*source.Program]():
			fmt.Fprintf(w, "%q;", v.Interface().(*source.Program).Expr().Text)
		case v.Kind() == reflect.Pointer || basic(v.Elem().Kind()):
			canonical(w, v.Elem())
		}
	case reflect.Struct:
		for f, x := range v.Fields() {
			if f.Type != reflect.TypeFor[source.Pos]() {
				fmt.Fprintf(w, "%s:", f.Name)
				canonical(w, x)
			}
		}
	case reflect.Slice, reflect.Array:
		fmt.Fprintf(w, "%d[", v.Len())
		for i := range v.Len() {
			canonical(w, v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		fmt.Fprintf(w, "%d{", len(keys))
		for _, k := range keys {
			canonical(w, k)
			canonical(w, v.MapIndex(k))
		}
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
	default:
		fmt.Fprintf(w, "%q;", fmt.Sprint(v))
	}
}

func basic(k reflect.Kind) bool {
	return k >= reflect.Bool && k <= reflect.Complex128 || k == reflect.String
}
