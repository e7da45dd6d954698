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
	another := make(chan struct{})
	addr := serveTest(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		switch seen.Add(1) {
		case 1: // it is answered when another one has come
			select {
			case <-another:
			case <-r.Context().Done():
			}
		case 2:
			close(another)
		}
		w.WriteHeader(http.StatusAccepted)
	})
	l := load{Addr: addr, Shape: leadlineShape("key", 1), Conns: 2, Events: 1, Rate: requests, For: time.Second, Keep: true}
	r, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all := r.total(); all.Acked < 2 || all.Acked+all.Unsent != requests || all.Failed+all.Refused != 0 || len(r.Ids) != int(all.Acked) {
		t.Errorf("%d acknowledged, %d unsent, %d failed, %d refused, %d ids", all.Acked, all.Unsent, all.Failed, all.Refused, len(r.Ids))
	}
}

func TestWhatWaitsForAConnectionCounts(t *testing.T) {
	t.Parallel()
	const spell = 100 * time.Millisecond
	addr := serveTest(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		<-time.After(2 * spell) // longer than the load: the only connection is busy until its end
		w.WriteHeader(http.StatusAccepted)
	})
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
	l := load{Addr: addr, Shape: leadlineShape("key", 3), Conns: 1, Events: 3, Rate: 10, For: time.Second}
	r, err := l.run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if all := r.total(); all.Acked != 2 || all.Refused != 2 || all.Failed == 0 || all.Failed+all.Unsent != 6 {
		t.Errorf("%+v", []int64{all.Acked, all.Refused, all.Failed, all.Unsent})
	}
	if r.Statuses[http.StatusTooManyRequests] != 1 || r.Err == nil {
		t.Errorf("statuses %v, error %v", r.Statuses, r.Err)
	}
}
