package server

import (
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline/ingest"
)

// telegram takes Telegram's own webhook. Telegram repeats an update until it gets a 2xx and keeps the order of a chat,
// so everything that is an update is taken, of whatever kind, and no limit of its partner refuses it here.
func (s *Server) telegram(c *fiber.Ctx) error {
	received := time.Now()
	t := timing{received}
	ctx := s.deadlines.next(c.UserContext(), received)
	name := strings.Clone(c.Params("bot"))
	bot, known := s.Bots[name]
	secret := c.Get("X-Telegram-Bot-Api-Secret-Token")
	same := subtle.ConstantTimeCompare([]byte(secret), []byte(bot.Secret)) == 1
	t.lap(c, "auth")
	if !same || !known || bot.Secret == "" {
		return problem{Status: http.StatusUnauthorized, Code: "bad_secret", Detail: "unknown bot, or X-Telegram-Bot-Api-Secret-Token is not the secret of its setWebhook"}
	}
	body, err := readBody(c, maxDecoded)
	t.lap(c, "read")
	if err != nil {
		return err
	}
	_, err = s.Intake.SubmitTelegram(ctx, ingest.Request{Partner: bot.Partner, Bot: name, Body: body, ReceivedAt: received, Received: t.last})
	t.lap(c, "submit")
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, "application/json")
	return c.SendString("{}")
}
