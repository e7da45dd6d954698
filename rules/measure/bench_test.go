package measure

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline"
)

// rollups answers as the rollup of 199 partners and 6 stages does.
type rollups struct{}

func (rollups) Select(_ context.Context, q leadline.Query) (*leadline.Table, error) {
	var shape strings.Builder
	for b := range 100 {
		fmt.Fprintf(&shape, ",%d:%d", 500+b, 1+b%7)
	}
	t := &leadline.Table{Columns: []string{"partner", "stage", "cell", "n", "bad", "newest", "shape"}}
	for i := range 1194 {
		t.Rows = append(t.Rows, []any{
			fmt.Sprintf("partner-%03d", i%199), fmt.Sprintf("stage-%d", i%6), int64(0), int64(400), int64(1), noon.Unix() - 60, "{" + shape.String()[1:] + "}",
		})
	}
	return t, nil
}

// BenchmarkRows computes the rows of 10,000 rules out of what is known.
func BenchmarkRows(b *testing.B) {
	asks := manyRules(b, 10_000)
	r := New(rollups{})
	r.Fetch(b.Context(), asks, noon)
	b.ReportAllocs()
	for b.Loop() {
		x := r.Fetch(b.Context(), asks, noon.Add(time.Second))
		for _, a := range asks {
			if rows, err := x.Rows(a); err != nil || len(rows) != 1 {
				b.Fatal(rows, err)
			}
		}
	}
}
