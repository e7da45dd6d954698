package signature

import (
	"sync"
	"time"

	"leadline"
)

// memory is how long an acknowledged message is remembered: a copy is in time for at most twice the tolerance.
const memory = 2 * Tolerance

// maxRemembered bounds each of the two generations: 4 MiB or so.
const maxRemembered = 100_000

// Replays remembers the messages that were acknowledged, so that a copy of one is refused. A message that was not
// acknowledged is not remembered: its sender is meant to send it again. Nor is a signed retry a copy, since it has a
// signed time of its own. The memory is bounded: where more messages come than it holds, the oldest are forgotten early,
// and a copy of theirs is a duplicate by its events' ids.
type Replays struct {
	most int

	mu       sync.Mutex
	now, old map[leadline.Key]int64 // by sender and message, the Unix time it was acknowledged
	began    int64
}

// NewReplays makes an empty memory.
func NewReplays() *Replays { return &Replays{most: maxRemembered, now: map[leadline.Key]int64{}} }

// Seen reports whether a message of a sender was acknowledged in the last ten minutes.
func (r *Replays) Seen(sender string, m Message, now time.Time) bool {
	if m.ID == "" {
		return false
	}
	key := leadline.KeyOf(sender, m.ID)
	r.mu.Lock()
	defer r.mu.Unlock()
	at, ok := r.now[key]
	if !ok {
		at, ok = r.old[key]
	}
	return ok && now.Unix()-at <= int64(memory/time.Second)
}

// Acknowledged remembers a message.
func (r *Replays) Acknowledged(sender string, m Message, now time.Time) {
	if m.ID == "" {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	at := now.Unix()
	if len(r.now) >= r.most || at-r.began > int64(memory/time.Second) {
		r.old, r.now, r.began = r.now, map[leadline.Key]int64{}, at
	}
	r.now[leadline.KeyOf(sender, m.ID)] = at
}
