package app

import (
	"context"
	"sync"
	"time"

	"leadline"
	"leadline/state"
)

// keyring answers from memory which key an id names. A revoked key dies within keyringAge, a new one lives within
// keyringMiss, and unknown ids cost at most one read of the file in that time.
type keyring struct {
	db *state.DB

	mu     sync.RWMutex
	loaded time.Time
	keys   map[string]leadline.APIKey
}

const (
	keyringAge  = 5 * time.Second
	keyringMiss = time.Second
)

// APIKey implements server.Keys.
func (k *keyring) APIKey(ctx context.Context, id string) (leadline.APIKey, bool, error) {
	k.mu.RLock()
	key, known := k.keys[id]
	age := time.Since(k.loaded)
	k.mu.RUnlock()
	if age < keyringMiss || known && age < keyringAge {
		return key, known, nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.loaded) >= keyringMiss {
		if err := k.load(ctx); err != nil {
			return key, false, err
		}
	}
	key, known = k.keys[id]
	return key, known, nil
}

func (k *keyring) load(ctx context.Context) error {
	all, err := (&Keys{k.db}).List(ctx)
	if err != nil {
		return err
	}
	k.keys = make(map[string]leadline.APIKey, len(all))
	for _, key := range all {
		k.keys[key.ID] = key.APIKey
	}
	k.loaded = time.Now()
	return nil
}
