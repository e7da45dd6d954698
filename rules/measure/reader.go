package measure

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"leadline"
)

// maxQuery bounds one query; queryGrace is what a querier has on top to report that itself.
const (
	maxQuery   = 10 * time.Second
	queryGrace = 2 * time.Second
)

// atOnce is how many queries a reader has under way: all groups of rules share it, and a store's connections are more.
const atOnce = 4

// idle is how long a window is read for those who do not ask for it any more. Groups look once an hour at least.
const idle = 2 * time.Hour

// Querier reads ClickHouse.
type Querier interface {
	Select(ctx context.Context, q leadline.Query) (*leadline.Table, error)
}

// Reader answers asks from ClickHouse. Several may use it at once, and what they need alike is read once: windows are
// read for everybody who has asked for the same labels lately, and remembered until the minute is over.
type Reader struct {
	querier Querier
	busy    chan struct{}
	cubes   memo[cubeKey, *cube]
	slabs   memo[slabKey, *slab]
	sights  memo[sightKey, *seen]

	mu     sync.Mutex
	plans  map[*Ask]*plan // by the first of the asks
	wanted map[shape]map[time.Duration]*wanted
}

// wanted is what is read of a window, and when somebody asked for it last.
type wanted struct {
	demand
	last time.Time
}

// maxSights bounds the series that are remembered: two parts of every set of labels and horizon, and those before them.
const maxSights = 64

// New makes a reader.
func New(q Querier) *Reader {
	r := &Reader{
		querier: q, busy: make(chan struct{}, atOnce), plans: map[*Ask]*plan{},
		wanted: map[shape]map[time.Duration]*wanted{},
	}
	r.sights.keep(maxSights)
	return r
}

// Fetch reads what the asks need of the time before end. What fails is told by Answers.Rows, for the asks that needed it.
func (r *Reader) Fetch(ctx context.Context, asks []*Ask, end time.Time) Answers {
	asks, of := resolved(asks, end)
	p := r.plan(asks, of != nil)
	out := newAnswers(p, of, end)
	var wg sync.WaitGroup
	for s, windows := range p.shapes {
		wg.Go(func() {
			c, err := r.cube(ctx, s, windows, end, p.timeout)
			put(out, out.cubes, s, c, err)
		})
	}
	for _, s := range p.sheets {
		wg.Go(func() {
			page, err := read(ctx, r, s.query(end), p.timeout, s.page)
			put(out, out.pages, s, page, err)
		})
	}
	for _, s := range p.sights {
		wg.Go(func() {
			parts, err := r.sight(ctx, s, end, p.timeout)
			put(out, out.sights, s, parts, err)
		})
	}
	for c, name := range p.customs {
		wg.Go(func() {
			rows, err := read(ctx, r, c.query("leadline rule="+name, end), min(cmp.Or(c.Timeout, maxQuery), p.timeout), c.rows)
			put(out, out.customs, c, rows, err)
		})
	}
	wg.Wait()
	return out
}

// maxPlans bounds how many sets of asks are remembered: as many as there are groups of rules, a few times over.
const maxPlans = 10_000

// plan is made once for the same asks, unless they are those of one moment.
func (r *Reader) plan(asks []*Ask, fleeting bool) *plan {
	if len(asks) == 0 || fleeting {
		return makePlan(asks)
	}
	r.mu.Lock()
	p := r.plans[asks[0]]
	r.mu.Unlock()
	if p != nil && slices.Equal(p.asks, asks) {
		return p
	}
	p = makePlan(slices.Clone(asks))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.plans) >= maxPlans {
		clear(r.plans)
	}
	r.plans[asks[0]] = p
	return p
}

// query runs one query when it is its turn.
func (r *Reader) query(ctx context.Context, q leadline.Query, timeout time.Duration) (*leadline.Table, error) {
	q.Timeout = timeout
	ctx, cancel := context.WithTimeout(ctx, timeout+queryGrace)
	defer cancel()
	select {
	case r.busy <- struct{}{}:
		defer func() { <-r.busy }()
	case <-ctx.Done():
		return nil, fmt.Errorf("%d other queries of rules did not end: %w", atOnce, context.Cause(ctx))
	}
	return r.querier.Select(ctx, q)
}

// read runs a query and takes its answer apart.
func read[T any](ctx context.Context, r *Reader, q leadline.Query, timeout time.Duration, parse func(*leadline.Table) (T, error)) (out T, err error) {
	t, err := r.query(ctx, q, timeout)
	if err != nil {
		return out, err
	}
	return parse(t)
}

// cubeKey is a shape at a moment, and the windows that are read of it.
type cubeKey struct {
	shape
	end     int64
	windows string
}

// slabKey is a settled part of a shape, which is not read again.
type slabKey struct {
	shape
	tier
	cells  string
	shapes span
}

// cube reads a shape for all who want it at this minute.
func (r *Reader) cube(ctx context.Context, s shape, windows map[time.Duration]demand, end time.Time, timeout time.Duration) (*cube, error) {
	end = end.Add(-s.offset).Truncate(time.Minute)
	all := r.want(s, windows, end)
	return r.cubes.get(ctx, cubeKey{s, end.Unix(), fmt.Sprint(all)}, func() (*cube, error) {
		return r.readCube(ctx, s, all, end, timeout)
	})
}

// want adds windows to what is read of a shape.
func (r *Reader) want(s shape, windows map[time.Duration]demand, end time.Time) map[time.Duration]demand {
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.wanted[s]
	if known == nil {
		known = map[time.Duration]*wanted{}
		r.wanted[s] = known
	}
	for w, d := range windows {
		if known[w] == nil {
			known[w] = &wanted{demand: d}
		}
		known[w].demand = known[w].and(d)
		known[w].last = latest(known[w].last, end)
	}
	all := map[time.Duration]demand{}
	for w, x := range known {
		if end.Sub(x.last) > idle || x.fleeting && x.last.Before(end) {
			delete(known, w)
			continue
		}
		all[w] = x.demand
	}
	// Two minutes are remembered of every shape, because groups look at different delays, and three settled parts.
	r.cubes.keep(2 * len(r.wanted))
	r.slabs.keep(6 * len(r.wanted))
	return all
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// readCube reads the minutes and the settled hours of all windows, and when the newest event was in the latter.
func (r *Reader) readCube(ctx context.Context, s shape, windows map[time.Duration]demand, end time.Time, timeout time.Duration) (*cube, error) {
	near, far, ages := readings(s, windows, end)
	c := newCube(s.names(), end)
	for _, x := range []*reading{near, far, ages} {
		if x == nil {
			continue
		}
		read := func() (*slab, error) { return read(ctx, r, x.query(), timeout, x.slab) }
		var part *slab
		var err error
		if x == near {
			part, err = read()
		} else {
			part, err = r.slabs.get(ctx, slabKey{x.shape, x.tier, fmt.Sprint(x.cells), x.shapes}, read)
		}
		if err != nil {
			return nil, err
		}
		c.join(part)
	}
	c.place(windows, near, far, ages)
	return c, nil
}
