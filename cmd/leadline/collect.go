package main

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

// What lives under load is keys, bodies and batches: large, few pointers, quickly marked, and little becomes garbage: 64 MiB
// in a second at 150,000 events. Where Go would wait for as much garbage as lives, memory would double; a share of what lives
// would grow with the keys, which cost a collection next to nothing. Where little lives, less garbage would mean a collection
// a second, 20 ms of a core each, which the slowest acknowledgements would wait for.
const (
	garbage        = 64 << 20
	garbagePercent = 5 // at least: Go counts in whole percents
)

// gcPercent is what debug.SetGCPercent is to be told where so many bytes live.
func gcPercent(live uint64) int {
	return int(max(garbagePercent, garbage*100/max(live, 1<<20)))
}

// collectCalmly follows the living heap until ctx ends.
func collectCalmly(ctx context.Context) {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	for set := 0; ; {
		metrics.Read(live)
		// Telling it stops the world for a moment; a tenth more or less is not worth that.
		if p := gcPercent(live[0].Value.Uint64()); p*10 < set*9 || p*10 > set*11 {
			debug.SetGCPercent(p)
			set = p
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
