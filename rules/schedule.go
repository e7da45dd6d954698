package rules

import (
	"hash/fnv"
	"time"
)

// Offset is a group's stable place within its interval, so that groups of one interval do not all ask at once.
func Offset(group string, interval time.Duration) time.Duration {
	h := fnv.New64a()
	h.Write([]byte(group))
	return (time.Duration(h.Sum64()>>1) % interval).Truncate(time.Millisecond)
}

// Slot is the newest slot of a group at a time: the point of its grid that is not after now.
func Slot(now time.Time, interval time.Duration, group string) time.Time {
	offset := Offset(group, interval)
	since := now.Sub(time.Unix(0, 0)) - offset
	n := since / interval
	if since < 0 && since%interval != 0 {
		n--
	}
	return time.Unix(0, 0).Add(n*interval + offset).UTC()
}

// due says what a group whose last slot is last has to do now: evaluate slot, having missed some before it, or wait.
// Only the newest slot is evaluated: an answer about the past helps nobody who is on call. A clock that went back
// makes no slot due again.
func due(now, last time.Time, interval time.Duration, group string) (slot time.Time, missed int, ok bool) {
	slot = Slot(now, interval, group)
	if !slot.After(last) {
		return slot, 0, false
	}
	if !last.IsZero() {
		missed = max(0, int((slot.Sub(last)-1)/interval))
	}
	return slot, missed, true
}
