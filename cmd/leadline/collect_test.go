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
	f(0, 6400) // before the first collection
	f(4, 1600)
	f(96, 66)
	f(400, 16)
	f(1024, 6)
	f(16384, 5) // 819 MiB
}
