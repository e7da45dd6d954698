package server

import (
	"testing"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"

	"leadline/metrics"
)

// BenchmarkObserve tells what counting adds to a request that does nothing.
func BenchmarkObserve(b *testing.B) {
	f := func(name string, observer Observer) {
		b.Run(name, func(b *testing.B) {
			s := &Server{Options: Options{Observer: observer}, app: fiber.New()}
			if observer != nil {
				s.app.Use(s.observe)
			}
			s.app.Post("/v1/telegram/:bot", func(c *fiber.Ctx) error { return c.SendStatus(fiber.StatusAccepted) })
			handler := s.app.Handler()
			request := &fasthttp.RequestCtx{}
			request.Request.Header.SetMethod("POST")
			request.Request.SetRequestURI("/v1/telegram/acme_leads_bot")
			request.Request.SetBodyString("{}")
			b.ReportAllocs()
			for b.Loop() {
				request.Response.Reset()
				handler(request)
			}
		})
	}
	f("without", nil)
	f("with", metrics.New())
}
