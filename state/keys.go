package state

import (
	"encoding/json"
	"fmt"
	"time"

	"leadline"
)

// Key is an API key and when it was used last.
type Key struct {
	leadline.APIKey
	LastUsed string // the day in UTC, such as 2026-11-21; "" where never
}

const keyColumns = "id, hash, partner, scopes, note, created_at, revoked_at, last_used_day"

func scanKey(row interface{ Scan(...any) error }) (k Key, err error) {
	var hash []byte
	var scopes string
	var created, revoked int64
	if err := row.Scan(&k.ID, &hash, &k.Partner, &scopes, &k.Note, &created, &revoked, &k.LastUsed); err != nil {
		return k, err
	}
	if copy(k.Hash[:], hash) != len(k.Hash) {
		return k, fmt.Errorf("API key %s: its hash has %d bytes", k.ID, len(hash))
	}
	k.CreatedAt, k.RevokedAt = moment(created), moment(revoked)
	return k, json.Unmarshal([]byte(scopes), &k.Scopes)
}

// Keys are all API keys, revoked ones too, oldest first.
func (t *Tx) Keys() ([]Key, error) {
	return list(t, "API keys", scanKey, "SELECT "+keyColumns+" FROM api_keys ORDER BY created_at, id")
}

// Key finds one by its id.
func (t *Tx) Key(id string) (Key, bool, error) {
	return one(t, "API key", scanKey, "SELECT "+keyColumns+" FROM api_keys WHERE id = ?", id)
}

// AddKey keeps a new key. It fails where there is one of that id.
func (t *Tx) AddKey(k leadline.APIKey) error {
	scopes, err := json.Marshal(k.Scopes)
	if err != nil {
		return fmt.Errorf("state: API key %s: %w", k.ID, err)
	}
	return t.exec("add API key", "INSERT INTO api_keys ("+keyColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, '')",
		k.ID, k.Hash[:], k.Partner, string(scopes), k.Note, micros(k.CreatedAt), micros(k.RevokedAt))
}

// RevokeKey ends a key's life at a time, which may be to come. It reports whether there is a key of that id whose life
// would have been longer.
func (t *Tx) RevokeKey(id string, at time.Time) (bool, error) {
	_, ok, err := one(t, "revoke API key", column[string],
		"UPDATE api_keys SET revoked_at = ?1 WHERE id = ?2 AND (revoked_at = 0 OR revoked_at > ?1) RETURNING id", micros(at), id)
	return ok, err
}

// UsedKey remembers the day of a key's last use.
func (t *Tx) UsedKey(id string, at time.Time) error {
	return t.exec("note API key's use", "UPDATE api_keys SET last_used_day = ? WHERE id = ?", at.UTC().Format(time.DateOnly), id)
}
