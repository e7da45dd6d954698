package enrich

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leadline"
)

// service is a GeoIP service without a network: a round tripper that answers after a while.
type service struct {
	delay  atomic.Int64 // of each call
	status atomic.Int64 // default 200
	body   string       // default {"country_code":"DE"}
	calls  atomic.Int64
	busy   atomic.Int64
	most   atomic.Int64 // calls at the same time
	mu     sync.Mutex
	asked  []string
}

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.calls.Add(1)
	busy := s.busy.Add(1)
	defer s.busy.Add(-1)
	for most := s.most.Load(); busy > most && !s.most.CompareAndSwap(most, busy); most = s.most.Load() {
	}
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.String())
	s.mu.Unlock()
	timer := time.NewTimer(time.Duration(s.delay.Load()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	status, body := int(s.status.Load()), s.body
	if status == 0 {
		status = http.StatusOK
	}
	if body == "" {
		body = `{"ip":"…","country_code":"DE","asn":3320}`
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

func client(tb testing.TB, s *service, opts HTTPOptions) *HTTP {
	tb.Helper()
	opts.URL, opts.Transport = "http://geo.example/v1?key=k", s
	h, err := NewHTTP(opts)
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func addrs(n int) []netip.Addr {
	out := make([]netip.Addr, n)
	for i := range out {
		out[i] = netip.AddrFrom4([4]byte{9, byte(i >> 16), byte(i >> 8), byte(i)})
	}
	return out
}

func batch(h *HTTP, in []netip.Addr) []Result {
	results := make([]Result, len(in))
	h.Countries(context.Background(), in, results)
	return results
}

func TestHTTPAsksOnceForEachAddress(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.delay.Store(int64(40 * time.Millisecond))
		h := client(t, s, HTTPOptions{})
		in := []netip.Addr{
			netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("::ffff:9.9.9.9"), {}, netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("9.9.9.9"),
		}
		asked := Result{Country: "DE", Status: leadline.StatusOK}
		none := Result{Status: leadline.StatusOK}
		for i, got := range batch(h, in) {
			want := asked
			if i == 2 || i == 3 {
				want = none
			}
			if got != want {
				t.Errorf("address %d: got %+v, want %+v", i, got, want)
			}
		}
		for i, got := range batch(h, in[:1]) {
			if want := (Result{Country: "DE", Status: leadline.StatusOK}); got != want {
				t.Errorf("known address %d: got %+v, want %+v", i, got, want)
			}
		}
		if len(s.asked) != 1 || s.asked[0] != "http://geo.example/v1?ip=9.9.9.9&key=k" {
			t.Errorf("asked %q", s.asked)
		}
	})
}

// 10 addresses, 4 slots, 100 ms a call: the time for a free slot is wait, the call itself is not.
func TestHTTPWaitIsTheTimeForASlot(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.delay.Store(int64(100 * time.Millisecond))
		h := client(t, s, HTTPOptions{Concurrency: 4})
		start := time.Now()
		waits := map[time.Duration]int{}
		for _, r := range batch(h, addrs(10)) {
			if r.Status != leadline.StatusOK {
				t.Errorf("got %+v", r)
			}
			waits[r.Wait]++
		}
		if waits[0] != 4 || waits[100*time.Millisecond] != 4 || waits[200*time.Millisecond] != 2 {
			t.Errorf("waits %v, want 4 × 0, 4 × 100 ms, 2 × 200 ms", waits)
		}
		if took := time.Since(start); took != 300*time.Millisecond || s.most.Load() != 4 {
			t.Errorf("took %v with %d calls at the same time", took, s.most.Load())
		}
	})
}

func TestHTTPTwoBatchesShareACall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.delay.Store(int64(100 * time.Millisecond))
		h := client(t, s, HTTPOptions{})
		var first []Result
		var wg sync.WaitGroup
		wg.Go(func() { first = batch(h, addrs(1)) })
		<-time.After(30 * time.Millisecond)
		began := time.Now()
		second := batch(h, addrs(1))
		took := time.Since(began)
		wg.Wait()
		if s.calls.Load() != 1 || first[0].Wait != 0 || took != 70*time.Millisecond || second[0].Wait != 0 {
			t.Errorf("%d calls, first %+v, second %+v after %v", s.calls.Load(), first[0], second[0], took)
		}
	})
}

func TestHTTPMarksWhatFails(t *testing.T) {
	t.Parallel()
	f := func(status int, body string, country string, want leadline.Status) {
		t.Helper()
		s := &service{body: body}
		s.status.Store(int64(status))
		got := batch(client(t, s, HTTPOptions{}), addrs(1))[0]
		if got.Country != country || got.Status != want {
			t.Errorf("%d %s: got %q %s, want %q %s", status, body, got.Country, got.Status, country, want)
		}
	}
	f(200, `{"country_code":"de"}`, "DE", leadline.StatusOK)
	f(200, `{"country_code":""}`, "", leadline.StatusOK)
	f(200, `{"country_code":null}`, "", leadline.StatusOK)
	f(200, `{}`, "", leadline.StatusOK)
	f(200, `{"country_code":"Germany"}`, "", leadline.StatusError)
	f(200, `{"country_code":7}`, "", leadline.StatusError)
	f(200, `<html>`, "", leadline.StatusError)
	f(200, `{"pad":"`+strings.Repeat("x", maxAnswer)+`","country_code":"DE"}`, "", leadline.StatusError)
	f(302, `{"country_code":"DE"}`, "", leadline.StatusError)
	f(404, `{"country_code":"DE"}`, "", leadline.StatusError)
	f(500, ``, "", leadline.StatusError)
}

