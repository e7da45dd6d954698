package store

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
)

// value turns what the driver scanned into one of Table's types.
func value(v reflect.Value) (any, error) {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil, errors.New("NULL has no form in a table: use ifNull or coalesce")
		}
		return value(v.Elem())
	}
	switch x := v.Interface().(type) {
	case time.Time:
		return x.UTC(), nil
	case fmt.Stringer: // UUID, IP addresses, decimals
		return x.String(), nil
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), nil
	case reflect.Bool:
		return v.Bool(), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return v.Int(), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if v.Uint() > math.MaxInt64 {
			return nil, fmt.Errorf("%d is beyond int64: use toFloat64 or toString", v.Uint())
		}
		return int64(v.Uint()), nil
	case reflect.Float32, reflect.Float64:
		return v.Float(), nil
	case reflect.Slice:
		return slice(v)
	default:
		return nil, fmt.Errorf("%s has no form in a table: use toString", v.Type())
	}
}

// slice turns a slice of anything into one of string, int64, float64, bool or time.Time.
func slice(v reflect.Value) (any, error) {
	sample := reflect.New(v.Type().Elem()).Elem()
	if sample.Kind() == reflect.Slice {
		return nil, errors.New("an array of arrays has no form in a table: use arrayFlatten or toString")
	}
	if sample.Kind() == reflect.Pointer {
		sample = reflect.New(sample.Type().Elem()).Elem()
	}
	first, err := value(sample)
	if err != nil {
		return nil, err
	}
	switch first.(type) {
	case string:
		return listOf[string](v)
	case int64:
		return listOf[int64](v)
	case float64:
		return listOf[float64](v)
	case bool:
		return listOf[bool](v)
	default:
		return listOf[time.Time](v)
	}
}

func listOf[T any](v reflect.Value) ([]T, error) {
	out := make([]T, v.Len())
	for i := range out {
		x, err := value(v.Index(i))
		if err != nil {
			return nil, err
		}
		out[i] = x.(T)
	}
	return out, nil
}
