package enrich

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"leadline"
)

// maxAnswer bounds what is read of an answer: {"country_code":"DE"} and what the service may add to it.
const maxAnswer = 64 << 10

// HTTPOptions describe a GeoIP service. Only URL is required; a zero field takes its default.
type HTTPOptions struct {
	URL         string        // asked as GET URL?ip=203.0.113.9, answers {"country_code":"DE"}
	Timeout     time.Duration // of one call, from the connection to the last byte; default 300 ms
	CacheSize   int           // addresses; default 65,536, which is about 10 MB
	CacheTTL    time.Duration // default 1 h
	Concurrency int           // calls at the same time; default 32
	Breaker     BreakerOptions
	Transport   http.RoundTripper // default: one of its own, with Concurrency idle connections
	Log         *slog.Logger      // hears when the breaker opens and closes; default: nobody
}

// HTTP asks a GeoIP service for countries. It is safe for concurrent use.
type HTTP struct {
	url     *url.URL
	timeout time.Duration
	client  *http.Client
	log     *slog.Logger
	slots   chan struct{} // one token a running call

	mu       sync.Mutex
	cache    *cache
	breaker  *breaker
	inFlight map[netip.Addr]*call
}

// call is one question on its way; everybody who wants the same address waits for the same call.
type call struct {
	addr           netip.Addr
	done           chan struct{}
	started, ended time.Time
	country        string
	status         leadline.Status
}

// NewHTTP checks the options. It does not try the service, which may be away when Leadline starts.
func NewHTTP(opts HTTPOptions) (*HTTP, error) {
	u, err := url.Parse(opts.URL)
	if err != nil {
		return nil, fmt.Errorf("geoip url: %w", err)
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return nil, fmt.Errorf("geoip url %q: use http://host/path or https://host/path", opts.URL)
	}
	if opts.Timeout <= 0 {
		opts.Timeout = 300 * time.Millisecond
	}
	if opts.CacheSize <= 0 {
		opts.CacheSize = 1 << 16
	}
	if opts.CacheTTL <= 0 {
		opts.CacheTTL = time.Hour
	}
	if opts.Concurrency <= 0 {
		opts.Concurrency = 32
	}
	if opts.Transport == nil {
		opts.Transport = &http.Transport{
			MaxIdleConnsPerHost: opts.Concurrency,
			IdleConnTimeout:     90 * time.Second,
			Proxy:               http.ProxyFromEnvironment,
		}
	}
	if opts.Log == nil {
		opts.Log = slog.New(slog.DiscardHandler)
	}
	return &HTTP{
		url:     u,
		log:     opts.Log,
		timeout: opts.Timeout,
		// A redirect would send addresses to somebody who was not named.
		client:   &http.Client{Transport: opts.Transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		slots:    make(chan struct{}, opts.Concurrency),
		cache:    newCache(opts.CacheSize, opts.CacheTTL),
		breaker:  newBreaker(opts.Breaker.withDefaults(opts.Timeout)),
		inFlight: map[netip.Addr]*call{},
	}, nil
}

// Close closes the connections that are idle.
func (h *HTTP) Close() { h.client.CloseIdleConnections() }

// State says whether calls are made at present.
func (h *HTTP) State() BreakerState {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.breaker.state
}

// Waits is true: each answer takes a round trip, and many are under way at once.
func (h *HTTP) Waits() bool { return true }

// Countries looks up addrs and writes the answer for addrs[i] into results[i]. Each distinct address that is not known
// is asked for once, up to Concurrency at a time; it returns when all have an answer, a timeout or a refusal by the
// breaker. When ctx ends, calls on their way are abandoned and the rest is marked as skipped.
//
// An address that cannot have a country (none, private, loopback) is not asked for and is ok.
func (h *HTTP) Countries(ctx context.Context, addrs []netip.Addr, results []Result) {
	start := time.Now()
	waiting := make([]*call, len(addrs)) // nil: answered already
	var fresh []*call
	h.mu.Lock()
	for i, a := range addrs {
		a = a.Unmap().WithZone("")
		if !public(a) {
			results[i] = Result{Status: leadline.StatusOK}
			continue
		}
		if country, ok := h.cache.get(a, start); ok {
			results[i] = Result{Country: country, Status: leadline.StatusOK}
			continue
		}
		c, ok := h.inFlight[a]
		if !ok {
			c = &call{addr: a, done: make(chan struct{})}
			h.inFlight[a] = c
			fresh = append(fresh, c)
		}
		waiting[i] = c
	}
	h.mu.Unlock()

	h.run(ctx, fresh)
	for i, c := range waiting {
		if c == nil {
			continue
		}
		<-c.done // ours is done; another batch's ends with its own timeout
		// A call of another batch may have begun before this batch did.
		results[i] = Result{Country: c.country, Wait: max(0, c.started.Sub(start)), Status: c.status}
	}
}

// run makes the calls and returns when all have ended.
func (h *HTTP) run(ctx context.Context, calls []*call) {
	next := make(chan *call)
	var workers sync.WaitGroup
	for range min(len(calls), cap(h.slots)) {
		workers.Go(func() {
			for c := range next {
				h.do(ctx, c)
			}
		})
	}
	for _, c := range calls {
		next <- c
	}
	close(next)
	workers.Wait()
}

// do makes one call, when there is a slot and the breaker allows it.
func (h *HTTP) do(ctx context.Context, c *call) {
	h.slots <- struct{}{}
	defer func() { <-h.slots }()

	h.mu.Lock()
	c.started = time.Now()
	term, allowed := h.breaker.allow(c.started)
	h.mu.Unlock()

	c.status, c.ended = leadline.StatusSkipped, c.started
	var err error
	if allowed {
		c.country, err = h.get(ctx, c.addr)
		c.status, c.ended = statusOf(ctx, err), time.Now()
	}

	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case !allowed:
	case c.status == leadline.StatusSkipped:
		h.breaker.forget(term)
	default:
		h.report(c, term, err)
	}
	if c.status == leadline.StatusOK {
		h.cache.put(c.addr, c.country, c.ended)
	}
	delete(h.inFlight, c.addr)
	close(c.done)
}

