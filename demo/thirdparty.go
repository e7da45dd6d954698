package demo

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"
)

// ThirdParty is somebody else's GeoIP service: GET /v1/country?ip=… answers {"country_code":"DE"} after a while.
type ThirdParty struct {
	slow  atomic.Bool
	calls atomic.Int64
}

// Answer times, uniform. A slow answer stays below the caller's timeout: nothing fails, everything waits, which is the
// fault that no error rate shows.
const (
	fastMin, fastMax = 2 * time.Millisecond, 8 * time.Millisecond
	slowMin, slowMax = 700 * time.Millisecond, 1100 * time.Millisecond
)

// SetSlow starts or ends the fault.
func (t *ThirdParty) SetSlow(slow bool) { t.slow.Store(slow) }

// Calls counts the requests so far.
func (t *ThirdParty) Calls() int64 { return t.calls.Load() }

// ServeHTTP implements http.Handler.
func (t *ThirdParty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	t.calls.Add(1)
	ip, err := netip.ParseAddr(r.URL.Query().Get("ip"))
	if err != nil {
		http.Error(w, `{"error":"ip is not an address"}`, http.StatusBadRequest)
		return
	}
	lo, hi := fastMin, fastMax
	if t.slow.Load() {
		lo, hi = slowMin, slowMax
	}
	if !pause(r.Context(), lo+time.Duration(rand.Int64N(int64(hi-lo)))) {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]string{"country_code": countryOf(ip)}) //nolint:errcheck // the caller is gone
}

var countries = []string{"DE", "BR", "TR", "UA", "ES", "FR", "IN", "ID", "NG", "PL", "GB", "US", "UZ", "KZ"}

// countryOf is the same for one /16, as real allocations roughly are.
func countryOf(ip netip.Addr) string {
	p, err := ip.Prefix(16)
	if err != nil {
		return ""
	}
	h := fnv.New32a()
	h.Write(p.Addr().AsSlice())
	return countries[h.Sum32()%uint32(len(countries))]
}

// pause waits for d and reports whether it did so undisturbed.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
