package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Partner is one sender of the rush.
type Partner struct {
	Name     string
	Bot      string
	Campaign string
	Share    float64 // of the whole rate
}

// Partners is the network of the demo: one partner brings almost half of the rush, as in life.
var Partners = []Partner{
	{"acme", "acme_leads_bot", "spring-sale", 0.45},
	{"globex", "globex_promo_bot", "spring-sale", 0.25},
	{"initech", "initech_bot", "spring-sale", 0.15},
	{"umbra", "umbra_club_bot", "newcomers", 0.10},
	{"hooli", "hooli_news_bot", "newcomers", 0.05},
}

// Bots post events for every partner until their context ends, and repeat what was not acknowledged.
type Bots struct {
	URL    string            // of POST /v1/events
	Keys   map[string]string // API key by partner
	Rate   float64           // events a second, all partners together
	Client *http.Client

	Sent    atomic.Int64 // events whose first post was made
	Acked   atomic.Int64 // events answered ok, warning or duplicate
	Repeats atomic.Int64 // events posted once more although acknowledged, as careless senders do
	Retries atomic.Int64 // posts repeated because they were not acknowledged
	Refused atomic.Int64 // events that Leadline dropped: none is expected
}

// The rush starts calm and is at its full rate after ramp.
const ramp = 10 * time.Second

// senders is the number of connections of one partner: together they bound what is in flight.
const senders = 8

// Run posts until ctx ends, then lets the posts in flight end, for at most 10 s.
func (b *Bots) Run(ctx context.Context) {
	start := time.Now()
	var all sync.WaitGroup
	for _, p := range Partners {
		bodies := make(chan []byte, senders)
		for range senders {
			all.Go(func() {
				for body := range bodies {
					b.post(ctx, p, body)
				}
			})
		}
		all.Go(func() {
			defer close(bodies)
			b.produce(ctx, p, start, bodies)
		})
	}
	all.Wait()
}

// produce makes p's events at its share of the rate. A sender that falls behind sends later, not less.
func (b *Bots) produce(ctx context.Context, p Partner, start time.Time, bodies chan<- []byte) {
	due := start
	for n := 0; ; n++ {
		full := b.Rate * p.Share
		rate := full * min(1, 0.2+0.8*float64(time.Since(start))/float64(ramp))
		due = due.Add(time.Duration(rand.ExpFloat64() / rate * float64(time.Second)))
		if !pause(ctx, time.Until(due)) {
			return
		}
		select {
		case bodies <- event(p, n, time.Now()):
		case <-ctx.Done():
			return
		}
	}
}

// post sends one event until it is acknowledged, with the same id every time.
func (b *Bots) post(ctx context.Context, p Partner, body []byte) {
	b.Sent.Add(1)
	last, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	defer context.AfterFunc(ctx, func() { time.AfterFunc(10*time.Second, cancel) })()
	for try := 0; ; try++ {
		status, err := b.once(last, p, body)
		switch {
		case err == nil && status == http.StatusAccepted:
			b.Acked.Add(1)
			if rand.IntN(100) == 0 {
				if _, err := b.once(last, p, body); err == nil {
					b.Repeats.Add(1)
				}
			}
			return
		case err == nil && status >= 400 && status < 500 && status != http.StatusTooManyRequests:
			b.Refused.Add(1)
			return
		}
		b.Retries.Add(1)
		if !pause(last, time.Duration(1<<min(try, 5))*50*time.Millisecond) {
			return
		}
	}
}

func (b *Bots) once(ctx context.Context, p Partner, body []byte) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, b.URL, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+b.Keys[p.Name])
	resp, err := b.Client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("post event: %w", err)
	}
	defer resp.Body.Close()        //nolint:errcheck // only the status counts
	io.Copy(io.Discard, resp.Body) //nolint:errcheck // only the status counts
	return resp.StatusCode, nil
}

// event is one body as a partner's bot would post it.
func event(p Partner, n int, now time.Time) []byte {
	at := now.UTC().Format("2006-01-02T15:04:05.000Z")
	ip := address()
	chat := 100_000_000 + rand.Int64N(6_000_000_000)
	head := fmt.Sprintf(`{"id":"%s-%d-%06d","occurred_at":%q,"sent_at":%q,"bot":%q,"campaign":%q,"lead":{"chat_id":%d,"ip":%q,"locale":"en"},`,
		p.Name, now.UnixMilli(), n, at, at, p.Bot, p.Campaign, chat, ip)
	var tail string
	switch k := rand.IntN(10); {
	case k < 5:
		tail = fmt.Sprintf(`"type":"lead.started","payload":{"start_param":"c_%s__p_%s","premium":%t}}`, p.Campaign, p.Name, rand.IntN(5) == 0)
	case k < 8:
		tail = fmt.Sprintf(`"type":"lead.qualified","schema":"lead.qualified/2","payload":{"plan":"pro","amount":%d,"currency":"EUR"}}`, 900+rand.IntN(9000))
	case k < 9:
		tail = `"type":"signup.completed","payload":{"plan":"pro"}}`
	default:
		tail = fmt.Sprintf(`"type":"purchase.completed","payload":{"plan":"pro","amount":%d,"currency":"EUR"}}`, 900+rand.IntN(9000))
	}
	return []byte(head + tail)
}

// pool is the number of addresses that come back, as those of mobile carriers do; three leads of ten have a new one,
// so that a third party behind a cache is still asked.
const pool = 2000

func address() string {
	n := rand.Uint32()
	if rand.IntN(10) < 7 {
		n = rand.Uint32N(pool) * 2_654_435_761 // Knuth's multiplicative hash spreads the pool over the address space
	}
	return fmt.Sprintf("%d.%d.%d.%d", 2+(n>>24)%200, n>>16&255, n>>8&255, 1+n&127)
}
