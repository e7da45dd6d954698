package server

import (
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline/ingest"
)

// hook takes POST /v1/hooks/{source}: what a third party sends in its own words. Its signature is its key, so an unknown
// source and a bad signature get the same answer.
func (s *Server) hook(c *fiber.Ctx) error {
	received := time.Now()
	t := timing{received}
	ctx := s.deadlines.next(c.UserContext(), received)
	name := strings.Clone(c.Params("source"))
	h, known := s.Hooks[name]
	if !known {
		return problem{Status: http.StatusUnauthorized, Code: "signature_invalid", Detail: "no signature fits the body as it came over the wire"}
	}
	m, err := s.verify(c, h.Verifier, received)
	t.lap(c, "auth")
	if err != nil {
		return err
	}
	sender := "hooks/" + name
	if err := s.fresh(sender, m, received); err != nil {
		return err
	}
	end, err := s.admit(c, h.Partner, received)
	defer end()
	if err != nil {
		return err
	}
	body, err := readBody(c, maxDecoded)
	t.lap(c, "read")
	if err != nil {
		return err
	}
	receipt, err := s.Intake.SubmitHook(ctx, ingest.Request{
		Partner: h.Partner, Body: body, TraceParent: c.Get("traceparent"), ReceivedAt: received, Received: t.last,
		Header: func(name string) string { return c.Get(name) },
	}, h.Mapping)
	t.lap(c, "submit")
	s.tellLimits(c, h.Partner, t.last)
	if err != nil {
		return err
	}
	s.replays.Acknowledged(sender, m, t.last)
	return accepted(c, http.StatusAccepted, &receipt)
}
