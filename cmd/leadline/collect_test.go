package main

import "testing"

func TestGCPercent(t *testing.T) {
	t.Parallel()
	f := func(live uint64, want int) {
		t.Helper()
		if got := gcPercent(live << 20); got != want {
			t.Errorf("%d MiB live: %d %%, want %d", live, got, want)
		}
	}
	f(0, 4800) // before the first collection
	f(4, 1200)
	f(96, 50)  // 48 MiB of garbage
	f(350, 25) // 87 MiB
	f(4096, 25)
}
