package leadline_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	"leadline"
)

func TestAPIKeyRoundTrip(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	key, text := leadline.NewAPIKey("acme", "first", []string{leadline.ScopeEventsWrite}, now)
	id, hash, err := leadline.ParseAPIKey(text)
	if err != nil || id != key.ID || hash != key.Hash {
		t.Fatalf("ParseAPIKey(NewAPIKey()) = %q, %x, %v; want %q, %x", id, hash, err, key.ID, key.Hash)
	}
	if strings.Contains(text, string(key.Hash[:])) || sha256.Sum256([]byte(text)) == key.Hash {
		t.Error("the stored hash must be of the secret alone")
	}
	if !key.Allows(leadline.ScopeEventsWrite, now) || key.Allows("admin", now) {
		t.Error("a key allows its scopes and no other")
	}
	key.RevokedAt = now.Add(time.Hour)
	if !key.Allows(leadline.ScopeEventsWrite, now) || key.Allows(leadline.ScopeEventsWrite, key.RevokedAt) {
		t.Error("a key lives until it is revoked, and not a moment longer")
	}
}

// A key that was given out must be one for ever.
func TestParseAPIKeyOfOld(t *testing.T) {
	t.Parallel()
	const secret = "abcdefghijklmnopqrstuvwxyzABCDEF"
	id, hash, err := leadline.ParseAPIKey("ll_live_0123abCD_" + secret + "05yoyM")
	if err != nil || id != "0123abCD" || hash != sha256.Sum256([]byte(secret)) {
		t.Errorf("got %q, %x, %v", id, hash, err)
	}
}

func TestParseAPIKeyRefuses(t *testing.T) {
	t.Parallel()
	_, text := leadline.NewAPIKey("acme", "", nil, time.Time{})
	other := "0"
	if strings.HasSuffix(text, other) {
		other = "1"
	}
	f := func(text string) {
		t.Helper()
		if _, _, err := leadline.ParseAPIKey(text); err == nil {
			t.Errorf("accepted %q", text)
		} else if len(text) > 20 && strings.Contains(err.Error(), text[12:20]) {
			t.Errorf("the error quotes the key: %v", err)
		}
	}
	f("")
	f("ll_live_")
	f(text[:len(text)-1])
	f(text + "0")
	f(text[:len(text)-1] + other)                    // mistyped
	f("sk_live_" + text[8:])                         // another vendor's
	f(text[:16] + "-" + text[17:])                   // no separator
	f(strings.Replace(text, text[20:22], "\x00", 1)) // shorter, and no character of ours
}

func TestKeyOfSeparatesPartnerAndID(t *testing.T) {
	t.Parallel()
	if leadline.KeyOf("a", "bc") == leadline.KeyOf("ab", "c") {
		t.Error("partner and id must not run into each other")
	}
	if got := fmt.Sprintf("%x", leadline.KeyOf("acme", "1")); got != "71e54c5547d3bdd4feb69e4898ed054e" {
		t.Errorf("a key is the same in every process and for ever, now it is %s", got)
	}
}
