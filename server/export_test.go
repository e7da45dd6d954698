package server

import "github.com/gofiber/fiber/v2"

// Routes are the addresses that the server answers.
func (s *Server) Routes() []fiber.Route { return s.app.GetRoutes(true) }

// RulesPage is the page of GET /rules as of a time.
var RulesPage = drawRules

// Decompress is what reads bodies.
var Decompress = decompress
