package server

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
	"leadline/state"
)

// ErrLead says that a text is neither a chat id nor a lead key.
var ErrLead = errors.New("neither a chat id nor a lead key")

// Eraser has all that is known of a lead deleted, and what still comes of it refused.
type Eraser interface {
	// Erase notes the order durably and returns its id. lead is a chat id in digits or a lead key, else the error is ErrLead.
	Erase(ctx context.Context, partner, lead string, now time.Time) (id string, err error)
	// Erasure is an order of a partner; false where there is none of that id, or it is another partner's.
	Erasure(ctx context.Context, partner, id string) (state.Erasure, bool, error)
}

// erasureAnswer is an order to erase.
type erasureAnswer struct {
	ID          string    `json:"id"`
	State       string    `json:"state"` // pending, done
	RequestedAt time.Time `json:"requested_at,omitzero"`
	FinishedAt  time.Time `json:"finished_at,omitzero"`
	Events      int64     `json:"events"` // rows deleted
	Rejected    int64     `json:"rejected"`
}

// erase takes DELETE /v1/leads/{lead}.
func (s *Server) erase(c *fiber.Ctx) error {
	t := timing{time.Now()}
	ctx := s.deadlines.next(c.UserContext(), time.Now())
	partner, err := s.partner(ctx, c, leadline.ScopeLeadsErase, t.last)
	t.lap(c, "auth")
	if err != nil {
		return err
	}
	lead, err := url.PathUnescape(c.Params("lead"))
	if err == nil {
		var id string
		if id, err = s.Eraser.Erase(ctx, partner, lead, t.last); err == nil {
			t.lap(c, "erase")
			c.Location("/v1/erasures/" + id)
			return answerJSON(c, http.StatusAccepted, erasureAnswer{ID: id, State: "pending", RequestedAt: t.last.UTC()})
		}
		if !errors.Is(err, ErrLead) {
			return err
		}
	}
	return problem{Status: http.StatusBadRequest, Code: "bad_lead", Detail: "name the lead by its chat id in digits or by its lead_key of 26 characters"}
}

// erasure answers GET /v1/erasures/{id}.
func (s *Server) erasure(c *fiber.Ctx) error {
	t := timing{time.Now()}
	ctx, cancel := context.WithTimeout(c.UserContext(), lookupTimeout)
	defer cancel()
	partner, err := s.partner(ctx, c, leadline.ScopeLeadsErase, t.last)
	t.lap(c, "auth")
	if err != nil {
		return err
	}
	e, found, err := s.Eraser.Erasure(ctx, partner, c.Params("id"))
	t.lap(c, "lookup")
	if err != nil {
		return err
	}
	if !found {
		return problem{Status: http.StatusNotFound, Code: "not_found", Detail: "no erasure of yours has this id"}
	}
	a := erasureAnswer{ID: e.ID, State: "pending", RequestedAt: e.RequestedAt, FinishedAt: e.FinishedAt, Events: e.Events, Rejected: e.Rejected}
	if !e.FinishedAt.IsZero() {
		a.State = "done"
	}
	return answerJSON(c, http.StatusOK, a)
}
