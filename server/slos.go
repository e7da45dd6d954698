package server

import (
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
	"leadline/rules"
)

// slos answers GET /v1/slos.
func (s *Server) slos(c *fiber.Ctx) error {
	ctx := s.deadlines.next(c.UserContext(), time.Now())
	if _, err := s.partner(ctx, c, leadline.ScopeRulesRead, time.Now()); err != nil {
		return err
	}
	return answerJSON(c, http.StatusOK, struct {
		SLOs []rules.SLOStatus `json:"slos"`
	}{s.SLOs()})
}
