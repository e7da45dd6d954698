package app

import (
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/rules"
	"leadline/server"
)

type statuses []rules.GroupStatus

func (s statuses) Status() []rules.GroupStatus { return s }

func TestRulesView(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slot := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
		var asked int
		var fail error
		v := &rulesView{
			log: slog.New(slog.DiscardHandler),
			engine: statuses{{
				Name: "volume", Interval: 30 * time.Second, LastSlot: slot, Duration: 1500 * time.Microsecond, Evaluations: 7, Missed: 1,
				Error: "state: disk full",
				Rules: []rules.RuleStatus{
					{Name: "PartnerSlow", Health: rules.HealthError, Error: "select: code 60", Instances: map[leadline.State]int{leadline.StateFiring: 2}},
					{Name: "IntakeStopped"},
				},
			}},
			tables: querier(func(q leadline.Query) (*leadline.Table, error) {
				asked++
				if q.Name != "rules_cost" || q.Params["seconds"] != int64(3600) || q.Timeout > 5*time.Second {
					t.Errorf("%+v", q)
				}
				return &leadline.Table{
					Columns: []string{"comment", "queries", "failed", "cpu_ms", "duration_ms", "read_rows", "read_bytes", "memory_bytes"},
					Rows: [][]any{
						{"leadline rule=volume/PartnerSlow", int64(120), int64(1), 35.5, 60.0, int64(1000), int64(8000), int64(4096)},
						{"leadline rule=gone/Rule", int64(1), int64(0), 1.0, 1.0, int64(1), int64(1), int64(1)},
						{"leadline rules b", int64(9), int64(0), 2.0, 3.0, int64(4), int64(5), int64(6)},
						{"leadline rules a", int64(9), int64(0), 20.0, 3.0, int64(4), int64(5), int64(6)},
					},
				}, fail
			}),
		}
		f := func(want server.RuleBook) {
			t.Helper()
			got, err := v.Book(t.Context())
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
		}
		group := server.RuleGroup{
			Name: "volume", Interval: 30_000, LastSlot: slot, Duration: 1.5, Evaluations: 7, Missed: 1, Failing: true,
			Rules: []server.Rule{
				{Name: "PartnerSlow", Health: "error", Instances: map[string]int{"firing": 2}},
				{Name: "IntakeStopped", Health: "unknown", Instances: map[string]int{}},
			},
		}
		without := server.RuleBook{CostOf: 3600, Groups: []server.RuleGroup{group}}
		with := server.RuleBook{CostOf: 3600, Costs: true, Groups: []server.RuleGroup{group}, Shared: []server.Cost{
			{Reads: "a", Queries: 9, CPU: 20, Duration: 3, ReadRows: 4, ReadBytes: 5, Memory: 6},
			{Reads: "b", Queries: 9, CPU: 2, Duration: 3, ReadRows: 4, ReadBytes: 5, Memory: 6},
		}}
		priced := group
		priced.Rules = append([]server.Rule(nil), group.Rules...)
		priced.Rules[0].Cost = &server.Cost{Queries: 120, Failed: 1, CPU: 35.5, Duration: 60, ReadRows: 1000, ReadBytes: 8000, Memory: 4096}
		with.Groups = []server.RuleGroup{priced}

		f(with)
		f(with)
		if asked != 1 {
			t.Errorf("asked %d times within a moment", asked)
		}
		time.Sleep(costKept)
		fail = errors.New("away")
		f(without)
		f(without)
		if asked != 2 {
			t.Errorf("asked %d times, a query log that is away once", asked)
		}
		time.Sleep(costKept)
		fail = nil
		f(with)
	})
}
