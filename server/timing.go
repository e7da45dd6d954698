package server

import (
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"
)

// timing writes Server-Timing: what the answer's time went into. It keeps nothing but the time of the last lap; the
// field itself collects the laps.
type timing struct{ last time.Time }

// lap ends a stretch.
func (t *timing) lap(c *fiber.Ctx, name string) {
	now := time.Now()
	var buf [160]byte
	h := &c.Response().Header
	b := append(buf[:0], h.PeekCanonical(serverTiming)...)
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(b, name...)
	b = append(b, ";dur="...)
	b = appendMillis(b, now.Sub(t.last))
	h.SetCanonical(serverTiming, b)
	t.last = now
}

// appendMillis writes milliseconds with three decimals.
func appendMillis(b []byte, d time.Duration) []byte {
	us := max(d, 0).Microseconds()
	b = strconv.AppendInt(b, us/1000, 10)
	return append(b, '.', byte('0'+us/100%10), byte('0'+us/10%10), byte('0'+us%10))
}

var serverTiming = []byte("Server-Timing")
