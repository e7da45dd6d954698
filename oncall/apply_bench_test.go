package oncall

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"leadline"
	"leadline/state"
)

// BenchmarkApply is one slot of a group: of nothing that changed, of 200 instances that are pending, and of 20,000 that
// appear.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{0, 200, 20_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			db, err := state.Open(filepath.Join(b.TempDir(), "state.db"))
			if err != nil {
				b.Fatal(err)
			}
			defer db.Close()
			d := New(Options{State: db})
			ev := leadline.Evaluation{Group: "g", Slot: time.Unix(1_800_000_000, 0).UTC()}
			for i := range n {
				ev.Instances = append(ev.Instances, leadline.Instance{
					Group: "g", Rule: fmt.Sprintf("r%d", i%100), Labels: leadline.Labels{"campaign": fmt.Sprint(i)},
					State: leadline.StatePending, Slot: ev.Slot, Since: ev.Slot, Values: map[string]float64{"p95": 812.5},
				})
			}
			for b.Loop() {
				ev.Slot = ev.Slot.Add(10 * time.Second)
				if err := d.Apply(b.Context(), ev); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
