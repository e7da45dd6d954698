package server

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline/limit"
)

// admit counts a request of a partner in, before its body is decompressed. end counts it out and is never nil. What
// cannot be taken even if it is a single event is refused here; the rest of the verdict is the intake's, which counts
// the events.
func (s *Server) admit(c *fiber.Ctx, partner string, now time.Time) (end func(), err error) {
	if s.Limits == nil {
		return func() {}, nil
	}
	end, ok := s.Limits.Begin(partner, now)
	if !ok {
		return end, problem{
			Status: http.StatusTooManyRequests, Code: "too_many_requests", retryAfter: time.Second,
			Detail: fmt.Sprintf("%d requests are under way, which is your limit: wait for their answers, or send larger batches", s.Limits.Policy(partner).InFlight),
		}
	}
	if d := s.Limits.Peek(partner, 1, len(c.Request().Body()), now); !d.OK {
		s.tellLimits(c, partner, now)
		return end, problem{Status: http.StatusTooManyRequests, Code: d.Code, Detail: tooMuch(d.Code), retryAfter: d.RetryAfter}
	}
	return end, nil
}

func tooMuch(code string) string {
	if code == limit.CodeQuotaExhausted {
		return "the day's quota is used up: send again after midnight UTC"
	}
	return "more than your rate allows: send again after Retry-After"
}

// tellLimits writes the fields of draft-ietf-httpapi-ratelimit-headers, where q events in w seconds are never refused,
// and the X-RateLimit trio that older clients read. A partner without a rate gets none.
func (s *Server) tellLimits(c *fiber.Ctx, partner string, now time.Time) {
	if s.Limits == nil {
		return
	}
	p := s.Limits.Policy(partner)
	if p.Rate == 0 {
		return
	}
	state := s.Limits.State(partner, now)
	reset := int64(math.Ceil(state.EventReset.Seconds()))
	var buf [128]byte
	h := &c.Response().Header

	b := append(buf[:0], `"events";q=`...)
	b = strconv.AppendInt(b, int64(p.Burst), 10)
	b = append(b, ";w="...)
	b = strconv.AppendInt(b, int64(math.Ceil(float64(p.Burst)/p.Rate)), 10)
	if p.Daily > 0 {
		b = append(b, `, "daily";q=`...)
		b = strconv.AppendInt(b, p.Daily, 10)
		b = append(b, ";w=86400"...)
	}
	h.SetBytesV("RateLimit-Policy", b)

	b = append(buf[:0], `"events";r=`...)
	b = strconv.AppendInt(b, int64(state.Events), 10)
	b = append(b, ";t="...)
	b = strconv.AppendInt(b, reset, 10)
	if p.Daily > 0 {
		b = append(b, `, "daily";r=`...)
		b = strconv.AppendInt(b, max(0, p.Daily-state.Today), 10)
	}
	h.SetBytesV("RateLimit", b)

	h.SetBytesV("X-Ratelimit-Limit", strconv.AppendInt(buf[:0], int64(p.Burst), 10))
	h.SetBytesV("X-Ratelimit-Remaining", strconv.AppendInt(buf[:0], int64(state.Events), 10))
	h.SetBytesV("X-Ratelimit-Reset", strconv.AppendInt(buf[:0], reset, 10))
}

// limitsAnswer is a partner's policy, 0 where nothing limits, and where it stands.
type limitsAnswer struct {
	Partner string `json:"partner"`
	Policy  struct {
		Rate     float64 `json:"events_per_second"`
		Burst    int     `json:"burst"`
		Bytes    float64 `json:"bytes_per_second"`
		InFlight int     `json:"in_flight"`
		Daily    int64   `json:"daily"`
		Weight   int     `json:"weight"`
		Priority string  `json:"priority"`
	} `json:"policy"`
	State struct {
		Events   int     `json:"events"`
		Reset    float64 `json:"reset_seconds"`
		Bytes    int64   `json:"bytes"`
		InFlight int     `json:"in_flight"`
		Today    int64   `json:"today"`
	} `json:"state"`
	Request struct {
		Wire    int `json:"wire_bytes"`
		Decoded int `json:"decoded_bytes"`
		Items   int `json:"items"`
		Item    int `json:"item_bytes"`
	} `json:"request"`
}

// limits answers GET /v1/limits, to any living key: whoever may send may know how much.
func (s *Server) limits(c *fiber.Ctx) error {
	now := time.Now()
	ctx := s.deadlines.next(c.UserContext(), now)
	key, err := s.key(ctx, c, now)
	if err != nil {
		return err
	}
	a := limitsAnswer{Partner: key.Partner}
	a.Policy.Weight, a.Policy.Priority = 1, "normal"
	if s.Limits != nil {
		p, state := s.Limits.Policy(key.Partner), s.Limits.State(key.Partner, now)
		a.Policy.Rate, a.Policy.Burst, a.Policy.Bytes = p.Rate, p.Burst, p.Bytes
		a.Policy.InFlight, a.Policy.Daily, a.Policy.Weight = p.InFlight, p.Daily, max(1, p.Weight)
		if p.Bulk {
			a.Policy.Priority = "bulk"
		}
		a.State.Events, a.State.Reset, a.State.Bytes = state.Events, state.EventReset.Seconds(), state.Bytes
		a.State.InFlight, a.State.Today = state.InFlight, state.Today
	}
	a.Request.Wire, a.Request.Decoded, a.Request.Items, a.Request.Item = maxWire, maxDecoded, maxItems, maxItem
	s.tellLimits(c, key.Partner, now)
	return answerJSON(c, http.StatusOK, a)
}

// What ingest takes of one request; the door only tells.
const (
	maxItems = 10_000
	maxItem  = 64 << 10
)
