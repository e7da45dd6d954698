package server

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
	"leadline/ingest"
	"leadline/signature"
)

// submitTimeout bounds the wait for the spool's fsync, where a healthy disk takes a millisecond, and with ?wait=true
// for ClickHouse.
const submitTimeout = 10 * time.Second

// events takes POST /v1/events.
func (s *Server) events(c *fiber.Ctx) error {
	r, err := s.enter(c)
	defer r.leave()
	if err != nil {
		return err
	}
	r.request.Wait = len(c.Request().URI().QueryString()) > 0 && c.Query("wait") == "true"
	if key := c.Get("Idempotency-Key"); key != "" {
		return s.once(c, r.request.Partner, key, func() error { return s.submit(c, r) })
	}
	return s.submit(c, r)
}

// validate takes POST /v1/validate.
func (s *Server) validate(c *fiber.Ctx) error {
	r, err := s.enter(c)
	defer r.leave()
	if err != nil {
		return err
	}
	receipt, err := s.Intake.Validate(r.ctx, r.request)
	r.lap(c, "validate")
	if err != nil {
		return err
	}
	return accepted(c, http.StatusOK, &receipt)
}

func (s *Server) submit(c *fiber.Ctx, r *entry) error {
	if err := s.fresh(r.request.Partner, r.message, r.request.ReceivedAt); err != nil {
		return err
	}
	receipt, err := s.Intake.Submit(r.ctx, r.request)
	r.lap(c, "submit")
	s.tellLimits(c, r.request.Partner, r.last)
	if err != nil {
		return err
	}
	s.replays.Acknowledged(r.request.Partner, r.message, r.last)
	status := http.StatusAccepted
	if receipt.Stored {
		status = http.StatusOK
	}
	return accepted(c, status, &receipt)
}

// entry is a request that may be taken: its sender is known, within its limits, and its body is read.
type entry struct {
	timing
	request ingest.Request
	message signature.Message // zero where nothing is signed
	ctx     context.Context
	end     func()
}

var entries = sync.Pool{New: func() any { return new(entry) }}

// leave ends the request. Nobody may use the entry any more.
func (r *entry) leave() {
	if r.end != nil {
		r.end()
	}
	*r = entry{}
	entries.Put(r)
}

// enter lets a request in that carries events. The entry is never nil and is to be left.
func (s *Server) enter(c *fiber.Ctx) (r *entry, err error) {
	received := time.Now()
	r = entries.Get().(*entry)
	r.last, r.ctx = received, s.deadlines.next(c.UserContext(), received)
	partner, err := s.partner(r.ctx, c, leadline.ScopeEventsWrite, received)
	r.lap(c, "auth")
	if err != nil {
		return r, err
	}
	if r.end, err = s.admit(c, partner, received); err != nil {
		return r, err
	}
	if r.message, err = s.signed(c, partner, received); err != nil {
		return r, err
	}
	format, err := bodyFormat(c)
	if err != nil {
		return r, err
	}
	body, err := readBody(c, maxDecoded)
	r.lap(c, "read")
	r.request = ingest.Request{
		Partner:     partner,
		Format:      format,
		Body:        body,
		TraceParent: c.Get("traceparent"),
		ReceivedAt:  received,
		Received:    r.last,
		Itemize:     strings.Contains(c.Get("Prefer"), "return=representation"),
	}
	return r, err
}

// bodyFormat reads the content type.
func bodyFormat(c *fiber.Ctx) (ingest.Format, error) {
	header := c.Get(fiber.HeaderContentType)
	if header == "application/json" { // what nearly all send; parsing allocates
		return ingest.FormatJSON, nil
	}
	kind, _, err := mime.ParseMediaType(header)
	if err == nil {
		switch kind {
		case "application/json":
			return ingest.FormatJSON, nil
		case "application/x-ndjson", "application/jsonl":
			return ingest.FormatNDJSON, nil
		case "application/cloudevents+json":
			return ingest.FormatCloudEvent, nil
		case "application/cloudevents-batch+json":
			return ingest.FormatCloudEvents, nil
		}
	}
	return 0, problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_type", Detail: fmt.Sprintf("Content-Type %.64q is not supported: send application/json or application/x-ndjson", header)}
}

var kindJSON = []byte("application/json")

// accepted answers with the receipt: what it counts is on disk.
func accepted(c *fiber.Ctx, status int, r *leadline.Receipt) error {
	if len(r.Items) > 0 {
		return answerJSON(c, status, struct {
			*leadline.Receipt
			RequestID string `json:"request_id"`
		}{r, requestID(c)})
	}
	c.Response().Header.SetContentTypeBytes(kindJSON)
	c.Status(status)
	var buf [112]byte
	b := append(buf[:0], `{"accepted":`...)
	b = strconv.AppendInt(b, int64(r.Accepted), 10)
	b = append(b, `,"duplicates":`...)
	b = strconv.AppendInt(b, int64(r.Duplicates), 10)
	b = append(b, `,"rejected":0,"request_id":"`...)
	b = append(b, identified(c)...)
	b = append(b, "\"}\n"...)
	c.Response().SetBody(b) // copies
	return nil
}

func answerJSON(c *fiber.Ctx, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode answer: %w", err)
	}
	c.Set(fiber.HeaderContentType, "application/json")
	return c.Status(status).Send(append(body, '\n'))
}
