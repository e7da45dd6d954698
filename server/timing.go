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
	b := append(buf[:0], h.Peek(serverTiming)...)
	if len(b) > 0 {
		b = append(b, ", "...)
	}
	b = append(b, name...)
	b = append(b, ";dur="...)
	b = strconv.AppendFloat(b, float64(now.Sub(t.last).Microseconds())/1e3, 'f', 3, 64)
	h.SetBytesV(serverTiming, b)
	t.last = now
}

const serverTiming = "Server-Timing"
