package app

import (
	"cmp"
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"leadline"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/server"
	"leadline/sql"
)

const (
	costOf      = time.Hour        // how far back the costs of rules go
	costKept    = 15 * time.Second // the query log is written every few seconds, so asking more often tells nothing new
	costTimeout = 4 * time.Second  // below that of whoever asks
)

// What the reads of rules are called in the query log.
const (
	readOfRule  = "leadline rule="
	readOfRules = "leadline rules "
)

// rulesView joins how rules fare with what their reads cost.
type rulesView struct {
	engine interface{ Status() []rules.GroupStatus }
	tables measure.Querier
	log    *slog.Logger

	mu    sync.Mutex
	asked time.Time
	costs map[string]server.Cost // nil where the query log did not answer
}

// Book implements server.Rules.
func (v *rulesView) Book(ctx context.Context) (server.RuleBook, error) {
	costs := v.cost(ctx, time.Now())
	book := server.RuleBook{CostOf: costOf.Seconds(), Costs: costs != nil, Groups: []server.RuleGroup{}}
	for _, g := range v.engine.Status() {
		book.Groups = append(book.Groups, ruleGroup(g, costs))
	}
	for comment, c := range costs {
		if reads, ok := strings.CutPrefix(comment, readOfRules); ok {
			c.Reads = reads
			book.Shared = append(book.Shared, c)
		}
	}
	slices.SortFunc(book.Shared, func(a, b server.Cost) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(a.Reads, b.Reads))
	})
	return book, nil
}

func ruleGroup(g rules.GroupStatus, costs map[string]server.Cost) server.RuleGroup {
	out := server.RuleGroup{
		Name: g.Name, Interval: millisOf(g.Interval), LastSlot: g.LastSlot.UTC(), Duration: millisOf(g.Duration),
		Evaluations: g.Evaluations, Missed: g.Missed, Failing: g.Error != "", Rules: []server.Rule{},
	}
	for _, r := range g.Rules {
		x := server.Rule{
			Name: r.Name, Health: cmp.Or(string(r.Health), "unknown"), Duration: millisOf(r.Duration), Refused: r.Refused,
			Instances: map[string]int{},
		}
		for state, n := range r.Instances {
			x.Instances[string(state)] = n
		}
		if c, ok := costs[readOfRule+g.Name+"/"+r.Name]; ok {
			x.Cost = &c
		}
		out.Rules = append(out.Rules, x)
	}
	return out
}

func millisOf(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// cost is what reads cost by their comment, at most costKept old. A query log that does not answer is not asked again
// for as long, so that nobody who asks for the rules makes a slow ClickHouse slower.
func (v *rulesView) cost(ctx context.Context, now time.Time) map[string]server.Cost {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.asked.IsZero() && now.Sub(v.asked) < costKept {
		return v.costs
	}
	costs, err := v.read(context.WithoutCancel(ctx)) // who asked may go away, the answer is for all
	if err != nil {
		v.log.Warn("costs of rules not known", "error", err)
	}
	v.asked, v.costs = now, costs
	return costs
}

func (v *rulesView) read(ctx context.Context) (map[string]server.Cost, error) {
	t, err := v.tables.Select(ctx, leadline.Query{
		Name: "rules_cost", SQL: sql.Query("rules_cost"), Timeout: costTimeout,
		Params: map[string]any{"seconds": int64(costOf / time.Second)},
	})
	if err != nil {
		return nil, err
	}
	out := map[string]server.Cost{}
	for _, values := range t.Rows {
		r := &row{table: t, values: values}
		out[value[string](r, "comment")] = server.Cost{
			Queries: value[int64](r, "queries"), Failed: value[int64](r, "failed"),
			CPU: value[float64](r, "cpu_ms"), Duration: value[float64](r, "duration_ms"),
			ReadRows: value[int64](r, "read_rows"), ReadBytes: value[int64](r, "read_bytes"), Memory: value[int64](r, "memory_bytes"),
		}
		if r.err != nil {
			return nil, r.err
		}
	}
	return out, nil
}
