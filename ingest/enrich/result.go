package enrich

import (
	"net/netip"
	"time"

	"leadline"
)

// Result is the answer for one address of a batch.
type Result struct {
	Country string        // ISO 3166-1 alpha-2, "" where not known
	Wait    time.Duration // from the start of the batch until work on this address began
	Status  leadline.Status
}

// public reports whether an address can have a country at all.
func public(a netip.Addr) bool {
	return a.IsGlobalUnicast() && !a.IsPrivate()
}

// isCountry reports whether s looks like an ISO 3166-1 alpha-2 code.
func isCountry[T string | []byte](s T) bool {
	return len(s) == 2 && 'A' <= s[0] && s[0] <= 'Z' && 'A' <= s[1] && s[1] <= 'Z'
}
