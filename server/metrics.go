package server

import (
	"errors"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"
)

// Observer counts requests. Its methods are called for every one of them, from many goroutines.
type Observer interface {
	// Begin is called when a handler starts, Observe when the answer is made: with the pattern of the route, such as
	// /v1/telegram/:bot, or unmatched; the status; the time since Begin; and the bytes of the body over the wire.
	Begin()
	Observe(route string, status int, took time.Duration, bytes int)
	// Refuse is called with the code of every problem that is answered. Those that come before any handler, such as a
	// head that is too large, have no Observe.
	Refuse(code string)
}

// unmatched is the route of requests that no handler takes: their paths are the sender's, and without number.
const unmatched = "unmatched"

// observe tells the Observer of a request. It answers errors itself, so that it sees their status.
func (s *Server) observe(c *fiber.Ctx) error {
	begin := time.Now()
	s.Observer.Begin()
	err := c.Next()
	route := c.Route().Path
	if err != nil {
		var fe *fiber.Error // of the router: our own are problems
		if errors.As(err, &fe) && (fe.Code == http.StatusNotFound || fe.Code == http.StatusMethodNotAllowed) {
			route = unmatched
		}
		err = s.fail(c, err)
	}
	s.Observer.Observe(route, c.Response().StatusCode(), time.Since(begin), len(c.Request().Body()))
	return err
}
