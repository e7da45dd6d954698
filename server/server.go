package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/gofiber/fiber/v2/middleware/adaptor"

	"leadline"
	"leadline/ingest"
)

// Limits of one request. A sender splits what is larger.
const (
	maxWire    = 4 << 20  // bytes as they come over the wire
	maxDecoded = 16 << 20 // bytes after decompression
	// fasthttp answers a larger body while the sender still sends it, who then sees a reset instead of the 413. So it
	// reads some more than is allowed.
	maxRead = 4 * maxWire
	stall   = 10 * time.Second
)

// Intake takes whole bodies and answers when every item of them is durable, or says which is not.
type Intake interface {
	Submit(ctx context.Context, r ingest.Request) (leadline.Receipt, error)
	SubmitTelegram(ctx context.Context, r ingest.Request) (leadline.Receipt, error)
}

// Keys finds API keys by their id.
type Keys interface {
	APIKey(ctx context.Context, id string) (leadline.APIKey, bool, error)
}

// Bot is a partner's bot whose webhook points here.
type Bot struct {
	Partner string
	Secret  string // what Telegram sends as X-Telegram-Bot-Api-Secret-Token
}

// Options are what the server needs of the others.
type Options struct {
	Intake Intake
	Keys   Keys
	Bots   map[string]Bot                  // by name in the path /v1/telegram/{bot}
	Ready  func(ctx context.Context) error // nil when events can be taken
	Log    *slog.Logger

	Observer Observer     // nil: nobody counts
	Metrics  http.Handler // answers GET /metrics; nil: there is none
}

// Server answers HTTP.
type Server struct {
	Options
	app *fiber.App

	mu       sync.Mutex
	listener net.Listener // of Serve
	stopped  bool
}

// New makes a server that listens once Serve is called.
func New(o Options) *Server {
	s := &Server{Options: o}
	s.app = fiber.New(fiber.Config{
		AppName:               "leadline",
		DisableStartupMessage: true,
		BodyLimit:             maxRead,
		ReadBufferSize:        16 << 10, // Fiber's 4 KiB answers 431 to webhooks with long headers
		ReadTimeout:           stall,
		IdleTimeout:           time.Minute,
		ErrorHandler:          s.fail,
	})
	if s.Observer != nil {
		s.app.Use(s.observe)
	}
	s.app.Use(s.identify)
	s.app.Post("/v1/events", s.events)
	s.app.Post("/v1/telegram/:bot", s.telegram)
	s.app.Get("/healthz", s.healthz)
	s.app.Get("/readyz", s.readyz)
	if s.Metrics != nil {
		s.app.Get("/metrics", adaptor.HTTPHandler(s.Metrics))
	}
	s.app.Get("/", s.index)
	return s
}

// Serve answers on l until Shutdown.
func (s *Server) Serve(l net.Listener) error {
	s.mu.Lock()
	s.listener = l
	stopped := s.stopped
	s.mu.Unlock()
	if stopped {
		return l.Close()
	}
	err := s.app.Listener(l)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && !s.stopped {
		return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
	}
	return nil
}

// Shutdown lets running requests end, until ctx does. It ends a Serve that has only just begun, too, and one that
// comes later.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.stopped = true
	l := s.listener
	s.mu.Unlock()
	err := s.app.ShutdownWithContext(ctx)
	if l != nil { // fasthttp does not know a listener yet that it has not begun to accept on
		l.Close() //nolint:errcheck // fasthttp has closed it as a rule
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("stop HTTP: %w", err)
	}
	return ctx.Err()
}

func (s *Server) healthz(c *fiber.Ctx) error { return c.SendString("ok\n") }

func (s *Server) readyz(c *fiber.Ctx) error {
	ctx, cancel := context.WithTimeout(c.UserContext(), 2*time.Second)
	defer cancel()
	if err := s.Ready(ctx); err != nil {
		return problem{Status: http.StatusServiceUnavailable, Code: "not_ready", Detail: err.Error()}
	}
	return c.SendString("ready\n")
}

const index = `Leadline %s

POST /v1/events           JSON object, array or NDJSON; Authorization: Bearer ll_live_…
POST /v1/telegram/{bot}   Telegram's own webhook
GET  /healthz  /readyz  /metrics
`

func (s *Server) index(c *fiber.Ctx) error { return c.SendString(fmt.Sprintf(index, leadline.Version)) }