// A service that hangs costs the batch a few timeouts, then nothing until it is tried again.
func TestHTTPBreakerEndsASlowService(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.delay.Store(int64(time.Hour))
		h := client(t, s, HTTPOptions{Timeout: 200 * time.Millisecond, Concurrency: 10, Breaker: BreakerOptions{OpenFor: 5 * time.Second}})
		start := time.Now()
		count := map[leadline.Status]int{}
		for _, r := range batch(h, addrs(1000)) {
			count[r.Status]++
		}
		// Nine may have begun a second round while the twentieth call was reported.
		if took := time.Since(start); took > 600*time.Millisecond || count[leadline.StatusTimeout] > 30 || h.State() != BreakerOpen {
			t.Errorf("1000 addresses took %v: %v, breaker %s", took, count, h.State())
		}
		calls := s.calls.Load()
		<-time.After(4 * time.Second)
		if r := batch(h, addrs(1))[0]; r != (Result{Status: leadline.StatusSkipped}) || s.calls.Load() != calls {
			t.Errorf("behind the open breaker: %+v, %d calls", r, s.calls.Load()-calls)
		}
		s.delay.Store(int64(time.Millisecond))
		<-time.After(time.Second)
		for _, r := range batch(h, addrs(5)) {
			if r.Status != leadline.StatusOK {
				t.Errorf("probe: %+v", r)
			}
		}
		if h.State() != BreakerClosed {
			t.Errorf("breaker %s after good probes", h.State())
		}
	})
}

func TestHTTPSlowCallsOpenTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.delay.Store(int64(250 * time.Millisecond))
		h := client(t, s, HTTPOptions{Timeout: time.Second, Concurrency: 1, Breaker: BreakerOptions{Slow: 250 * time.Millisecond}})
		count := map[leadline.Status]int{}
		for _, r := range batch(h, addrs(50)) {
			count[r.Status]++
		}
		if count[leadline.StatusOK] != 20 || count[leadline.StatusSkipped] != 30 {
			t.Errorf("got %v, want 20 slow answers and 30 skipped", count)
		}
	})
}

func TestHTTPStopsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &service{}
		s.delay.Store(int64(200 * time.Millisecond))
		h := client(t, s, HTTPOptions{Concurrency: 2})
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		results := make([]Result, 100)
		h.Countries(ctx, addrs(100), results)
		if took := time.Since(start); took != 50*time.Millisecond {
			t.Errorf("ended after %v", took)
		}
		for i, r := range results {
			if r.Status != leadline.StatusSkipped {
				t.Fatalf("address %d: %+v", i, r)
			}
		}
		if h.State() != BreakerClosed || h.breaker.calls != 0 {
			t.Error("our own end counts against the service")
		}
	})
}

func TestHTTPOverTheWire(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("ip") == "9.0.0.1" {
			<-r.Context().Done() // hangs until the client gives up
			return
		}
		fmt.Fprint(w, `{"country_code":"FR"}`)
	}))
	defer server.Close()
	h, err := NewHTTP(HTTPOptions{URL: server.URL, Timeout: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	got := batch(h, addrs(2))
	if got[0].Country != "FR" || got[0].Status != leadline.StatusOK || got[1].Status != leadline.StatusTimeout {
		t.Errorf("got %+v", got)
	}
	server.Close()
	if got := batch(h, addrs(3))[2]; got.Status != leadline.StatusError {
		t.Errorf("service away: got %+v", got)
	}
}

func TestHTTPRefusesBadURLs(t *testing.T) {
	t.Parallel()
	f := func(url string) {
		t.Helper()
		if _, err := NewHTTP(HTTPOptions{URL: url}); err == nil {
			t.Errorf("%q was taken", url)
		}
	}
	f("")
	f("geo.example")
	f("file:///etc/passwd")
	f("http://")
	f("http://[::1")
}

func TestCache(t *testing.T) {
	t.Parallel()
	c, now, a := newCache(3, time.Minute), time.Unix(0, 0), addrs(5)
	f := func(addr int, after time.Duration, want string) {
		t.Helper()
		got, ok := c.get(a[addr], now.Add(after))
		if got != want || ok != (want != "") {
			t.Errorf("address %d: got %q %v, want %q", addr, got, ok, want)
		}
	}
	c.put(a[0], "A", now)
	c.put(a[1], "B", now)
	c.put(a[2], "C", now)
	f(0, 0, "A")
	c.put(a[3], "D", now) // pushes out 1, unused for the longest
	f(1, 0, "")
	f(0, 0, "A")
	f(2, time.Minute-1, "C")
	f(2, time.Minute, "") // too old
	c.put(a[2], "C2", now.Add(time.Minute))
	c.put(a[3], "D2", now.Add(time.Minute)) // again
	f(2, time.Minute, "C2")
	f(3, time.Minute, "D2")
	if len(c.known) != 3 {
		t.Errorf("holds %d answers", len(c.known))
	}
}
