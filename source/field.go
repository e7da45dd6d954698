package source

import (
	"fmt"
	"reflect"
	"strings"
)

// field is one YAML field of a struct value.
type field struct {
	name     string
	required bool
	value    reflect.Value
}

// fieldsOf lists the tagged fields, those of embedded structs included, in the order of the source code.
func fieldsOf(v reflect.Value) []field {
	var out []field
	for i := range v.NumField() {
		sf := v.Type().Field(i)
		if sf.Anonymous && sf.Type.Kind() == reflect.Struct {
			out = append(out, fieldsOf(v.Field(i))...)
			continue
		}
		tag, ok := sf.Tag.Lookup("yaml")
		if !ok {
			continue
		}
		name, opt, _ := strings.Cut(tag, ",")
		if !sf.IsExported() || name == "" || opt != "" && opt != "required" {
			panic(fmt.Sprintf("BUG: %s.%s has the YAML tag %q", v.Type(), sf.Name, tag))
		}
		out = append(out, field{name, opt == "required", v.Field(i)})
	}
	return out
}

func names(fields []field) []string {
	out := make([]string, len(fields))
	for i, f := range fields {
		out[i] = f.name
	}
	return out
}
