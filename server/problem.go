package server

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
	"leadline/ingest"
)

// problem is an answer by RFC 9457. Code is what a program decides by, Detail what a person reads; neither ever holds
// what is inside the server.
type problem struct {
	Type      string          `json:"type"`
	Title     string          `json:"title"`
	Status    int             `json:"status"`
	Code      string          `json:"code"`
	Detail    string          `json:"detail"`
	RequestID string          `json:"request_id"`
	Errors    []leadline.Item `json:"errors,omitempty"`

	retryAfter time.Duration
	challenge  string // of a 401; that of a Bearer key where there is none
}

func (p problem) Error() string { return p.Code + ": " + p.Detail }

// fail turns every error of a handler, and Fiber's own, into a problem. What is not meant for the sender is logged
// with the request's id and answered as an internal error.
func (s *Server) fail(c *fiber.Ctx, err error) error {
	var p problem
	var ip *ingest.Problem
	var fe *fiber.Error
	switch {
	case errors.As(err, &p):
	case errors.As(err, &ip):
		p = problem{Status: ip.Status, Code: ip.Code, Detail: ip.Detail, retryAfter: ip.RetryAfter}
		if ip.Receipt != nil {
			p.Errors = ip.Receipt.Items
		}
		if ip.Err != nil {
			s.Log.Error("request not taken", "request_id", requestID(c), "error", ip.Err)
		}
	case errors.As(err, &fe):
		p = s.fiberProblem(c, fe)
	default:
		p = problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "something broke here; the request id finds it in the log"}
		s.Log.Error("request failed", "request_id", requestID(c), "path", c.Path(), "error", err)
	}
	if s.Observer != nil {
		s.Observer.Refuse(p.Code)
	}
	p.Type, p.Title, p.RequestID = "about:blank", http.StatusText(p.Status), requestID(c)
	if p.retryAfter > 0 {
		c.Set(fiber.HeaderRetryAfter, strconv.Itoa(int((p.retryAfter+time.Second-1)/time.Second)))
	}
	if p.Status == http.StatusUnauthorized {
		c.Set(fiber.HeaderWWWAuthenticate, cmp.Or(p.challenge, `Bearer realm="leadline"`))
	}
	body, err := json.Marshal(p)
	if err != nil {
		panic("BUG: a problem that is no JSON: " + err.Error())
	}
	c.Set(fiber.HeaderContentType, "application/problem+json")
	return c.Status(p.Status).Send(body)
}

// fiberProblem gives Fiber's and fasthttp's own refusals our words.
func (s *Server) fiberProblem(c *fiber.Ctx, fe *fiber.Error) problem {
	p := problem{Status: fe.Code, Code: "bad_request", Detail: "the request is not well-formed HTTP"}
	switch fe.Code {
	case http.StatusRequestEntityTooLarge:
		return errWire
	case http.StatusBadGateway: // the connection broke, so this is read by nobody
		p.Status = http.StatusBadRequest
	case http.StatusRequestTimeout:
		p.Code, p.Detail = "body_stalled", "the request did not arrive within "+s.Stall.String()
	case http.StatusMethodNotAllowed:
		if !s.welcome(c) {
			return errKey
		}
		p.Code, p.Detail = "method_not_allowed", "this address takes another method: see Allow"
	case http.StatusNotFound:
		if !s.welcome(c) {
			return errKey
		}
		p.Code, p.Detail = "not_found", "there is nothing here"
	case http.StatusRequestHeaderFieldsTooLarge:
		p.Code, p.Detail = "headers_too_large", "the headers are larger than 16 KiB"
	}
	return p
}

var requestIDHeader = []byte("X-Request-Id")

// identify gives every request an id of ours; a sender's own is never trusted into the log.
func (s *Server) identify(c *fiber.Ctx) error {
	identified(c)
	return c.Next()
}

// requestID is the request's id, made where there is none yet: fasthttp refuses some requests before any handler.
func requestID(c *fiber.Ctx) string { return string(identified(c)) }

// identified is the same as bytes of the header.
func identified(c *fiber.Ctx) []byte {
	h := &c.Response().Header
	if len(h.PeekCanonical(requestIDHeader)) == 0 {
		var b [8]byte
		rand.Read(b[:])
		var id [16]byte
		hex.Encode(id[:], b[:])
		h.SetCanonical(requestIDHeader, id[:])
	}
	return h.PeekCanonical(requestIDHeader)
}
