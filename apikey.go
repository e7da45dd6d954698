package leadline

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"hash/crc32"
	"slices"
	"strings"
	"time"
)

// APIKey is what is kept of a key: never its secret.
type APIKey struct {
	ID        string // 8 characters, shown in lists and logs
	Hash      [32]byte
	Partner   string
	Scopes    []string
	Note      string
	CreatedAt time.Time
	RevokedAt time.Time // zero while it lives
}

// Scopes of a key.
const (
	ScopeEventsWrite = "events:write" // post events, and have them checked
	ScopeEventsRead  = "events:read"  // ask where an event is, and for the limits
	ScopeLeadsErase  = "leads:erase"  // have all that is known of a lead deleted
	ScopeRulesRead   = "rules:read"   // see all rules and objectives, whichever partner's
)

// Scopes are all there are.
var Scopes = []string{ScopeEventsWrite, ScopeEventsRead, ScopeLeadsErase, ScopeRulesRead}

// Lives reports whether the key is not revoked at a time.
func (k *APIKey) Lives(at time.Time) bool { return k.RevokedAt.IsZero() || at.Before(k.RevokedAt) }

// Allows reports whether the key lives at a time and has the scope.
func (k *APIKey) Allows(scope string, at time.Time) bool {
	return k.Lives(at) && slices.Contains(k.Scopes, scope)
}

// A key's text is ll_live_<id>_<secret><check>: 8, 32 and 6 base-62 characters. The check lets a scanner or a server
// refuse a mistyped key without looking anything up.
const (
	keyPrefix    = "ll_live_"
	keyID        = 8
	keySecret    = 32
	keyCheck     = 6
	base62       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	keyTextBytes = len(keyPrefix) + keyID + 1 + keySecret + keyCheck
)

// ErrAPIKey says that a text is no API key. It never quotes the text.
var ErrAPIKey = errors.New("not an API key: want ll_live_ followed by 47 characters")

// NewAPIKey makes a key for a partner. The text is shown once and not kept; 32 characters of base 62 are 190 bits, so
// a plain hash of it is enough.
func NewAPIKey(partner, note string, scopes []string, now time.Time) (key APIKey, text string) {
	id, secret := randomBase62(keyID), randomBase62(keySecret)
	key = APIKey{ID: id, Hash: sha256.Sum256([]byte(secret)), Partner: partner, Scopes: scopes, Note: note, CreatedAt: now.UTC()}
	return key, keyPrefix + id + "_" + secret + check62(id, secret)
}

// ParseAPIKey splits a key's text into its id and the hash of its secret.
func ParseAPIKey(text string) (id string, hash [32]byte, err error) {
	rest, ok := strings.CutPrefix(text, keyPrefix)
	if !ok || len(text) != keyTextBytes || rest[keyID] != '_' {
		return "", hash, ErrAPIKey
	}
	id, secret, check := rest[:keyID], rest[keyID+1:keyID+1+keySecret], rest[keyID+1+keySecret:]
	if check62(id, secret) != check {
		return "", hash, ErrAPIKey
	}
	return id, sha256.Sum256([]byte(secret)), nil
}

func randomBase62(n int) string {
	b := make([]byte, n)
	for i := 0; i < n; {
		var r [64]byte
		rand.Read(r[:])
		for _, c := range r {
			if c < 248 && i < n { // 248 = 4 × 62: no character is likelier than another
				b[i] = base62[c%62]
				i++
			}
		}
	}
	return string(b)
}

// check62 is the CRC-32 of both. It goes byte by byte: crc32.Update would have them copied to the heap.
func check62(id, secret string) string {
	sum := ^uint32(0)
	for _, s := range [2]string{id, secret} {
		for i := range len(s) {
			sum = crc32.IEEETable[byte(sum)^s[i]] ^ sum>>8
		}
	}
	sum = ^sum
	var b [keyCheck]byte
	for i := keyCheck - 1; i >= 0; i-- {
		b[i] = base62[sum%62]
		sum /= 62
	}
	return string(b[:])
}
