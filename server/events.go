package server

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
	"leadline/ingest"
)

// submitTimeout bounds the wait for the spool's fsync; a healthy disk takes a millisecond.
const submitTimeout = 10 * time.Second

// events takes POST /v1/events.
func (s *Server) events(c *fiber.Ctx) error {
	received := time.Now()
	ctx, cancel := context.WithTimeout(c.UserContext(), submitTimeout)
	defer cancel()
	partner, err := s.partner(ctx, c, leadline.ScopeEventsWrite, received)
	if err != nil {
		return err
	}
	format, err := bodyFormat(c)
	if err != nil {
		return err
	}
	body, err := readBody(c, maxDecoded)
	if err != nil {
		return err
	}
	itemize := strings.Contains(c.Get("Prefer"), "return=representation")
	receipt, err := s.Intake.Submit(ctx, ingest.Request{
		Partner:     partner,
		Format:      format,
		Body:        body,
		TraceParent: c.Get("traceparent"),
		ReceivedAt:  received,
		Received:    time.Now(),
		Itemize:     itemize,
	})
	if err != nil {
		return err
	}
	return accepted(c, &receipt)
}

// bodyFormat reads the content type: one JSON document, or one a line.
func bodyFormat(c *fiber.Ctx) (ingest.Format, error) {
	header := c.Get(fiber.HeaderContentType)
	kind, _, err := mime.ParseMediaType(header)
	if err == nil {
		switch kind {
		case "application/json":
			return ingest.FormatJSON, nil
		case "application/x-ndjson", "application/jsonl":
			return ingest.FormatNDJSON, nil
		}
	}
	return 0, problem{Status: http.StatusUnsupportedMediaType, Code: "unsupported_type", Detail: fmt.Sprintf("Content-Type %.64q is not supported: send application/json or application/x-ndjson", header)}
}

// accepted answers 202: what the receipt counts is on disk.
func accepted(c *fiber.Ctx, r *leadline.Receipt) error {
	c.Set(fiber.HeaderContentType, "application/json")
	c.Status(http.StatusAccepted)
	if len(r.Items) == 0 {
		b := make([]byte, 0, 96)
		b = append(b, `{"accepted":`...)
		b = strconv.AppendInt(b, int64(r.Accepted), 10)
		b = append(b, `,"duplicates":0,"rejected":0,"request_id":"`...)
		b = append(b, requestID(c)...)
		return c.Send(append(b, "\"}\n"...))
	}
	body, err := json.Marshal(struct {
		*leadline.Receipt
		RequestID string `json:"request_id"`
	}{r, requestID(c)})
	if err != nil {
		return fmt.Errorf("encode receipt: %w", err)
	}
	return c.Send(append(body, '\n'))
}
