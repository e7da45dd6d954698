package app

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"leadline"
	"leadline/server"
)

type known func(k leadline.Key) bool

func (f known) Knows(_ context.Context, k leadline.Key) (bool, error) { return f(k), nil }

type querier func(q leadline.Query) (*leadline.Table, error)

func (f querier) Select(_ context.Context, q leadline.Query) (*leadline.Table, error) { return f(q) }

func TestLookup(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	way := &leadline.Table{
		Columns: []string{"type", "campaign", "received_at", "stored_at", "e2e_us", "stage", "wait_us", "duration_us", "status"},
		Rows: [][]any{{
			"lead.qualified", "spring", at, at.Add(time.Second), int64(1_000_500),
			[]string{"receive", "spool"},
			[]int64{0, 500},
			[]int64{100, 900},
			[]string{"ok", "ok"},
		}},
	}
	refused := &leadline.Table{
		Columns: []string{"type", "received_at", "code", "pointer", "rule", "expected", "got", "nearest"},
		Rows:    [][]any{{"lead.qualified", at, "schema_violation", []string{"/payload/amount"}, []string{"minimum"}, []string{"at least 0"}, []string{"-1"}, []string{""}}},
	}
	f := func(way, refused *leadline.Table, spooled bool, want server.Whereabouts, wantFound bool) {
		t.Helper()
		l := &lookup{
			spool: known(func(k leadline.Key) bool { return spooled && k == leadline.KeyOf("acme", "x") }),
			tables: querier(func(q leadline.Query) (*leadline.Table, error) {
				if q.Params["partner"] != "acme" || q.Params["id"] != "x" {
					t.Errorf("%+v", q)
				}
				return map[string]*leadline.Table{"event_way": way, "event_rejected": refused}[q.Name], nil
			}),
		}
		got, found, err := l.Event(t.Context(), "acme", "x")
		if diff := cmp.Diff(want, got); diff != "" || found != wantFound || err != nil {
			t.Errorf("%v %v (-want +got):\n%s", found, err, diff)
		}
	}
	none := &leadline.Table{}
	f(way, refused, true, server.Whereabouts{
		ID: "x", Place: "stored", Type: "lead.qualified", Campaign: "spring", ReceivedAt: at, StoredAt: at.Add(time.Second), EndToEnd: 1000.5,
		Stages: []server.Stage{{Name: "receive", Duration: 0.1, Status: "ok"}, {Name: "spool", Wait: 0.5, Duration: 0.9, Status: "ok"}},
	}, true)
	f(none, refused, false, server.Whereabouts{
		ID: "x", Place: "rejected", Type: "lead.qualified", ReceivedAt: at, Code: "schema_violation",
		Violations: []leadline.Violation{{Pointer: "/payload/amount", Rule: "minimum", Expected: "at least 0", Got: "-1"}},
	}, true)
	f(none, none, true, server.Whereabouts{ID: "x", Place: "spool"}, true)
	f(none, none, false, server.Whereabouts{}, false)

	broken := &lookup{
		spool:  known(func(leadline.Key) bool { return true }),
		tables: querier(func(leadline.Query) (*leadline.Table, error) { return nil, errors.New("no ClickHouse") }),
	}
	if _, found, err := broken.Event(t.Context(), "acme", "x"); err == nil || found {
		t.Errorf("%v %v", found, err)
	}
}
