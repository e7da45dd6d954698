package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
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

// maxLivingKeys of a partner: one in use, one that replaces it.
const maxLivingKeys = 2

// New makes a key and returns its text, which is not kept. A partner has at most two living keys.
func (k *Keys) New(ctx context.Context, partner, note string, scopes []string) (key leadline.APIKey, text string, err error) {
	now := time.Now()
	key, text = leadline.NewAPIKey(partner, note, scopes, now)
	err = k.db.Update(ctx, func(tx *state.Tx) error {
		living, err := livingKeys(tx, partner, now)
		if err != nil {
			return err
		}
		if len(living) >= maxLivingKeys {
			return tooManyKeys(partner, living)
		}
		return tx.AddKey(key)
	})
	return key, text, err
}

// Rotate makes a key with the scopes of a partner's only living one, which ends after the grace.
func (k *Keys) Rotate(ctx context.Context, partner string, grace time.Duration) (key, old leadline.APIKey, text string, err error) {
	now := time.Now()
	err = k.db.Update(ctx, func(tx *state.Tx) error {
		living, err := livingKeys(tx, partner, now)
		switch {
		case err != nil:
			return err
		case len(living) == 0:
			return fmt.Errorf("partner %q has no living key: make one with leadline keys create %s", partner, partner)
		case len(living) >= maxLivingKeys:
			return tooManyKeys(partner, living)
		}
		old = living[0]
		key, text = leadline.NewAPIKey(partner, old.Note, old.Scopes, now)
		if old.RevokedAt.IsZero() || old.RevokedAt.After(now.Add(grace)) {
			old.RevokedAt = now.Add(grace)
		}
		if _, err := tx.RevokeKey(old.ID, old.RevokedAt); err != nil {
			return err
		}
		return tx.AddKey(key)
	})
	return key, old, text, err
}

func livingKeys(tx *state.Tx, partner string, now time.Time) (living []leadline.APIKey, err error) {
	all, err := tx.Keys()
	for _, key := range all {
		if key.Partner == partner && key.Lives(now) {
			living = append(living, key.APIKey)
		}
	}
	return living, err
}

func tooManyKeys(partner string, living []leadline.APIKey) error {
	var ids []string
	for _, key := range living {
		id := key.ID
		if !key.RevokedAt.IsZero() {
			id += ", which ends " + key.RevokedAt.UTC().Format(time.RFC3339)
		}
		ids = append(ids, id)
	}
	return fmt.Errorf("partner %q has %d living keys already (%s): wait until one ends, or end one with leadline keys revoke ID", partner, len(living), strings.Join(ids, "; "))
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
