package phone

import (
	"fmt"
	"time"
)

// The limits that Telegram's bot support publishes (telegra.ph/Hitting-limits-bot-FAQ), and the undocumented one that
// bot authors measured: about 20 edits a minute and group.
const (
	chatBurst      = 5 // one message a second and chat; "short bursts" pass
	groupPerMinute = 20
	allPerSecond   = 30
	allBurst       = 30
)

// A bucket holds size tokens and gains one each interval. Whoever asks during a penalty extends it.
type bucket struct {
	size    int
	every   time.Duration
	used    float64
	at      time.Time
	penalty time.Time // requests are refused until then
	length  time.Duration
}

// take takes a token. Where there is none it says after how many seconds to ask again.
func (b *bucket) take(now time.Time) (retryAfter int) {
	if now.Before(b.penalty) {
		b.penalty = now.Add(b.length)
		return seconds(b.length)
	}
	if !b.at.IsZero() {
		b.used = max(0, b.used-float64(now.Sub(b.at))/float64(b.every))
	}
	b.at = now
	if b.used+1 > float64(b.size) {
		b.length = max(time.Second, time.Duration((b.used+1-float64(b.size))*float64(b.every)))
		b.penalty = now.Add(b.length)
		return seconds(b.length)
	}
	b.used++
	return 0
}

func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// sendLimit counts a message that is sent to c. The caller holds mu.
func (p *Phone) sendLimit(c *chat) *apiError {
	now := p.now()
	buckets := []*bucket{&p.all, &c.sends}
	if c.Kind != Private {
		buckets = append(buckets, &c.sendsMin)
	}
	return limited(now, buckets...)
}

// editLimit counts an edit in c. The caller holds mu.
func (p *Phone) editLimit(c *chat) *apiError {
	if c.Kind == Private {
		return limited(p.now(), &p.all)
	}
	return limited(p.now(), &p.all, &c.editsMin)
}

func limited(now time.Time, buckets ...*bucket) *apiError {
	for _, b := range buckets {
		if after := b.take(now); after > 0 {
			return tooMany(after)
		}
	}
	return nil
}

func tooMany(after int) *apiError {
	return &apiError{code: 429, text: fmt.Sprintf("Too Many Requests: retry after %d", after), retryAfter: after}
}
