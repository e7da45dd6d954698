package enrich

import (
	"net/netip"
	"time"
)

// cache keeps the newest answers, at most size of them and each for ttl. It has no lock of its own.
type cache struct {
	size  int
	ttl   time.Duration
	known map[netip.Addr]*answer
	ring  answer // head of the list: ring.next was used last, ring.prev is the next to go
}

type answer struct {
	addr       netip.Addr
	country    string
	until      time.Time
	prev, next *answer
}

func newCache(size int, ttl time.Duration) *cache {
	c := &cache{size: size, ttl: ttl, known: map[netip.Addr]*answer{}}
	c.ring.prev, c.ring.next = &c.ring, &c.ring
	return c
}

func (c *cache) get(a netip.Addr, now time.Time) (country string, ok bool) {
	e, ok := c.known[a]
	if !ok {
		return "", false
	}
	e.unlink()
	if !now.Before(e.until) {
		delete(c.known, a)
		return "", false
	}
	c.pushFront(e)
	return e.country, true
}

func (c *cache) put(a netip.Addr, country string, now time.Time) {
	e, ok := c.known[a]
	switch {
	case ok:
		e.unlink()
	case len(c.known) == c.size:
		e = c.ring.prev
		e.unlink()
		delete(c.known, e.addr)
	default:
		e = new(answer)
	}
	e.addr, e.country, e.until = a, country, now.Add(c.ttl)
	c.known[a] = e
	c.pushFront(e)
}

func (c *cache) pushFront(e *answer) {
	e.prev, e.next = &c.ring, c.ring.next
	e.prev.next, e.next.prev = e, e
}

func (e *answer) unlink() {
	e.prev.next, e.next.prev = e.next, e.prev
}
