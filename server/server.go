package server

import (
	"cmp"
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
	"leadline/limit"
	"leadline/rules"
	"leadline/signature"
)

// Limits of one request. A sender splits what is larger.
const (
	maxWire    = 4 << 20  // bytes as they come over the wire
	maxDecoded = 16 << 20 // bytes after decompression
	// fasthttp answers a larger body while the sender still sends it, who then sees a reset instead of the 413. So it
	// reads some more than is allowed.
	maxRead    = 4 * maxWire
	maxHeaders = 16 << 10 // Fiber's 4 KiB answers 431 to webhooks with long headers
	stall      = 10 * time.Second
)

// Intake takes whole bodies and answers when every item of them is durable, or says which is not.
type Intake interface {
	Submit(ctx context.Context, r ingest.Request) (leadline.Receipt, error)
	SubmitTelegram(ctx context.Context, r ingest.Request) (leadline.Receipt, error)
	SubmitHook(ctx context.Context, r ingest.Request, h *ingest.Hook) (leadline.Receipt, error)
	Validate(ctx context.Context, r ingest.Request) (leadline.Receipt, error) // the same verdicts; stores nothing
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

// Signer is a partner who signs requests.
type Signer struct {
	Verifier *signature.Verifier
	Required bool // else only a signature that is there is checked
}

// Hook is a third party's webhook. Its signature is its key.
type Hook struct {
	Partner  string
	Verifier *signature.Verifier
	Mapping  *ingest.Hook
}

// Options are what the server needs of the others. A nil field, except the first two and Ready, leaves its addresses
// out.
type Options struct {
	Intake   Intake
	Keys     Keys
	Used     func(keyID string, at time.Time) // is told of every request whose key was good; must not wait
	Limits   *limit.Limiter                   // nil: no limits
	Signers  map[string]Signer                // by partner
	Bots     map[string]Bot                   // by name in the path /v1/telegram/{bot}
	Hooks    map[string]Hook                  // by name in the path /v1/hooks/{source}
	Lookup   Lookup                           // GET /v1/events/{id}
	Rules    Rules                            // GET /v1/rules and /rules
	Eraser   Eraser                           // DELETE /v1/leads/{lead}
	SLOs     func() []rules.SLOStatus         // GET /v1/slos
	Metrics  http.Handler                     // GET /metrics
	Observer Observer                         // is told of every answer
	Ready    func(ctx context.Context) error  // nil when events can be taken; the error is shown to whoever asks
	Stall    time.Duration                    // a request has to arrive within; default 10 s
	Log      *slog.Logger
}

// Server answers HTTP.
type Server struct {
	Options
	app       *fiber.App
	methods   map[string]bool // those that Fiber knows
	replays   *signature.Replays
	answers   *answers
	deadlines deadlines

	mu       sync.Mutex
	listener net.Listener // of Serve
	stopped  bool
}

// New makes a server that listens once Serve is called.
func New(o Options) *Server {
	o.Stall = cmp.Or(o.Stall, stall)
	s := &Server{Options: o, replays: signature.NewReplays(), answers: newAnswers()}
	s.app = fiber.New(fiber.Config{
		AppName:                      "leadline",
		DisableStartupMessage:        true,
		DisablePreParseMultipartForm: true, // no address takes forms, and parsing writes large ones to disk
		CaseSensitive:                true,
		StrictRouting:                true,
		BodyLimit:                    maxRead,
		ReadBufferSize:               maxHeaders,
		ReadTimeout:                  o.Stall,
		IdleTimeout:                  time.Minute,
		ErrorHandler:                 s.fail,
	})
	s.methods = map[string]bool{}
	for _, method := range s.app.Config().RequestMethods {
		s.methods[method] = true
	}
	s.app.Server().Handler = s.guard(s.app.Server().Handler)
	if s.Observer != nil {
		s.app.Use(s.observe)
	}
	s.app.Use(s.identify)
	s.app.Post("/v1/events", s.events)
	s.app.Post("/v1/validate", s.validate)
	s.app.Post("/v1/telegram/:bot", s.telegram)
	s.app.Post("/v1/hooks/:source", s.hook)
	s.app.Get("/v1/limits", s.limits)
	if o.Lookup != nil {
		s.app.Get("/v1/events/:id", s.event)
	}
	if o.Rules != nil {
		s.app.Get("/v1/rules", s.rules)
		s.app.Get("/rules", s.rulesPage)
	}
	if o.Eraser != nil {
		s.app.Delete("/v1/leads/:lead", s.erase)
		s.app.Get("/v1/erasures/:id", s.erasure)
	}
	if o.SLOs != nil {
		s.app.Get("/v1/slos", s.slos)
	}
	if o.Metrics != nil {
		s.app.Get("/metrics", adaptor.HTTPHandler(o.Metrics))
	}
	s.app.Get("/openapi.json", s.openapi)
	s.app.Get("/healthz", s.healthz)
	s.app.Get("/readyz", s.readyz)
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

POST   /v1/events           JSON object, array, NDJSON or CloudEvents; Authorization: Bearer ll_live_…
GET    /v1/events/{id}      where an event is
POST   /v1/validate         the verdicts of /v1/events, storing nothing
POST   /v1/telegram/{bot}   Telegram's own webhook
POST   /v1/hooks/{source}   webhooks of third parties
GET    /v1/limits           what you may send, and where you stand
GET    /v1/rules            which rules run, how they fare and what they cost
GET    /v1/slos             where the objectives stand
GET    /rules               both on a page; the key is the password
DELETE /v1/leads/{lead}     erase what is known of a lead
GET    /openapi.json  /healthz  /readyz
`

func (s *Server) index(c *fiber.Ctx) error { return c.SendString(fmt.Sprintf(index, leadline.Version)) }
