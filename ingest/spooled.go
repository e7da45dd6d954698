package ingest

import (
	"sync/atomic"
	"time"
)

// spooled remembers how long the newest requests waited for fsync, since the record of an event is written before its
// own fsync is over and cannot say. A request that has been overwritten here, or was made by an earlier process, is not
// known: then the stage spool counts 0 and the time is part of the next stage's wait.
type spooled struct {
	next  atomic.Uint64
	slots [1 << 16]struct{ begin, end atomic.Uint64 } // 1 MiB
}

// The upper bits of a slot's word say which request it belongs to, the lower 40 count microseconds: up to 12 days.
const microBits = 40

func pack(request uint64, d time.Duration) uint64 {
	micros := min(uint64(max(d, 0)/time.Microsecond), 1<<microBits-1)
	return request>>16<<microBits | micros
}

func unpack(word, request uint64) (time.Duration, bool) {
	return time.Duration(word&(1<<microBits-1)) * time.Microsecond, word>>microBits == request<<(microBits-16)>>microBits
}

// request names the next request. The first is number 1<<16, so that an empty slot belongs to none.
func (s *spooled) request() uint64 { return s.next.Add(1) + 1<<16 - 1 }

// note says from when to when a request waited for fsync, counted from its receipt.
func (s *spooled) note(request uint64, begin, end time.Duration) {
	slot := &s.slots[request%uint64(len(s.slots))]
	slot.begin.Store(pack(request, begin))
	slot.end.Store(pack(request, end))
}

// of returns what note said.
func (s *spooled) of(request uint64) (begin, end time.Duration, ok bool) {
	slot := &s.slots[request%uint64(len(s.slots))]
	begin, b := unpack(slot.begin.Load(), request)
	end, e := unpack(slot.end.Load(), request)
	return begin, end, b && e
}
