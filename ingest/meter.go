package ingest

import (
	"sync"
	"time"
)

// meter measures how many a second there were over the last two seconds. Its clock is whatever now counts from.
type meter struct {
	mu    sync.Mutex
	slots [meterSlots]int64
	turn  int64 // the present slot, counted from the clock's start
}

const (
	meterSlots = 8
	meterSlot  = 250 * time.Millisecond
)

func (m *meter) add(now time.Duration, n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roll(now)
	m.slots[m.turn%meterSlots] += int64(n)
}

// rate is what was counted in a second. The present slot counts as far as it has gone.
func (m *meter) rate(now time.Duration) float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.roll(now)
	var sum int64
	for _, n := range m.slots {
		sum += n
	}
	span := (meterSlots-1)*meterSlot + now%meterSlot
	return float64(sum) / span.Seconds()
}

// roll empties the slots that have passed since the last call.
func (m *meter) roll(now time.Duration) {
	turn := int64(now / meterSlot)
	for n := min(turn-m.turn, meterSlots); n > 0; n-- {
		m.slots[(turn-n+1)%meterSlots] = 0
	}
	m.turn = max(m.turn, turn)
}
