package server

import (
	"bytes"
	"net/http"

	"github.com/gofiber/fiber/v2"
	"github.com/valyala/fasthttp"
)

// guard stands before Fiber, which would answer an unknown method in plain text.
//
// It also refuses a request with both Content-Length and Transfer-Encoding and closes its connection, as RFC 9112 §6.1
// asks: fasthttp takes the chunks, and a proxy in front that takes the length would see other requests than we do.
func (s *Server) guard(next fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		h := &ctx.Request.Header
		refused := 0
		switch {
		case hasField(h.RawHeaders(), "transfer-encoding") && hasField(h.RawHeaders(), "content-length"):
			refused = http.StatusBadRequest
		case !s.methods[string(h.Method())]:
			refused = http.StatusMethodNotAllowed
		default:
			next(ctx)
			return
		}
		c := s.app.AcquireCtx(ctx)
		defer s.app.ReleaseCtx(c)
		if err := s.fail(c, fiber.NewError(refused)); err != nil {
			ctx.SetStatusCode(refused)
		}
		ctx.SetConnectionClose()
	}
}

// hasField reports whether raw headers have a field of a name, which is in lower case.
func hasField(raw []byte, name string) bool {
	for line := range bytes.Lines(raw) {
		if i := bytes.IndexByte(line, ':'); i == len(name) && bytes.EqualFold(line[:i], []byte(name)) {
			return true
		}
	}
	return false
}
