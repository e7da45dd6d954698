package server

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
)

// Where an event is.
const (
	PlaceSpool    = "spool"    // durable, on its way to ClickHouse
	PlaceStored   = "stored"   // in ClickHouse
	PlaceRejected = "rejected" // dropped, kept for inspection
)

// Whereabouts is what is known of an event. Durations are milliseconds.
type Whereabouts struct {
	ID         string               `json:"id"`
	Place      string               `json:"place"`
	Type       string               `json:"type,omitempty"`
	Campaign   string               `json:"campaign,omitempty"`
	ReceivedAt time.Time            `json:"received_at,omitzero"`
	StoredAt   time.Time            `json:"stored_at,omitzero"`
	EndToEnd   float64              `json:"e2e_ms,omitempty"`
	Stages     []Stage              `json:"stages,omitempty"`
	Code       string               `json:"code,omitempty"` // why it was rejected
	Violations []leadline.Violation `json:"violations,omitempty"`
}

// Stage is one stretch of an event's way.
type Stage struct {
	Name     string  `json:"name"`
	Wait     float64 `json:"wait_ms"`
	Duration float64 `json:"duration_ms"`
	Status   string  `json:"status"`
}

// Lookup finds events of a partner. It reports false where there is none of that id, or it is another partner's.
type Lookup interface {
	Event(ctx context.Context, partner, id string) (Whereabouts, bool, error)
}

// lookupTimeout bounds a question to ClickHouse that a partner waits for.
const lookupTimeout = 5 * time.Second

// event answers GET /v1/events/{id}.
func (s *Server) event(c *fiber.Ctx) error {
	t := timing{time.Now()}
	ctx, cancel := context.WithTimeout(c.UserContext(), lookupTimeout)
	defer cancel()
	partner, err := s.partner(ctx, c, leadline.ScopeEventsRead, t.last)
	t.lap(c, "auth")
	if err != nil {
		return err
	}
	id, err := url.PathUnescape(c.Params("id"))
	if err != nil || id == "" || len(id) > 100 {
		return problem{Status: http.StatusNotFound, Code: "not_found", Detail: "no event can have this id"}
	}
	w, found, err := s.Lookup.Event(ctx, partner, id)
	t.lap(c, "lookup")
	switch {
	case err != nil && ctx.Err() != nil:
		return problem{Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "the tables did not answer in time: ask again", retryAfter: 5 * time.Second}
	case err != nil:
		return err
	case !found:
		return problem{Status: http.StatusNotFound, Code: "not_found", Detail: "no event of yours has this id, or it is older than what is kept"}
	}
	return answerJSON(c, http.StatusOK, w)
}
