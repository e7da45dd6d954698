//go:build linux

package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serveTest answers with h and returns where.
func serveTest(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func TestASlowAnswerHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	const requests = 100
	var seen atomic.Int64
	others := make(chan struct{})
	addr := serveTest(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch seen.Add(1) {
		case 1:
			<-others // the first request is answered when all others are
		case requests:
			close(others)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	l := load{Addr: addr, Shape: leadlineShape("key", 1), Conns: 2, Events: 1, Rate: 1000, For: requests * time.Millisecond, Keep: true}
	r, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all := r.total(); all.Acked != requests || all.Unsent+all.Failed+all.Refused != 0 || len(r.Ids) != requests {
		t.Errorf("%d acknowledged, %d unsent, %d failed, %d refused, %d ids", all.Acked, all.Unsent, all.Failed, all.Refused, len(r.Ids))
	}
}

func TestWhatWaitsForAConnectionCounts(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	addr := serveTest(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-over
		w.WriteHeader(http.StatusAccepted)
	})
	const spell = 100 * time.Millisecond
	time.AfterFunc(2*spell, func() { close(over) })
	l := load{Addr: addr, Shape: leadlineShape("key", 1), Conns: 1, Events: 1, Rate: 1000, For: spell, Cuts: []time.Duration{spell / 2}}
	r, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all := r.total(); all.Acked != 1 || all.Unsent != 99 || all.Latency.n != 100 {
		t.Errorf("%d acknowledged, %d unsent, %d latencies", all.Acked, all.Unsent, all.Latency.n)
	}
	if r.Parts[0].Unsent != 49 || r.Parts[1].Unsent != 50 {
		t.Errorf("unsent %d before the cut and %d after", r.Parts[0].Unsent, r.Parts[1].Unsent)
	}
}

func TestRefusalsAndFailuresAreApart(t *testing.T) {
	t.Parallel()
	statuses := []int{http.StatusAccepted, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusBadRequest, http.StatusOK}
	var n atomic.Int64
	addr := serveTest(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if i := n.Add(1) - 1; i < int64(len(statuses)) {
			w.WriteHeader(statuses[i])
			return
		}
		panic(http.ErrAbortHandler) // no answer at all
	})
	l := load{Addr: addr, Shape: leadlineShape("key", 3), Conns: 1, Events: 3, Rate: 100, For: 100 * time.Millisecond}
	r, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all := r.total(); all.Acked != 2 || all.Refused != 2 || all.Failed != 6 || all.Unsent != 0 {
		t.Errorf("%+v", []int64{all.Acked, all.Refused, all.Failed, all.Unsent})
	}
	if r.Statuses[http.StatusTooManyRequests] != 1 || r.Err == nil {
		t.Errorf("statuses %v, error %v", r.Statuses, r.Err)
	}
}
