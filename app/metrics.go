package app

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"leadline"
	"leadline/metrics"
	"leadline/rules"
	"leadline/rules/measure"
	"leadline/sql"
	"leadline/state"
)

// watching is what the metrics need beside the parts that App has.
type watching struct {
	spool     metrics.Spool
	rules     interface{ Status() []rules.GroupStatus }
	heartbeat *beater                                                       // nil: none is sent
	write     func(ctx context.Context, samples []leadline.Resources) error // store.DB.WriteResources
	data      string                                                        // folder
	log       *slog.Logger
}

// watch adds the parts to the metrics and starts the checks and the sampler.
func (a *App) watch(ctx context.Context, m *metrics.Metrics, w watching) {
	sources := metrics.Sources{Pipeline: a.pipeline, Spool: w.spool, Rules: w.rules, Reload: a.reloader}
	if w.heartbeat != nil {
		sources.Heartbeat = w.heartbeat
	}
	sampler := &Sampler{
		Proc: os.DirFS("/proc"), Data: filepath.Clean(w.data), Spool: w.spool, Write: w.write, Sampled: m.Sample, Log: w.log,
	}
	if a.engine != nil {
		sources.Engine, sampler.EnginePid = a.engine, a.engine.Pid
	}
	m.Watch(sources)
	a.background(ctx, "metrics", func(ctx context.Context) error {
		return m.Run(ctx, metrics.Checks{
			DuplicateRows:  total(a.store, "duplicate_rows", "duplicates"),
			MissingRows:    total(a.store, "missing_rows", "missing"),
			WaitingNotices: func(ctx context.Context) (float64, error) { return waitingNotices(ctx, a.state) },
			Partners:       func(ctx context.Context) ([]string, error) { return livingPartners(ctx, a.state, time.Now()) },
			Log:            w.log,
		})
	})
	a.background(ctx, "resources", sampler.Run)
}

// total asks a query of package sql about yesterday and today, and adds up a column.
func total(db measure.Querier, name, column string) metrics.Check {
	return func(ctx context.Context) (float64, error) {
		t, err := db.Select(ctx, leadline.Query{
			Name: name, SQL: sql.Query(name), Timeout: 30 * time.Second,
			Params: map[string]any{"since": time.Now().UTC().AddDate(0, 0, -1)},
		})
		if err != nil {
			return 0, err
		}
		at, err := t.Column(column)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		sum := 0.0
		for _, row := range t.Rows {
			switch v := row[at].(type) {
			case int64:
				sum += float64(v)
			case float64:
				sum += v
			default:
				return 0, fmt.Errorf("%s: %s is a %T, not a number", name, column, v)
			}
		}
		return sum, nil
	}
}

// waitingNotices counts what chats should know and do not.
func waitingNotices(ctx context.Context, db *state.DB) (n float64, err error) {
	err = db.View(ctx, func(tx *state.Tx) error {
		list, err := tx.Waiting()
		n = float64(len(list))
		return err
	})
	return n, err
}

// livingPartners are those who have a key that may be used, a partner once for each.
func livingPartners(ctx context.Context, db *state.DB, now time.Time) (partners []string, err error) {
	err = db.View(ctx, func(tx *state.Tx) error {
		keys, err := tx.Keys()
		for i := range keys {
			if keys[i].Lives(now) {
				partners = append(partners, keys[i].Partner)
			}
		}
		return err
	})
	return partners, err
}
