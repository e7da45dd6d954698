package app

import (
	"context"
	"crypto/rand"
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

// Welcome is what the first start says once. Its fields are empty at every later start.
type Welcome struct {
	APIKey          string
	AnalystPassword string
}

// FirstPartner owns the API key of the first start.
const FirstPartner = "default"

// loadSecrets reads what the first start made, or is that first start.
func loadSecrets(ctx context.Context, db *state.DB, now time.Time) (s secrets, w Welcome, err error) {
	err = db.Update(ctx, func(tx *state.Tx) error {
		_, known, err := tx.Setting("clickhouse.analyst")
		if err != nil {
			return err
		}
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
		if known {
			return nil
		}
		key, text := leadline.NewAPIKey(FirstPartner, "made at the first start", []string{leadline.ScopeEventsWrite}, now)
		w = Welcome{APIKey: text, AnalystPassword: s.Analyst}
		return tx.AddKey(key)
	})
	if err != nil {
		return s, Welcome{}, fmt.Errorf("secrets: %w", err)
	}
	return s, w, nil
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
