// Package enrich adds to events what Leadline must ask elsewhere for: the country of an address.
//
//	ingest (drain) → enrich.MMDB   a country database in memory: 20 ns, never waits
//	               → enrich.HTTP   somebody else's service: timeout, cache, bounded concurrency, circuit breaker
//
// Both take a whole batch of addresses and answer for each one with its own wait, duration and status. An answer that
// does not come is marked and the event goes on without a country: a slow third party costs a batch at most a few
// timeouts, then the circuit breaker answers in its place.
package enrich
