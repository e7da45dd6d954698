package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"leadline"
	"leadline/state"
	"leadline/store"
)

// Keys are the API keys in state.db. A running Leadline sees a change within seconds.
type Keys struct{ db *state.DB }

// OpenKeys opens the keys of a configuration, whether or not Leadline runs on it.
func OpenKeys(c Config) (*Keys, error) {
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data folder: %w", err)
	}
	db, err := state.Open(filepath.Join(c.Data, "state.db"))
	if err != nil {
		return nil, err
	}
	return &Keys{db}, nil
}

// Close lets the file go.
func (k *Keys) Close() error { return k.db.Close() }

// New makes a key and returns its text, which is not kept.
func (k *Keys) New(ctx context.Context, partner, note string, scopes []string) (key leadline.APIKey, text string, err error) {
	key, text = leadline.NewAPIKey(partner, note, scopes, time.Now())
	err = k.db.Update(ctx, func(tx *state.Tx) error { return tx.AddKey(key) })
	return key, text, err
}

// List are all keys, revoked ones too.
func (k *Keys) List(ctx context.Context) (all []state.Key, err error) {
	err = k.db.View(ctx, func(tx *state.Tx) (err error) {
		all, err = tx.Keys()
		return err
	})
	return all, err
}

// Revoke ends a key's life.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	var found bool
	err := k.db.Update(ctx, func(tx *state.Tx) (err error) {
		found, err = tx.RevokeKey(id, time.Now())
		return err
	})
	if err == nil && !found {
		return fmt.Errorf("no living key has the id %q: see leadline keys list", id)
	}
	return err
}

// Migrate brings the tables of clickhouse.addrs up to date, or only says what it would do.
func Migrate(ctx context.Context, c Config, plan bool, log *slog.Logger) ([]store.Step, error) {
	if len(c.ClickHouse.Addrs) == 0 {
		return nil, errors.New("migrate: the embedded ClickHouse is brought up to date by serve: set clickhouse.addrs to migrate a server")
	}
	password, err := readSecret(c.ClickHouse.PasswordFile)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, c.ClickHouse.store(password, log))
	if err != nil {
		return nil, err
	}
	defer db.Close() //nolint:errcheck // nothing is under way
	if plan {
		return db.Plan(ctx)
	}
	return db.Migrate(ctx)
}

// NewKey makes an API key in a running Leadline.
func (a *App) NewKey(ctx context.Context, partner, note string, scopes []string) (leadline.APIKey, string, error) {
	return (&Keys{a.state}).New(ctx, partner, note, scopes)
}

// Incidents are all incidents, newest first.
func (a *App) Incidents(ctx context.Context) (all []leadline.Incident, err error) {
	err = a.state.View(ctx, func(tx *state.Tx) (err error) {
		all, err = tx.Incidents(state.IncidentFilter{})
		return err
	})
	return all, err
}

// Backlog is how many acknowledged events ClickHouse does not have yet.
func (a *App) Backlog() int64 {
	s := a.pipeline.Stats()
	return max(0, s.Accepted-s.Stored)
}

// Select reads ClickHouse.
func (a *App) Select(ctx context.Context, q leadline.Query) (*leadline.Table, error) {
	return a.store.Select(ctx, q)
}
