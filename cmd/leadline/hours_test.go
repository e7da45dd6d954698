//go:build linux

package main

import (
	"net/http"
	"testing"
)

// What ended while Leadline was away is summed up at its next start.
func TestHoursOfBefore(t *testing.T) {
	t.Parallel()
	h := settle(t)
	h.start(t)
	const ago = "INSERT INTO latency_1m (minute, day, stage, partner, events) SELECT now('UTC') - INTERVAL number HOUR, today(), 'e2e', 'acme', 7 FROM numbers(2, 2)"
	if status, answer, err := h.ask(t.Context(), "leadline", h.secret(t, "clickhouse.writer"), ago); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s %v", status, answer, err)
	}
	if code, _ := h.stop(t); code != 0 {
		t.Fatalf("exit code %d\n%s", code, h.log(t))
	}
	h.start(t)
	eventually(t, "two hours are summed up", func() bool { return h.sql(t, "SELECT count(), sum(events) FROM latency_1h") == "2\t14" })
}
