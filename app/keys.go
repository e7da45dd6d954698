package app

import (
	"context"
	"errors"
	"sync"
	"time"

	"leadline"
	"leadline/state"
)

// keyring answers from memory which key an id names. A revoked key dies within keyringAge, a new one lives within
// keyringMiss, and unknown ids cost at most one read of the file in that time. It also notes the day of each key's
// last use: one write a key and day.
type keyring struct {
	db *state.DB

	mu     sync.RWMutex
	loaded time.Time
	keys   map[string]leadline.APIKey
	used   map[string]int64     // by id, the day of its last use since 1970
	unsaid map[string]time.Time // by id, uses that the file does not know yet
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

// Used notes a key's use, for the file when it is read next: no request waits for a day's first write.
func (k *keyring) Used(id string, at time.Time) {
	k.mu.RLock()
	noted := k.used[id] >= dayOf(at)
	k.mu.RUnlock()
	if noted {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if key, known := k.keys[id]; known && k.used[id] < dayOf(at) {
		if k.unsaid == nil {
			k.unsaid = map[string]time.Time{}
		}
		k.used[key.ID], k.unsaid[key.ID] = dayOf(at), at // id is the request's own memory
	}
}

// Flush writes the uses that the file does not know yet, for the end of a run.
func (k *keyring) Flush(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.flush(ctx)
}

func (k *keyring) flush(ctx context.Context) error {
	if len(k.unsaid) == 0 {
		return nil
	}
	err := k.db.Update(ctx, func(tx *state.Tx) error {
		var errs []error
		for id, day := range k.unsaid {
			errs = append(errs, tx.UsedKey(id, day))
		}
		return errors.Join(errs...)
	})
	if err == nil {
		k.unsaid = nil
	}
	return err
}

func (k *keyring) load(ctx context.Context) error {
	// Who uses a key matters less than that it works: a file that can only be read still opens the door.
	unwritten := k.flush(ctx)
	all, err := (&Keys{k.db}).List(ctx)
	if err != nil {
		return errors.Join(err, unwritten)
	}
	k.keys = make(map[string]leadline.APIKey, len(all))
	k.used = make(map[string]int64, len(all))
	for _, key := range all {
		k.keys[key.ID] = key.APIKey
		if day, err := time.Parse(time.DateOnly, key.LastUsed); err == nil {
			k.used[key.ID] = dayOf(day)
		}
	}
	k.loaded = time.Now()
	return nil
}

func dayOf(t time.Time) int64 { return t.Unix() / 86_400 }
