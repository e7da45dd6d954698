package server

import (
	"context"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v2"

	"leadline"
)

// RuleBook is which rules run, how they fare and what their reads cost. Durations are milliseconds.
type RuleBook struct {
	CostOf float64     `json:"cost_of_seconds"`        // how far back the costs go
	Costs  bool        `json:"costs_known"`            // false where the query log did not answer
	Groups []RuleGroup `json:"groups"`                 // in the order of the files
	Shared []Cost      `json:"shared_reads,omitempty"` // reads that answered several rules at once, by what they cost
}

// RuleGroup is one group of rules, which are evaluated together.
type RuleGroup struct {
	Name        string    `json:"name"`
	Interval    float64   `json:"interval_ms"`
	LastSlot    time.Time `json:"last_slot,omitzero"` // newest slot that was evaluated
	Duration    float64   `json:"duration_ms"`        // of that evaluation
	Evaluations int       `json:"evaluations"`        // since the start
	Missed      int       `json:"missed"`             // slots that nobody evaluated
	Failing     bool      `json:"failing"`            // what was evaluated could not be kept; the log says why
	Rules       []Rule    `json:"rules"`
}

// Rule is one rule. Why its health is error is in the log: it can quote what is inside the server.
type Rule struct {
	Name      string         `json:"name"`
	Health    string         `json:"health"` // unknown, good or error
	Duration  float64        `json:"duration_ms"`
	Refused   int            `json:"refused,omitempty"` // label sets above the group's limit
	Instances map[string]int `json:"instances"`         // by state: ok, pending, firing, no_data
	Cost      *Cost          `json:"cost,omitempty"`    // of its own reads; absent where it only shared others
}

// Cost is what reads cost, as ClickHouse's query log has it.
type Cost struct {
	Reads     string  `json:"reads,omitempty"` // of shared reads: what they are called
	Queries   int64   `json:"queries"`
	Failed    int64   `json:"failed"`
	CPU       float64 `json:"cpu_ms"`
	Duration  float64 `json:"duration_ms"`
	ReadRows  int64   `json:"read_rows"`
	ReadBytes int64   `json:"read_bytes"`
	Memory    int64   `json:"memory_bytes"` // most of one read
}

// Rules tells which rules run.
type Rules interface {
	Book(ctx context.Context) (RuleBook, error)
}

// rules answers GET /v1/rules.
func (s *Server) rules(c *fiber.Ctx) error {
	t := timing{time.Now()}
	ctx, cancel := context.WithTimeout(c.UserContext(), lookupTimeout)
	defer cancel()
	_, err := s.partner(ctx, c, leadline.ScopeRulesRead, t.last)
	t.lap(c, "auth")
	if err != nil {
		return err
	}
	book, err := s.Rules.Book(ctx)
	t.lap(c, "lookup")
	if err != nil {
		return err
	}
	return answerJSON(c, http.StatusOK, book)
}
