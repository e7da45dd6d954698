package app

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
	"leadline/oncall"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/source"
	"leadline/state"
)

// outage is a ClickHouse that is away for a while.
type outage struct {
	mu   sync.Mutex
	away error
}

func (o *outage) set(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.away = err
}

func (o *outage) Fetch(context.Context, []*measure.Ask, time.Time) measure.Answers { return o }

func (o *outage) Rows(*measure.Ask) ([]measure.Row, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return []measure.Row{{Labels: leadline.Labels{}, Values: []float64{9}}}, o.away
}

// ClickHouse away for a while, while twenty rules fire: one incident comes and goes, and what fired stands as it stood.
func TestAnOutageIsOneIncident(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	var groups []*rules.Group
	for name := range strings.SplitSeq("abcdefghij", "") {
		docs, err := source.Documents("r.yaml", []byte(strings.Replace(twoRules, "name: g", "name: "+name, 1)))
		if err != nil {
			t.Fatal(err)
		}
		g, errs := rules.Parse(docs[0])
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		groups = append(groups, g)
	}
	synctest.Test(t, func(t *testing.T) {
		db, err := state.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		log, clickhouse := slog.New(slog.DiscardHandler), &outage{}
		desk := oncall.New(oncall.Options{
			State: db, Notifier: oncall.NewLogNotifier(log), Chats: oncall.Chats{"ops": {Chat: 1}}, Log: log,
			Explain: func(context.Context, time.Time, time.Time, leadline.Labels) (*leadline.Verdict, error) {
				return nil, errors.New("no")
			},
		})
		engine := rules.New(rules.Options{Groups: groups, Asker: clickhouse, Sink: desk, Log: log})
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = desk.Run(ctx) })
		running.Go(func() { _ = engine.Run(ctx) })
		incidents := func() (all, live []leadline.Incident) {
			t.Helper()
			err := db.View(t.Context(), func(tx *state.Tx) (err error) {
				if live, err = tx.Incidents(state.IncidentFilter{Unresolved: true}); err != nil {
					return err
				}
				all, err = tx.Incidents(state.IncidentFilter{})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return all, live
		}
		pass := func(d time.Duration) {
			time.Sleep(d)
			synctest.Wait()
		}
		pass(10 * time.Second)
		if all, live := incidents(); len(all) != 20 || len(live) != 20 {
			t.Fatalf("%d incidents of 20 rules", len(all))
		}
		clickhouse.set(errors.New("connection refused"))
		pass(2 * time.Minute)
		all, live := incidents()
		if len(all) != 21 || len(live) != 21 || all[0].Rule != "RuleEngineBlind" || all[0].Verdict != nil {
			t.Errorf("in the outage %d incidents, %d of them open: %+v", len(all), len(live), all[0])
		}
		if action := all[0].Texts["action"]; action == "" || all[0].NotifiedAt.IsZero() || all[0].Severity != "page" {
			t.Errorf("told as %+v", all[0])
		}
		clickhouse.set(nil)
		pass(2 * time.Minute)
		if all, live := incidents(); len(all) != 21 || len(live) != 20 || all[0].State != leadline.IncidentResolved {
			t.Errorf("after the outage %d incidents, %d of them open", len(all), len(live))
		}
		cancel()
		running.Wait()
	})
}