// report tells the breaker how a call ended, and the log when that changed something.
func (h *HTTP) report(c *call, term uint64, err error) {
	before := h.breaker.state
	h.breaker.report(c.ended, term, c.ended.Sub(c.started), err != nil)
	switch after := h.breaker.state; after {
	case before:
	case BreakerOpen:
		h.log.Warn("geoip service is failing or slow, events go on without a country", "state", after,
			"try_again_after", h.breaker.opts.OpenFor, "last_call", c.ended.Sub(c.started), "error", err)
	default:
		h.log.Info("geoip service is back", "state", after)
	}
}

// statusOf tells a timeout and an error of the other side from our own end.
func statusOf(ctx context.Context, err error) leadline.Status {
	var timeout net.Error
	switch {
	case err == nil:
		return leadline.StatusOK
	case ctx.Err() != nil:
		return leadline.StatusSkipped
	case errors.As(err, &timeout) && timeout.Timeout():
		return leadline.StatusTimeout
	default:
		return leadline.StatusError
	}
}

func (h *HTTP) get(ctx context.Context, a netip.Addr) (country string, err error) {
	ctx, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	u := *h.url
	q := u.Query()
	q.Set("ip", a.String())
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := h.client.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", resp.StatusCode)
	}
	var found struct {
		CountryCode *string `json:"country_code"` // null or "" where not known
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return "", fmt.Errorf("answer: %w", err)
	}
	if found.CountryCode == nil || *found.CountryCode == "" {
		return "", nil
	}
	code := strings.ToUpper(*found.CountryCode)
	if !isCountry(code) {
		return "", fmt.Errorf("country_code %.8q is not an ISO 3166-1 code of two letters", code)
	}
	return code, nil
}
