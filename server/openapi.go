package server

import (
	_ "embed" // openapi.json

	"github.com/gofiber/fiber/v2"
)

//go:embed openapi.json
var openapi []byte

// openapi answers GET /openapi.json.
func (s *Server) openapi(c *fiber.Ctx) error {
	c.Set(fiber.HeaderContentType, "application/json")
	return c.Send(openapi)
}
