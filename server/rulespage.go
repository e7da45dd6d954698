package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	_ "embed" // the page's template and style
	"encoding/base64"
	"fmt"
	"html/template"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
	"leadline/rules"
)

var (
	//go:embed rulespage.html
	rulesHTML string
	//go:embed rulespage.css
	rulesCSS string

	rulesTemplate = template.Must(template.New("rules").Parse(rulesHTML))
	rulesPolicy   = pagePolicy(rulesCSS)
)

// pagePolicy is the Content-Security-Policy of a page that loads nothing and has one style inside.
func pagePolicy(style string) string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// rulesPage answers GET /rules: what /v1/rules and /v1/slos tell, for people.
func (s *Server) rulesPage(c *fiber.Ctx) error {
	c.Set(fiber.HeaderCacheControl, "no-store")
	c.Set(fiber.HeaderContentSecurityPolicy, rulesPolicy)
	c.Set(fiber.HeaderXContentTypeOptions, "nosniff")
	t := timing{time.Now()}
	ctx, cancel := context.WithTimeout(c.UserContext(), lookupTimeout)
	defer cancel()
	err := s.person(ctx, c, leadline.ScopeRulesRead, t.last)
	t.lap(c, "auth")
	if err != nil {
		return err
	}
	book, err := s.Rules.Book(ctx)
	t.lap(c, "lookup")
	if err != nil {
		return err
	}
	var slos []rules.SLOStatus
	if s.SLOs != nil {
		slos = s.SLOs()
	}
	page, err := drawRules(&book, slos, t.last)
	if err != nil {
		return err
	}
	c.Set(fiber.HeaderContentType, fiber.MIMETextHTMLCharsetUTF8)
	return c.Send(page)
}

// drawRules is the page as of a time.
func drawRules(book *RuleBook, slos []rules.SLOStatus, now time.Time) ([]byte, error) {
	var out bytes.Buffer
	if err := rulesTemplate.Execute(&out, viewRules(book, slos, now.UTC())); err != nil {
		return nil, fmt.Errorf("page of the rules: %w", err)
	}
	return out.Bytes(), nil
}
