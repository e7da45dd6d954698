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
		case twoLengths(h.RawHeaders()):
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

// twoLengths reports whether raw headers say twice how long the body is: by Content-Length and by Transfer-Encoding.
func twoLengths(raw []byte) bool {
	length, chunks := false, false
	for len(raw) > 0 {
		line := raw
		if i := bytes.IndexByte(raw, '\n'); i >= 0 {
			line, raw = raw[:i], raw[i+1:]
		} else {
			raw = nil
		}
		switch {
		case isField(line, "content-length"):
			length = true
		case isField(line, "transfer-encoding"):
			chunks = true
		}
	}
	return length && chunks
}

// isField reports whether a line of raw headers is the field of a name, which is in lower case.
func isField(line []byte, name string) bool {
	return len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name))
}
