package server

import (
	"context"
	"crypto/subtle"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
)

// partner says whose key the request carries, if the key lives and has the scope. Unknown, mistyped, revoked and
// absent keys get the same answer.
func (s *Server) partner(ctx context.Context, c *fiber.Ctx, scope string, now time.Time) (string, error) {
	refused := problem{Status: http.StatusUnauthorized, Code: "bad_key", Detail: "send a living API key as Authorization: Bearer ll_live_…"}
	text, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	if !ok {
		return "", refused
	}
	id, hash, err := leadline.ParseAPIKey(text)
	if err != nil {
		return "", refused
	}
	key, known, err := s.Keys.APIKey(ctx, id)
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(key.Hash[:], hash[:]) != 1 || !known || !key.Lives(now) {
		return "", refused
	}
	if !key.Allows(scope, now) {
		return "", problem{Status: http.StatusForbidden, Code: "scope", Detail: "this key lacks the scope " + scope}
	}
	return key.Partner, nil
}
