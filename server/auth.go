package server

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
	"leadline/signature"
)

var errKey = problem{Status: http.StatusUnauthorized, Code: "bad_key", Detail: "send a living API key as Authorization: Bearer ll_live_…"}

// partner says whose key the request carries, if the key lives and has the scope. Unknown, mistyped, revoked and
// absent keys get the same answer.
func (s *Server) partner(ctx context.Context, c *fiber.Ctx, scope string, now time.Time) (string, error) {
	key, err := s.key(ctx, c, now)
	if err != nil {
		return "", err
	}
	return key.Partner, s.use(&key, scope, now)
}

var errPassword = problem{
	Status: http.StatusUnauthorized, Code: "bad_key", Detail: "give a living API key as the password, and any name",
	challenge: `Basic realm="leadline", charset="UTF-8"`,
}

// person refuses whoever has no living key with the scope as the password of HTTP Basic (RFC 7617), which a browser
// asks for. The name may be any.
func (s *Server) person(ctx context.Context, c *fiber.Ctx, scope string, now time.Time) error {
	encoded, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Basic ")
	pair, err := base64.StdEncoding.DecodeString(encoded)
	_, text, named := strings.Cut(string(pair), ":")
	if !ok || err != nil || !named {
		return errPassword
	}
	key, lives, err := s.find(ctx, text, now)
	if err != nil {
		return err
	}
	if !lives {
		return errPassword
	}
	return s.use(&key, scope, now)
}

// use notes the use of a key that has the scope.
func (s *Server) use(key *leadline.APIKey, scope string, now time.Time) error {
	if !key.Allows(scope, now) {
		return problem{Status: http.StatusForbidden, Code: "scope", Detail: "this key lacks the scope " + scope}
	}
	if s.Used != nil {
		s.Used(key.ID, now)
	}
	return nil
}

// key finds the living key of a request.
func (s *Server) key(ctx context.Context, c *fiber.Ctx, now time.Time) (key leadline.APIKey, err error) {
	text, ok := strings.CutPrefix(c.Get(fiber.HeaderAuthorization), "Bearer ")
	if !ok {
		return key, errKey
	}
	key, lives, err := s.find(ctx, text, now)
	if err == nil && !lives {
		err = errKey
	}
	return key, err
}

// find reports whether a text is a key that lives.
func (s *Server) find(ctx context.Context, text string, now time.Time) (key leadline.APIKey, lives bool, err error) {
	id, hash, err := leadline.ParseAPIKey(text)
	if err != nil {
		return key, false, nil //nolint:nilerr // what is no key is as good as an unknown one
	}
	key, known, err := s.Keys.APIKey(ctx, strings.Clone(id)) // whoever remembers that it is unknown keeps it
	if err != nil {
		return key, false, err
	}
	return key, subtle.ConstantTimeCompare(key.Hash[:], hash[:]) == 1 && known && key.Lives(now), nil
}

// welcome reports whether a request may be told that an address or method is not there: nobody without a key learns
// which there are.
func (s *Server) welcome(c *fiber.Ctx) bool {
	if !strings.HasPrefix(c.Path(), "/v1/") {
		return true
	}
	ctx := s.deadlines.next(c.UserContext(), time.Now())
	_, err := s.key(ctx, c, time.Now())
	return err == nil
}

// verify checks the signature over the body's bytes as they came. sender names whose replays they are.
func (s *Server) verify(c *fiber.Ctx, v *signature.Verifier, now time.Time) (signature.Message, error) {
	m, err := v.Verify(func(name string) string { return c.Get(name) }, c.Request().Body(), now)
	p := problem{Status: http.StatusUnauthorized}
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, signature.ErrMissing):
		p.Code, p.Detail = "signature_missing", "the request has to be signed: one of the headers of its signature is missing"
	case errors.Is(err, signature.ErrExpired):
		p.Code = "signature_expired"
		p.Detail = fmt.Sprintf("the signed time is more than %s away from the time here, %s: check the clock", signature.Tolerance, now.UTC().Format(time.RFC3339))
	default:
		p.Code, p.Detail = "signature_invalid", "no signature fits the body as it came over the wire"
	}
	return m, p
}

// signed checks the signature of a partner who signs.
func (s *Server) signed(c *fiber.Ctx, partner string, now time.Time) (signature.Message, error) {
	signer, ok := s.Signers[partner]
	if !ok || !signer.Required && !signer.Verifier.Signed(func(name string) string { return c.Get(name) }) {
		return signature.Message{}, nil
	}
	return s.verify(c, signer.Verifier, now)
}

// fresh refuses a copy of a request that was acknowledged.
func (s *Server) fresh(sender string, m signature.Message, now time.Time) error {
	if s.replays.Seen(sender, m, now) {
		return problem{Status: http.StatusUnauthorized, Code: "signature_replayed", Detail: "this signed request was taken already: sign a retry anew"}
	}
	return nil
}
