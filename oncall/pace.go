package oncall

import "time"

// Telegram allows about a message a second in a chat, 20 sends and (undocumented) 20 edits a minute in a group, and 30
// requests a second in all: https://core.telegram.org/bots/faq. We stay below.
const (
	chatGap      = time.Second
	groupMinute  = 15 // sends, and as many edits
	globalGap    = 40 * time.Millisecond
	stormChats   = 3 // so many chats that ask to wait mean the whole bot
	longestPause = time.Minute
)

// pacer says when the next request may go out. One goroutine owns it.
type pacer struct {
	chats map[int64]*chatPace
	last  time.Time
}

type chatPace struct {
	last  time.Time
	sends recent
	edits recent
	hold  time.Time // the chat asked to wait
}

// recent remembers the last groupMinute times.
type recent struct {
	at   [groupMinute]time.Time
	next int
}

func (r *recent) free() time.Time { return r.at[r.next].Add(time.Minute) }

func (r *recent) add(now time.Time) {
	r.at[r.next] = now
	r.next = (r.next + 1) % groupMinute
}

func (p *pacer) chat(id int64) *chatPace {
	c := p.chats[id]
	if c == nil {
		c = &chatPace{}
		p.chats[id] = c
	}
	return c
}

// ready is the earliest time for a request to a chat: a send, or an edit.
func (p *pacer) ready(id int64, edit bool, now time.Time) time.Time {
	c := p.chat(id)
	at := latest(p.last.Add(globalGap), c.last.Add(chatGap), c.hold)
	if id < 0 { // a group or a channel
		r := &c.sends
		if edit {
			r = &c.edits
		}
		at = latest(at, r.free())
	}
	held := 0
	for _, c := range p.chats {
		if c.hold.After(now) {
			held++
		}
	}
	if held >= stormChats {
		for _, c := range p.chats {
			at = latest(at, c.hold)
		}
	}
	return at
}

func (p *pacer) took(id int64, edit bool, now time.Time) {
	c := p.chat(id)
	c.last, p.last = now, now
	if edit {
		c.edits.add(now)
	} else {
		c.sends.add(now)
	}
}

// backoff is how long to wait after so many failures in a row: 1, 2, 4 … 60 s.
func backoff(failures int) time.Duration {
	return min(time.Second<<min(max(failures-1, 0), 10), longestPause)
}

func latest(times ...time.Time) time.Time {
	var out time.Time
	for _, t := range times {
		if t.After(out) {
			out = t
		}
	}
	return out
}
