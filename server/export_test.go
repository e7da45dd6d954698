package server

import "github.com/gofiber/fiber/v2"

// Routes are the addresses that the server answers.
func (s *Server) Routes() []fiber.Route { return s.app.GetRoutes(true) }

// Decompress is what reads bodies.
var Decompress = decompress
