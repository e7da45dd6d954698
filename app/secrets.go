package app

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"leadline"
	"leadline/state"
)

// secrets are made at the first start and kept in state.db, which only its owner can read.
type secrets struct {
	Writer  string // password of ClickHouse's user leadline
	Analyst string // of its user analyst
	Pepper  []byte // keys lead_key
	Buttons []byte // signs the buttons of messages
}

// loadSecrets reads the secrets and makes those that are missing.
func loadSecrets(ctx context.Context, db *state.DB) (s secrets, err error) {
	err = db.Update(ctx, func(tx *state.Tx) error {
		for name, value := range map[string]*string{"clickhouse.writer": &s.Writer, "clickhouse.analyst": &s.Analyst} {
			secret, err := setting(tx, name, func() []byte { return []byte(rand.Text()) })
			if err != nil {
				return err
			}
			*value = string(secret)
		}
		for name, value := range map[string]*[]byte{"ingest.pepper": &s.Pepper, "telegram.buttons": &s.Buttons} {
			if *value, err = setting(tx, name, random32); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("secrets: %w", err)
	}
	return s, nil
}

// Welcome is what the first start says once. Its fields are empty at every later start.
type Welcome struct {
	APIKey          string
	AnalystPassword string // "" where ClickHouse is not ours
}

// FirstPartner owns the API key of the first start.
const FirstPartner = "default"

// welcome is asked at the end of a start, so that one that fails does not use it up.
func welcome(ctx context.Context, db *state.DB, analyst string, now time.Time) (w Welcome, err error) {
	const said = "welcome.said"
	err = db.Update(ctx, func(tx *state.Tx) error {
		if _, known, err := tx.Setting(said); err != nil || known {
			return err
		}
		key, text := leadline.NewAPIKey(FirstPartner, "made at the first start", []string{leadline.ScopeEventsWrite, leadline.ScopeEventsRead, leadline.ScopeRulesRead}, now)
		w = Welcome{APIKey: text, AnalystPassword: analyst}
		return errors.Join(tx.AddKey(key), tx.PutSetting(said, []byte("1")))
	})
	if err != nil {
		return Welcome{}, fmt.Errorf("welcome: %w", err)
	}
	return w, nil
}

// setting reads a secret and makes it where it is missing.
func setting(tx *state.Tx, name string, fresh func() []byte) ([]byte, error) {
	value, ok, err := tx.Setting(name)
	if err != nil || ok {
		return value, err
	}
	value = fresh()
	return value, tx.PutSetting(name, value)
}

func random32() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}
